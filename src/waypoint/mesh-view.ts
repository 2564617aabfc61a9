// What the waypoint asks of the state that dataplane keeps.

import type { IpAddress } from '../mesh/address.ts';
import type { Service } from '../mesh/service.ts';
import type { PortMapping, ServiceKey, Workload } from '../mesh/workload.ts';

/** An endpoint of a service with its own port mappings. */
export interface ServiceEndpoint {
  readonly workload: Workload;
  readonly ports: readonly PortMapping[];
}

/** Reads of the mesh state; `MeshState` has them all. */
export interface MeshView {
  workloadByAddress(network: string, address: IpAddress): Workload | undefined;
  serviceByAddress(
    network: string,
    address: IpAddress,
    clientNamespace: string,
  ): Service | undefined;
  serviceByHostname(hostname: string, namespace?: string): Service | undefined;
  serviceByKey(key: ServiceKey): Service | undefined;
  endpointsOf(key: ServiceKey): readonly ServiceEndpoint[];
}
