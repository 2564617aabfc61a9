// Opens a byte stream to an endpoint: by a tunnel in the waypoint's own name, or by plain TCP where the
// endpoint is not in the mesh (protocol section 3.8).

import { connect, type Socket } from 'node:net';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { type TunnelResult, type TunnelTarget, tunnelPort } from '../../dataplane/tunnel/tunnel.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import { type Identity, parseIdentity } from '../../mesh/identity.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { UpstreamEndpoint } from './endpoints.ts';

/** As Istio's mesh-wide default. */
const connectTimeoutMs = 10_000;
const keepAliveMs = 180_000;

/** Whom a stream is opened for. */
export interface UpstreamCaller {
  /** 32 hexadecimal digits, passed on. */
  readonly traceId: string;
  /** 16 hexadecimal digits, of this hop. */
  readonly spanId: string;
  readonly client: Endpoint;
}

/** Opens a stream to an endpoint; throws AmbitError with the code of the reason. */
export type OpenUpstream = (
  endpoint: UpstreamEndpoint,
  caller: UpstreamCaller,
  signal: AbortSignal,
) => Promise<ByteStream>;

export interface UpstreamOptions {
  readonly identity: Identity;
  readonly tunnels: {
    open(target: TunnelTarget, options?: { signal?: AbortSignal }): Promise<TunnelResult>;
  };
  /** The port on which endpoints accept tunnels; another one only in tests. */
  readonly endpointTunnelPort?: number;
}

/** Makes the opener of one waypoint. */
export function upstreamOpener(options: UpstreamOptions): OpenUpstream {
  return async (endpoint, caller, signal) => {
    if (endpoint.workload.tunnelProtocol !== 'hbone') {
      return socketStream(await connectPlain(endpoint, signal));
    }
    const target = tunnelTarget(endpoint, caller, options);
    const result = await options.tunnels.open(target, { signal });
    if (result.kind === 'open') return result.stream;
    const decision = result.headers.get('ambit-decision');
    const detail = decision === undefined ? '' : ` (its decision: ${decision})`;
    const what = `${formatEndpoint(endpoint)} answered the tunnel with ${result.status}${detail}`;
    throw new AmbitError('AMB1507', what);
  };
}

function tunnelTarget(
  endpoint: UpstreamEndpoint,
  caller: UpstreamCaller,
  options: UpstreamOptions,
): TunnelTarget {
  const { workload, service, address } = endpoint;
  const sans = (service?.subjectAltNames ?? [])
    .map(parseIdentity)
    .filter((identity) => identity !== undefined);
  const host = service === undefined ? '' : `;host=${service.hostname}`;
  return {
    sourceIdentity: options.identity,
    expectedIdentities: [identityOfWorkload(workload), ...sans],
    peer: { address, port: options.endpointTunnelPort ?? tunnelPort },
    authority: formatEndpoint(endpoint),
    headers: {
      forwarded: `for="${formatEndpoint(caller.client)}"${host}`,
      traceparent: `00-${caller.traceId}-${caller.spanId}-00`,
    },
    poolScope: 'waypoint',
    connect: (peer) => connectTcp(peer, AbortSignal.timeout(connectTimeoutMs)),
  };
}

async function connectPlain(endpoint: UpstreamEndpoint, signal: AbortSignal): Promise<Socket> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]);
  try {
    return await connectTcp(endpoint, bounded);
  } catch (error) {
    const code = bounded.aborted ? 'AMB1410' : 'AMB1409';
    throw new AmbitError(code, `cannot connect to ${formatEndpoint(endpoint)}`, { cause: error });
  }
}

function connectTcp(peer: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: peer.address,
      port: peer.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    socket.once('connect', () => {
      settle();
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
