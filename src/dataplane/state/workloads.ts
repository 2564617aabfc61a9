// Workloads by uid, by address, by pod, and as endpoints of services.

import type { IpAddress } from '../../mesh/address.ts';
import type { ServiceEndpoint } from '../../mesh/mesh-view.ts';
import type { PortMapping, ServiceKey, Workload } from '../../mesh/workload.ts';

/** The workload tables. */
export class Workloads {
  readonly #byUid = new Map<string, Workload>();
  /** Several may claim an address for a while, such as an old and a new pod. */
  readonly #byAddress = new Map<string, Set<Workload>>();
  /** By `NAMESPACE/HOSTNAME`; few have a host name. */
  readonly #byHostname = new Map<string, Set<Workload>>();
  readonly #byPod = new Map<string, Set<Workload>>();
  /** Endpoints may come before their service does. */
  readonly #endpoints = new Map<ServiceKey, Map<string, readonly PortMapping[]>>();
  /** What `endpointsOf` answered, as long as it is true. */
  readonly #lists = new Map<ServiceKey, readonly ServiceEndpoint[]>();

  all(): IterableIterator<Workload> {
    return this.#byUid.values();
  }

  byUid(uid: string): Workload | undefined {
    return this.#byUid.get(uid);
  }

  byAddress(network: string, address: IpAddress): Workload | undefined {
    return best(this.#byAddress.get(`${network}/${address}`));
  }

  /** Whose an address within the mesh is, in words: a pod's, a machine's or a node's. Addresses that only
   * stand in an endpoint list are outside. */
  ownerOf(network: string, address: IpAddress): string | undefined {
    if (this.#byAddress.has(`${network}/${address} node`)) return 'a node';
    const claimants = this.#byAddress.get(`${network}/${address}`) ?? [];
    const owner = [...claimants].find(({ uid }) => !listedOnly.test(uid));
    return owner && `${owner.namespace}/${owner.name}`;
  }

  byHostname(namespace: string, hostname: string): Workload | undefined {
    return best(this.#byHostname.get(`${namespace}/${hostname}`));
  }

  ofPod(namespace: string, name: string, serviceAccount: string): Workload | undefined {
    const candidates = this.#byPod.get(`${namespace}/${name}`) ?? [];
    return [...candidates].find((workload) => workload.serviceAccount === serviceAccount);
  }

  /** The same list as before while nothing has changed in it. */
  endpointsOf(key: ServiceKey): readonly ServiceEndpoint[] {
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const endpoints: ServiceEndpoint[] = [];
    for (const [uid, ports] of this.#endpoints.get(key) ?? []) {
      const workload = this.#byUid.get(uid);
      if (workload !== undefined) endpoints.push({ workload, ports });
    }
    if (endpoints.length === 0) return none;
    this.#lists.set(key, endpoints);
    return endpoints;
  }

  set(workload: Workload): void {
    this.remove(workload.uid);
    this.#byUid.set(workload.uid, workload);
    for (const key of addressKeys(workload)) addTo(this.#byAddress, key, workload);
    if (workload.hostname !== '') addTo(this.#byHostname, hostnameKey(workload), workload);
    addTo(this.#byPod, `${workload.namespace}/${workload.name}`, workload);
    for (const [key, ports] of workload.services) {
      const endpoints = this.#endpoints.get(key) ?? new Map<string, readonly PortMapping[]>();
      this.#endpoints.set(key, endpoints.set(workload.uid, ports));
      this.#lists.delete(key);
    }
  }

  /** Whether there was one. */
  remove(uid: string): boolean {
    const workload = this.#byUid.get(uid);
    if (workload === undefined) return false;
    this.#byUid.delete(uid);
    for (const key of addressKeys(workload)) removeFrom(this.#byAddress, key, workload);
    removeFrom(this.#byHostname, hostnameKey(workload), workload);
    removeFrom(this.#byPod, `${workload.namespace}/${workload.name}`, workload);
    for (const key of workload.services.keys()) {
      const endpoints = this.#endpoints.get(key);
      endpoints?.delete(uid);
      this.#lists.delete(key);
      if (endpoints?.size === 0) this.#endpoints.delete(key);
    }
    return true;
  }
}

/** Endpoints within ServiceEntries and EndpointSlices. */
const listedOnly = /\/(?:ServiceEntry|EndpointSlice)\//;

const none: readonly ServiceEndpoint[] = [];

function hostnameKey({ namespace, hostname }: Workload): string {
  return `${namespace}/${hostname}`;
}

/** Pods on their node's network share its address, so they are not found by it as other workloads are. What
 * else says that it is on a node's network only has an address that may be shared. */
function addressKeys({ uid, networkMode, network, addresses }: Workload): readonly string[] {
  if (networkMode !== 'host') return addresses.map((address) => `${network}/${address}`);
  if (!isPod(uid)) return [];
  return addresses.map((address) => `${network}/${address} node`);
}

/** A pod with a tunnel before a pod, before something else with a tunnel. */
function best(candidates: ReadonlySet<Workload> | undefined): Workload | undefined {
  let found: Workload | undefined;
  for (const candidate of candidates ?? []) {
    if (found === undefined || rankOf(candidate) > rankOf(found)) found = candidate;
  }
  return found;
}

function rankOf({ uid, tunnelProtocol }: Workload): number {
  return (isPod(uid) ? 2 : 0) + (tunnelProtocol === 'hbone' ? 1 : 0);
}

function isPod(uid: string): boolean {
  return uid.includes('//Pod/');
}

function addTo(index: Map<string, Set<Workload>>, key: string, workload: Workload): void {
  const entries = index.get(key) ?? new Set();
  index.set(key, entries.add(workload));
}

function removeFrom(index: Map<string, Set<Workload>>, key: string, workload: Workload): void {
  const entries = index.get(key);
  entries?.delete(workload);
  if (entries?.size === 0) index.delete(key);
}
