// The protocol of a service port, from its declaration (features section 0.5).

import type { ServicePort } from '../../mesh/service.ts';
import type { ServicePortSpec } from '../kinds/core.ts';

type AppProtocol = ServicePort['appProtocol'];

const byWord: Readonly<Record<string, AppProtocol>> = {
  http: 'http11',
  http_proxy: 'http11',
  http2: 'http2',
  grpc: 'grpc',
  'grpc-web': 'grpc',
  tcp: 'tcp',
  mongo: 'tcp',
  redis: 'tcp',
  mysql: 'tcp',
  https: 'tls',
  tls: 'tls',
  udp: 'unknown',
};

const byKubernetesName: Readonly<Record<string, AppProtocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http11',
  'kubernetes.io/wss': 'tls',
};

/** Ports whose servers speak first, so that they cannot be sniffed. */
const serverFirst = new Set([25, 53, 3306, 27_017]);

/** The protocol that a port declares; `unknown` is left to detection. */
export function protocolOf(port: ServicePortSpec): AppProtocol {
  if (port.protocol === 'UDP') return 'unknown';
  const special = byKubernetesName[port.appProtocol ?? ''];
  if (special !== undefined) return special;
  const declared = (port.appProtocol ?? port.name ?? '').toLowerCase();
  if (declared.startsWith('grpc-web')) return 'grpc';
  const named = protocolNamed(declared.split('-', 1)[0] ?? '');
  if (named !== undefined) return named;
  return serverFirst.has(port.port) ? 'tcp' : 'unknown';
}

/** The protocol of a word such as `HTTP2`; undefined for a word that is none. */
export function protocolNamed(word: string): AppProtocol | undefined {
  const lower = word.toLowerCase();
  return Object.hasOwn(byWord, lower) ? byWord[lower] : undefined;
}
