// Services by key, by virtual address and by host name (protocol section 9.1).

import { cidrContains, type IpAddress } from '../../mesh/address.ts';
import { keyOfService, type Service, type VirtualAddress } from '../../mesh/service.ts';
import type { ServiceKey } from '../../mesh/workload.ts';

/** The service tables. */
export class Services {
  readonly #byKey = new Map<string, Service>();
  readonly #byAddress = new Map<string, Set<Service>>();
  readonly #byHostname = new Map<string, Set<Service>>();
  /** Services with virtual networks rather than addresses; few. */
  readonly #withNetworks = new Set<Service>();

  all(): IterableIterator<Service> {
    return this.#byKey.values();
  }

  byKey(key: ServiceKey): Service | undefined {
    return this.#byKey.get(key);
  }

  ofHostname(hostname: string): Iterable<Service> {
    return this.#byHostname.get(hostname) ?? [];
  }

  byHostname(hostname: string, namespace?: string): Service | undefined {
    return preferred(this.#byHostname.get(hostname) ?? [], namespace ?? '');
  }

  byAddress(network: string, address: IpAddress, clientNamespace: string): Service | undefined {
    const exact = visible(this.#byAddress.get(`${network}/${address}`) ?? [], clientNamespace);
    return preferred(exact, clientNamespace) ?? this.#byNetwork(network, address, clientNamespace);
  }

  /** The client's own namespace, then the longest network, then the canonical service. */
  #byNetwork(network: string, address: IpAddress, namespace: string): Service | undefined {
    let found: { service: Service; rank: number } | undefined;
    for (const service of visible(this.#withNetworks, namespace)) {
      for (const vip of service.addresses) {
        if (!isNetwork(vip) || vip.network !== network) continue;
        if (!cidrContains(vip, address)) continue;
        const own = service.namespace === namespace ? 1_000 : 0;
        const rank = own + vip.length * 2 + (service.canonical ? 1 : 0);
        if (found === undefined || rank > found.rank) found = { service, rank };
      }
    }
    return found?.service;
  }

  set(service: Service): void {
    const key = keyOfService(service);
    this.remove(key);
    this.#byKey.set(key, service);
    addTo(this.#byHostname, service.hostname, service);
    for (const vip of service.addresses) {
      if (isNetwork(vip)) this.#withNetworks.add(service);
      else addTo(this.#byAddress, `${vip.network}/${vip.address}`, service);
    }
  }

  /** Forgets a service by its key; other names are ignored. */
  remove(key: string): void {
    const service = this.#byKey.get(key);
    if (service === undefined) return;
    this.#byKey.delete(key);
    this.#withNetworks.delete(service);
    removeFrom(this.#byHostname, service.hostname, service);
    for (const { network, address } of service.addresses) {
      removeFrom(this.#byAddress, `${network}/${address}`, service);
    }
  }
}

function isNetwork(vip: VirtualAddress): vip is VirtualAddress & { readonly length: number } {
  return vip.length !== undefined;
}

function* visible(services: Iterable<Service>, namespace: string): Generator<Service> {
  for (const service of services) {
    if (service.visibility === 'public' || service.namespace === namespace) yield service;
  }
}

/** The client's own namespace, then the canonical one, then the first. */
function preferred(services: Iterable<Service>, namespace: string): Service | undefined {
  let found: Service | undefined;
  for (const service of services) {
    if (service.namespace === namespace) return service;
    if (found === undefined || (service.canonical && !found.canonical)) found = service;
  }
  return found;
}

function addTo(index: Map<string, Set<Service>>, key: string, service: Service): void {
  const entries = index.get(key) ?? new Set();
  index.set(key, entries.add(service));
}

function removeFrom(index: Map<string, Set<Service>>, key: string, service: Service): void {
  const entries = index.get(key);
  entries?.delete(service);
  if (entries?.size === 0) index.delete(key);
}
