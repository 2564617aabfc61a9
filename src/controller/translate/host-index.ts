// Services by host name.

import type { Service } from '../../mesh/service.ts';
import { type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import { namespaceOfHost, resolveHost } from './hostnames.ts';
import type { MeshOptions } from './mesh-options.ts';

/** Finds the service that a host of a route means. */
export type HostLookup = (host: string) => ServiceKey;

/** Finds the service that a host means to an object of a namespace. */
export type ScopedHostLookup = (host: string, namespace: string) => ServiceKey;

/** Services by host name, as routes refer to them. */
export class HostIndex {
  readonly #byHost = new Map<string, ServiceKey>();
  readonly #mesh: MeshOptions;

  constructor(services: ReadonlyMap<ServiceKey, Service>, mesh: MeshOptions) {
    this.#mesh = mesh;
    for (const [key, service] of services) this.#byHost.set(service.hostname, key);
  }

  /** The service that a host means for an object of a namespace, if it exists. */
  find(host: string, namespace: string): ServiceKey | undefined {
    return this.#byHost.get(resolveHost(host, namespace, this.#mesh));
  }

  /** The same, with a key of its own for a service that does not exist, so that the waypoint answers
   * by name that it has no endpoints. */
  keyFor(host: string, namespace: string): ServiceKey {
    const hostname = resolveHost(host, namespace, this.#mesh);
    const found = this.#byHost.get(hostname);
    return found ?? serviceKey(namespaceOfHost(hostname, this.#mesh) ?? namespace, hostname);
  }
}
