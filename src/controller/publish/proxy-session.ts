// One connected proxy: what it wants, what it has, what it has yet to answer. No I/O.
//
// Per type: unsubscribed -> (first request) -> due -> (response sent) -> waiting -> (ack or nack) ->
// idle -> (change) -> waiting ... A type that is waiting is not sent again until it is answered, so
// that a slow proxy holds one response per type and not a queue.
//
// Policies and the workloads that refer to them are ordered across types. A policy goes first, since
// a proxy skips one that it lacks; while it cannot go, workloads wait too. It goes once more after
// them, since a proxy judges its open connections anew when policies arrive, not when a workload
// begins to refer to one (istio/ztunnel, src/proxy/connection_manager.rs).

import { type DeltaRequest, type DeltaResponse, typeUrls } from '../../wire/xds.ts';
import { interestOf, type Proxy, sendOrder, type TypeUrl } from './interest.ts';
import {
  changesIn,
  type PublishedResource,
  type PublishedSnapshot,
  type ResourceTable,
} from './resources.ts';

/** The state of one type on one stream. */
interface TypeState {
  /** What the proxy holds: version by name. */
  held: Map<string, string>;
  /** What was current at the last response; empty before. */
  sent: ResourceTable;
  /** Set until the first response has been sent: it is sent even when empty. */
  due: boolean;
  /** The nonce that has not been answered yet. */
  waitingFor: string | undefined;
  /** Names that the proxy asked for by name since the last response. */
  asked: Set<string>;
  /** The hash of the last snapshot that the proxy acknowledged for this type. */
  acknowledged: string;
  sentHash: string;
}

/** What a request turned out to be. */
export type RequestOutcome =
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** An answer to something else than the last response. */
  | { readonly kind: 'stale' };

/** The subscriptions of one stream. */
export class ProxySession {
  readonly proxy: Proxy;
  readonly #types = new Map<TypeUrl, TypeState>();
  #nonces = 0;

  constructor(proxy: Proxy) {
    this.proxy = proxy;
  }

  /** Takes a request. */
  receive(typeUrl: TypeUrl, request: DeltaRequest): RequestOutcome {
    const state = this.#types.get(typeUrl);
    if (state === undefined) {
      this.#types.set(typeUrl, {
        held: new Map(request.initialVersions),
        sent: new Map(),
        due: true,
        waitingFor: undefined,
        asked: new Set(),
        acknowledged: '',
        sentHash: '',
      });
      return { kind: 'subscribed' };
    }
    for (const name of request.subscribe) if (name !== '*') state.asked.add(name);
    if (request.responseNonce === '') return { kind: 'subscribed' };
    if (request.responseNonce !== state.waitingFor) return { kind: 'stale' };
    state.waitingFor = undefined;
    if (request.error !== undefined) return { kind: 'refused', reason: request.error };
    state.acknowledged = state.sentHash;
    return { kind: 'acknowledged' };
  }

  /** The responses that are to be sent now, in order. */
  responses(snapshot: PublishedSnapshot): DeltaResponse[] {
    const order = this.#policiesMustWait(snapshot)
      ? sendOrder.filter((typeUrl) => typeUrl !== typeUrls.address)
      : [...sendOrder, typeUrls.authorization];
    return order.flatMap((typeUrl) => {
      const state = this.#types.get(typeUrl);
      if (state === undefined || state.waitingFor !== undefined) return [];
      return this.#respond(typeUrl, state, snapshot) ?? [];
    });
  }

  /** Hash of the snapshot that is in force at the proxy, as far as it has said. */
  acknowledged(typeUrl: TypeUrl): string | undefined {
    return this.#types.get(typeUrl)?.acknowledged;
  }

  #respond(
    typeUrl: TypeUrl,
    state: TypeState,
    snapshot: PublishedSnapshot,
  ): DeltaResponse | undefined {
    const current = interestOf(this.proxy, typeUrl, snapshot);
    const { resources, removed } = changesIn(current, state.held, state.asked);
    if (!state.due && resources.length === 0 && removed.length === 0) return undefined;
    state.due = false;
    state.asked.clear();
    if (typeUrl === typeUrls.address) this.#repeatPolicies(resources, state);
    state.sent = current;
    state.held = new Map([...current.values()].map(({ name, version }) => [name, version]));
    const nonce = String(++this.#nonces);
    state.waitingFor = nonce;
    state.sentHash = snapshot.hash;
    return { systemVersion: snapshot.hash, typeUrl, nonce, resources, removed };
  }

  /** Whether policies have changed while the proxy has yet to answer the last ones. */
  #policiesMustWait(snapshot: PublishedSnapshot): boolean {
    const state = this.#types.get(typeUrls.authorization);
    if (state?.waitingFor === undefined) return false;
    const current = interestOf(this.proxy, typeUrls.authorization, snapshot);
    return changesIn(current, state.held, new Set()).resources.length > 0;
  }

  /** Has the policies sent again that known workloads begin to refer to. */
  #repeatPolicies(workloads: readonly PublishedResource[], state: TypeState): void {
    const policies = this.#types.get(typeUrls.authorization);
    if (policies === undefined) return;
    for (const { name, policies: references = [] } of workloads) {
      if (!state.held.has(name)) continue;
      const before = state.sent.get(name)?.policies ?? [];
      for (const policy of references) {
        if (policies.held.has(policy) && !before.includes(policy)) policies.asked.add(policy);
      }
    }
  }
}
