// The probes of a pod that go over its network. Pure.

import type { Container, PodObject } from './facts.ts';

export interface NetworkProbe {
  readonly container: string;
  readonly kind: 'livenessProbe' | 'readinessProbe' | 'startupProbe';
  /** Another address than the pod's, where one is set. */
  readonly host?: string;
  readonly port: number;
}

const kinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** HTTP, TCP and gRPC probes; named ports as numbers. */
export function networkProbes({ spec }: PodObject): readonly NetworkProbe[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return containers.flatMap((container) =>
    kinds.flatMap((kind) => {
      const probe = container[kind];
      const target = probe?.httpGet ?? probe?.tcpSocket ?? probe?.grpc;
      const port = target && portNumber(target.port, container);
      if (target === undefined || port === undefined) return [];
      const host = 'host' in target ? target.host : undefined;
      return [{ container: container.name, kind, port, ...(host && { host }) }];
    }),
  );
}

function portNumber(port: number | string, { ports = [] }: Container): number | undefined {
  if (typeof port === 'number') return port;
  return ports.find(({ name }) => name === port)?.containerPort;
}
