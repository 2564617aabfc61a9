// What a proxy believes of the mesh. The only writer of the indexes; a batch becomes visible at once,
// and whoever asked is told afterwards (protocol section 4.6).

import type { IpAddress } from '../../mesh/address.ts';
import type { Authorization } from '../../mesh/authorization.ts';
import type { GatewayView } from '../../mesh/find-gateway.ts';
import type { ApplicablePolicies, ServiceEndpoint } from '../../mesh/mesh-view.ts';
import type { NameView } from '../../mesh/resolve-name.ts';
import { keyOfService, type Service } from '../../mesh/service.ts';
import type { ServiceKey, Workload } from '../../mesh/workload.ts';
import type { Clock } from '../../runtime/clock.ts';
import { inTurns, type Turns } from '../../runtime/turns.ts';
import type { MeshAddress } from '../../wire/address.ts';
import type { ResourceBatch } from '../subscription-kind.ts';
import { Authorizations } from './authorizations.ts';
import { Services } from './services.ts';
import { Workloads } from './workloads.ts';

/** The largest batch that is applied in place; a few milliseconds of work. */
const usualMaxInPlace = 500;

/** What has changed. */
export type StateChange = 'addresses' | 'authorizations';

/** Workloads, services and policies, with their indexes. */
export class MeshState implements GatewayView, NameView {
  #workloads = new Workloads();
  #services = new Services();
  readonly #authorizations = new Authorizations();
  readonly #listeners = new Set<(change: StateChange) => void>();
  readonly #maxInPlace: number;

  /** Batches above `maxInPlace` resources get new tables, see `loadAddresses`. */
  constructor(maxInPlace = usualMaxInPlace) {
    this.#maxInPlace = maxInPlace;
  }

  applyAddresses(batch: ResourceBatch<MeshAddress>): void {
    for (const name of batch.removed) {
      if (!this.#workloads.remove(name)) this.#services.remove(name);
    }
    for (const address of batch.updated.values()) {
      if (address.kind === 'workload') this.#workloads.set(address.workload);
      else this.#services.set(address.service);
    }
    this.#authorizations.forgetUnused(this.#workloads.all());
    this.#tell('addresses');
  }

  /** As `applyAddresses`, for batches of any size. A large one is put together with what stays in new
   * tables, a slice at a time, and these take the place of the old ones at once. One batch at a time. */
  async loadAddresses(batch: ResourceBatch<MeshAddress>, turns: Turns): Promise<void> {
    if (batch.updated.size + batch.removed.length <= this.#maxInPlace) {
      this.applyAddresses(batch);
      return;
    }
    const { workloads, services } = await inTurns(this.#rebuilt(batch), turns);
    this.#workloads = workloads;
    this.#services = services;
    this.#authorizations.forgetUnused(workloads.all());
    this.#tell('addresses');
  }

  *#rebuilt({ updated, removed }: ResourceBatch<MeshAddress>) {
    const workloads = new Workloads();
    const services = new Services();
    const gone = new Set(removed);
    for (const workload of this.#workloads.all()) {
      if (gone.delete(workload.uid) || updated.has(workload.uid)) continue;
      workloads.set(workload);
      yield;
    }
    for (const service of this.#services.all()) {
      const key = keyOfService(service);
      if (gone.has(key) || updated.has(key)) continue;
      services.set(service);
      yield;
    }
    for (const address of updated.values()) {
      if (address.kind === 'workload') workloads.set(address.workload);
      else services.set(address.service);
      yield;
    }
    return { workloads, services };
  }

  applyAuthorizations(batch: ResourceBatch<Authorization>): void {
    this.#authorizations.apply(batch);
    this.#authorizations.forgetUnused(this.#workloads.all());
    this.#tell('authorizations');
  }

  /** Whether an address is known to be that of a node. */
  isNodeAddress(network: string, address: IpAddress): boolean {
    return this.#workloads.isOnNode(network, address);
  }

  workloadByAddress(network: string, address: IpAddress): Workload | undefined {
    return this.#workloads.byAddress(network, address);
  }

  workloadByHostname(namespace: string, hostname: string): Workload | undefined {
    return this.#workloads.byHostname(namespace, hostname);
  }

  workloadByUid(uid: string): Workload | undefined {
    return this.#workloads.byUid(uid);
  }

  /** The workload of a pod, as the node agent names it. */
  workloadOfPod(pod: PodName): Workload | undefined {
    return this.#workloads.ofPod(pod.namespace, pod.name, pod.serviceAccount);
  }

  serviceByAddress(
    network: string,
    address: IpAddress,
    clientNamespace: string,
  ): Service | undefined {
    return this.#services.byAddress(network, address, clientNamespace);
  }

  serviceByKey(key: ServiceKey): Service | undefined {
    return this.#services.byKey(key);
  }

  /** All services of a host name, whoever may see them. */
  servicesByHostname(hostname: string): Iterable<Service> {
    return this.#services.ofHostname(hostname);
  }

  /** The service of a host name, preferably in a namespace, else the canonical one. */
  serviceByHostname(hostname: string, namespace?: string): Service | undefined {
    return this.#services.byHostname(hostname, namespace);
  }

  endpointsOf(key: ServiceKey): readonly ServiceEndpoint[] {
    return this.#workloads.endpointsOf(key);
  }

  /** The policies for connections to a workload. */
  policiesFor(workload: Workload): ApplicablePolicies {
    return this.#authorizations.of(workload);
  }

  workloads(): IterableIterator<Workload> {
    return this.#workloads.all();
  }

  services(): IterableIterator<Service> {
    return this.#services.all();
  }

  authorizations(): IterableIterator<Authorization> {
    return this.#authorizations.all();
  }

  /** Calls back after every batch, until the answer is called. */
  subscribe(listener: (change: StateChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What `find` answers, as soon as it answers something; undefined when the time is up. */
  async waitFor<T>(
    find: () => T | undefined,
    limit: { readonly timeoutMs: number; readonly clock: Clock; readonly signal?: AbortSignal },
  ): Promise<T | undefined> {
    const now = find();
    if (now !== undefined) return now;
    const found = new AbortController();
    const unsubscribe = this.subscribe(() => {
      if (find() !== undefined) found.abort();
    });
    const { timeoutMs, clock, signal } = limit;
    const until = signal === undefined ? found.signal : AbortSignal.any([found.signal, signal]);
    await clock.wait(timeoutMs, until).catch(() => undefined);
    unsubscribe();
    return find();
  }

  #tell(change: StateChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** How the node agent names a pod. */
export interface PodName {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}
