// One place that a request can go to.

import type { IpAddress } from '../../mesh/address.ts';
import type { MeshView } from '../../mesh/mesh-view.ts';
import { keyOfService, type Service } from '../../mesh/service.ts';
import type { Workload } from '../../mesh/workload.ts';

/** What the waypoint asks of the mesh's state. */
export interface WaypointMeshView extends MeshView {
  /** Preferably the one in the namespace. */
  serviceByHostname(hostname: string, namespace?: string): Service | undefined;
}

export interface UpstreamEndpoint {
  readonly workload: Workload;
  readonly address: IpAddress;
  readonly port: number;
  /** The service it was chosen for. */
  readonly service?: Service;
}

/** The port of a backend: the one it names, the only one of the service, or that of the request. */
export function backendPort(service: Service, named: number | undefined, asked: number): number {
  const [only] = service.ports;
  if (named !== undefined) return named;
  return service.ports.length === 1 && only !== undefined ? only.servicePort : asked;
}

/** What tells endpoints apart: two services may share a pod and a port. */
export function keyOfEndpoint({ workload, address, port, service }: UpstreamEndpoint): string {
  const key = service === undefined ? '' : keyOfService(service);
  return `${workload.uid} ${address} ${port} ${key}`;
}
