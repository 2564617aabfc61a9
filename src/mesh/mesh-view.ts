// What the pure decisions may ask of the mesh's state. A proxy answers from its live indexes, other
// callers from a recorded snapshot; within one decision the answers are of one moment.

import type { IpAddress } from './address.ts';
import type { Authorization } from './authorization.ts';
import type { Service } from './service.ts';
import type { PortMapping, ServiceKey, Workload } from './workload.ts';

/** A workload as an endpoint of one service. */
export interface ServiceEndpoint {
  readonly workload: Workload;
  /** Its own port mappings for that service. */
  readonly ports: readonly PortMapping[];
}

/** The policies that apply to a workload. */
export interface ApplicablePolicies {
  readonly policies: readonly Authorization[];
  /** `NAMESPACE/NAME` of those that the workload refers to and that are not known. */
  readonly missing: readonly string[];
}

/** Lookups. */
export interface MeshView {
  workloadByAddress(network: string, address: IpAddress): Workload | undefined;
  /** The service with this virtual address that a client in a namespace sees. */
  serviceByAddress(
    network: string,
    address: IpAddress,
    clientNamespace: string,
  ): Service | undefined;
  serviceByKey(key: ServiceKey): Service | undefined;
  /** Healthy or not; choosing is the caller's. Another list when something has changed in it; the same one
   * only while nothing has. */
  endpointsOf(key: ServiceKey): readonly ServiceEndpoint[];
}
