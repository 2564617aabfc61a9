// The mesh with the endpoints of one service replaced, as names that have been resolved replace them.

import type { IpAddress } from '../../mesh/address.ts';
import type { ServiceEndpoint } from '../../mesh/mesh-view.ts';
import type { Service } from '../../mesh/service.ts';
import type { ServiceKey, Workload } from '../../mesh/workload.ts';
import type { WaypointMeshView } from '../upstream/endpoints.ts';

export class MeshWithAddresses implements WaypointMeshView {
  readonly #mesh: WaypointMeshView;
  readonly #key: ServiceKey;
  readonly #endpoints: readonly ServiceEndpoint[];

  constructor(mesh: WaypointMeshView, key: ServiceKey, endpoints: readonly ServiceEndpoint[]) {
    this.#mesh = mesh;
    this.#key = key;
    this.#endpoints = endpoints;
  }

  endpointsOf(key: ServiceKey): readonly ServiceEndpoint[] {
    return key === this.#key ? this.#endpoints : this.#mesh.endpointsOf(key);
  }

  workloadByAddress(network: string, address: IpAddress): Workload | undefined {
    return this.#mesh.workloadByAddress(network, address);
  }

  serviceByAddress(network: string, address: IpAddress, namespace: string): Service | undefined {
    return this.#mesh.serviceByAddress(network, address, namespace);
  }

  serviceByKey(key: ServiceKey): Service | undefined {
    return this.#mesh.serviceByKey(key);
  }

  serviceByHostname(hostname: string, namespace?: string): Service | undefined {
    return this.#mesh.serviceByHostname(hostname, namespace);
  }

  isNodeAddress(network: string, address: IpAddress): boolean {
    return this.#mesh.isNodeAddress(network, address);
  }
}
