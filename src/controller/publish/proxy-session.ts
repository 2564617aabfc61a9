// One connected proxy: what it wants, what it has, what it has yet to answer. No I/O.
//
// Per type: unsubscribed -> (first request) -> due -> (response sent) -> waiting -> (ack or nack) ->
// idle -> (change) -> waiting ... A type that is waiting is not sent again until it is answered, so
// that a slow proxy holds one response per type and not a queue. Workloads wait for the policies
// that they may refer to: Istio's ztunnel skips a policy that it lacks, which lets traffic pass.

import {
  type DeltaRequest,
  type DeltaResponse,
  type DiscoveryResource,
  typeUrls,
} from '../../wire/xds.ts';
import { interestOf, type Proxy, sendOrder, type TypeUrl } from './interest.ts';
import type { PublishedSnapshot } from './resources.ts';

/** The state of one type on one stream. */
interface TypeState {
  /** What the proxy holds: version by name. */
  held: Map<string, string>;
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
    const policiesWait = this.#policiesWait(snapshot);
    return sendOrder.flatMap((typeUrl) => {
      const state = this.#types.get(typeUrl);
      if (state === undefined || state.waitingFor !== undefined) return [];
      if (policiesWait && typeUrl === typeUrls.address) return [];
      return this.#respond(typeUrl, state, snapshot) ?? [];
    });
  }

  /** Hash of the snapshot that is in force at the proxy, as far as it has said. */
  acknowledged(typeUrl: TypeUrl): string | undefined {
    return this.#types.get(typeUrl)?.acknowledged;
  }

  /** Whether there are policies to send while the last ones have not been answered. */
  #policiesWait(snapshot: PublishedSnapshot): boolean {
    const state = this.#types.get(typeUrls.authorization);
    if (state?.waitingFor === undefined) return false;
    const current = interestOf(this.proxy, typeUrls.authorization, snapshot);
    return [...current.values()].some(({ name, version }) => state.held.get(name) !== version);
  }

  #respond(
    typeUrl: TypeUrl,
    state: TypeState,
    snapshot: PublishedSnapshot,
  ): DeltaResponse | undefined {
    const current = interestOf(this.proxy, typeUrl, snapshot);
    const resources: DiscoveryResource[] = [];
    for (const resource of current.values()) {
      const same = state.held.get(resource.name) === resource.version;
      if (!same || state.asked.has(resource.name)) resources.push(resource);
    }
    const removed = [...new Set([...state.held.keys(), ...state.asked])].filter(
      (name) => !current.has(name),
    );
    if (!state.due && resources.length === 0 && removed.length === 0) return undefined;
    state.due = false;
    state.asked.clear();
    state.held = new Map([...current.values()].map(({ name, version }) => [name, version]));
    const nonce = String(++this.#nonces);
    state.waitingFor = nonce;
    state.sentHash = snapshot.hash;
    return { systemVersion: snapshot.hash, typeUrl, nonce, resources, removed };
  }
}
