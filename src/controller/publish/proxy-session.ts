// One connected proxy: what it wants, what it has, what it has yet to answer. No I/O.
//
// A type that is waiting for an answer is not sent again until it is answered, so that a slow proxy
// holds one response per type and not a queue. Workloads wait for the policies that they may refer to:
// Istio's ztunnel skips a policy that it lacks, which lets traffic pass.

import { type DeltaRequest, type DeltaResponse, typeUrls } from '../../wire/xds.ts';
import { alwaysDemanded, interestOf, type Proxy, sendOrder, type TypeUrl } from './interest.ts';
import type { PublishedSnapshot } from './resources.ts';
import { TypeState } from './type-state.ts';

/** What a request turned out to be. */
export type RequestOutcome =
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** An answer to something else than the last response. */
  | { readonly kind: 'stale' };

/** How far a proxy has come with one type. */
export interface TypeProgress {
  readonly typeUrl: TypeUrl;
  /** Whether what was sent has not been answered yet. */
  readonly isWaiting: boolean;
  /** The hash of the snapshot that it acknowledged; empty when none. */
  readonly acknowledged: string;
}

/** The subscriptions of one stream. */
export class ProxySession {
  readonly proxy: Proxy;
  readonly #types = new Map<TypeUrl, TypeState>();
  readonly #inParts: boolean;
  #nonces = 0;

  /** `inParts` where the proxy takes large responses in parts. */
  constructor(proxy: Proxy, inParts = false) {
    this.proxy = proxy;
    this.#inParts = inParts;
  }

  /** Takes a request. */
  receive(typeUrl: TypeUrl, request: DeltaRequest): RequestOutcome {
    const state = this.#types.get(typeUrl);
    if (state === undefined) {
      this.#types.set(
        typeUrl,
        new TypeState(request, {
          inParts: this.#inParts,
          always: alwaysDemanded(this.proxy),
        }),
      );
      return { kind: 'subscribed' };
    }
    const answers = state.receive(request);
    if (request.responseNonce === '') return { kind: 'subscribed' };
    if (!answers) return { kind: 'stale' };
    if (request.error !== undefined) return { kind: 'refused', reason: request.error };
    return { kind: 'acknowledged' };
  }

  /** The responses that are to be sent now, in order. */
  responses(snapshot: PublishedSnapshot): DeltaResponse[] {
    const responses: DeltaResponse[] = [];
    for (;;) {
      const response = this.next(snapshot);
      if (response === undefined) return responses;
      responses.push(response);
    }
  }

  /** The next response that is to be sent now. */
  next(snapshot: PublishedSnapshot): DeltaResponse | undefined {
    for (const typeUrl of sendOrder) {
      const state = this.#types.get(typeUrl);
      if (state === undefined || state.waitingFor !== undefined) continue;
      if (typeUrl === typeUrls.address && this.#policiesWait(snapshot)) continue;
      const current = interestOf(this.proxy, typeUrl, snapshot);
      const found = state.respond(current, snapshot.hash, () => ++this.#nonces);
      if (found === undefined) continue;
      const { nonce, resources, removed, hash } = found;
      return { systemVersion: hash, typeUrl, nonce, resources, removed };
    }
    return undefined;
  }

  /** The types that the proxy has subscribed to, in the order in which they are sent. */
  subscriptions(): readonly TypeProgress[] {
    return sendOrder.flatMap((typeUrl) => {
      const state = this.#types.get(typeUrl);
      if (state === undefined) return [];
      const { waitingFor, acknowledged } = state;
      return [{ typeUrl, isWaiting: waitingFor !== undefined, acknowledged }];
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
    return state.lacks(interestOf(this.proxy, typeUrls.authorization, snapshot));
  }
}
