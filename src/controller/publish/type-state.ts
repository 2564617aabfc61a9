// One resource type on one stream: what the proxy wants and has, and what it is to be sent. No I/O.
//
// States: due -> (response) -> waiting -> (answer) -> idle -> (change) -> waiting ... A response may be
// in several parts, each of which is waited for; changes meanwhile come after the last part.

import { sizeOfResource } from '../../wire/write-discovery.ts';
import {
  type DeltaRequest,
  type DiscoveryResource,
  everyResource,
  partNoncePrefix,
} from '../../wire/xds.ts';
import { demanded } from './demand.ts';
import { type PublishedResource, ResourceTable, type TableChanges } from './resource-table.ts';

/** About how large one part of a response may be, for proxies that take parts. */
export const partBytes = 256 * 1024;
/** Names that one proxy may ask for at a time, and have followed; what is beyond is not heard. */
export const maxNames = 50_000;

/** A response, or a part of one. */
export interface TypeResponse {
  readonly nonce: string;
  readonly resources: readonly DiscoveryResource[];
  readonly removed: readonly string[];
  /** The hash of the snapshot it belongs to. */
  readonly hash: string;
}

/** What is left to send of a response in parts. */
interface Sending extends TableChanges {
  next: number;
  readonly hash: string;
}

/** Changes state with every call. */
export class TypeState {
  /** The nonce that has not been answered yet. */
  waitingFor: string | undefined;
  /** The hash of the last snapshot that the proxy acknowledged. */
  acknowledged = '';
  /** What the proxy said that it holds from an earlier stream, until it has been answered. */
  #resumed: ReadonlyMap<string, string> | undefined;
  /** What the proxy holds once all that was sent has arrived; all of a table, or some by name. */
  #table = ResourceTable.empty;
  #held = new Map<string, string>();
  /** Names that are followed, where not all are. */
  #names: Set<string> | undefined;
  /** Names asked for since the last response. */
  readonly #asked = new Set<string>();
  /** Whether a response is owed although nothing may have changed. */
  #due = true;
  #sending: Sending | undefined;
  #sentHash = '';
  readonly #inParts: boolean;
  readonly #always: readonly string[];

  /** `always` is told beside what is asked for by name. */
  constructor(
    first: DeltaRequest,
    { inParts, always }: { readonly inParts: boolean; readonly always: readonly string[] },
  ) {
    this.#inParts = inParts;
    this.#always = always;
    this.#resumed = first.initialVersions;
    const { subscribe, unsubscribe } = first;
    const all = subscribe.length === 0 || subscribe.includes(everyResource);
    if (!all || unsubscribe.includes(everyResource)) {
      this.#names = new Set();
      // What is held is still wanted; what has no version is being waited for.
      for (const [name, version] of first.initialVersions) this.#ask(name, version === '');
    }
    this.#subscribe(subscribe);
  }

  /** Takes a further request; answers whether it is an answer to what was sent last. */
  receive({ subscribe, unsubscribe, responseNonce, error }: DeltaRequest): boolean {
    this.#subscribe(subscribe);
    for (const name of unsubscribe) {
      if (name === everyResource) this.#followNames();
      this.#names?.delete(name);
      this.#asked.delete(name);
    }
    if (responseNonce === '' || responseNonce !== this.waitingFor) return false;
    this.waitingFor = undefined;
    if (error === undefined && this.#sending === undefined) this.acknowledged = this.#sentHash;
    return true;
  }

  #subscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === everyResource) continue;
      this.#ask(name, true);
    }
  }

  #ask(name: string, answer: boolean): void {
    if (answer && this.#asked.size < maxNames) this.#asked.add(name);
    if (this.#names !== undefined && this.#names.size < maxNames) this.#names.add(name);
  }

  /** From all to those asked for by name; the others are told as removed. */
  #followNames(): void {
    if (this.#names !== undefined) return;
    this.#names = new Set(this.#asked);
    for (const { name, version } of this.#table.values()) this.#held.set(name, version);
  }

  /** Whether a response is being sent, or there is something to send of a table. */
  lacks(current: ResourceTable): boolean {
    if (this.#sending !== undefined) return true;
    const { updated, removed } = this.#changes(current);
    return updated.length + removed.length > 0;
  }

  /** What is to be sent now, if anything. */
  respond(current: ResourceTable, hash: string, count: () => number): TypeResponse | undefined {
    if (this.waitingFor !== undefined) return undefined;
    if (this.#sending === undefined) {
      const changes = this.#changes(current);
      const { updated, removed } = this.#withAsked(changes, current);
      if (!this.#due && updated.length + removed.length === 0) return undefined;
      this.#due = false;
      this.#asked.clear();
      this.#takeHeld(current, changes);
      this.#sending = { updated, removed, next: 0, hash };
    }
    return this.#nextPart(this.#sending, count());
  }

  #nextPart(sending: Sending, number: number): TypeResponse {
    const { updated, hash, next: start } = sending;
    let room = this.#inParts ? partBytes : Number.POSITIVE_INFINITY;
    for (; sending.next < updated.length && room > 0; sending.next++) {
      const resource = updated[sending.next];
      if (resource !== undefined) room -= sizeOfResource(resource);
    }
    const resources =
      start === 0 && sending.next === updated.length ? updated : updated.slice(start, sending.next);
    const isLast = sending.next >= updated.length;
    if (isLast) {
      this.#sending = undefined;
      this.#sentHash = hash;
    }
    const nonce = `${isLast ? '' : partNoncePrefix}${number}`;
    this.waitingFor = nonce;
    return { nonce, resources, removed: isLast ? sending.removed : [], hash };
  }

  #changes(current: ResourceTable): TableChanges {
    if (this.#names !== undefined) {
      const wanted = demanded(current, [...this.#names, ...this.#always]);
      return difference(this.#resumed ?? this.#held, wanted.values(), (name) => wanted.has(name));
    }
    if (this.#resumed === undefined || this.#resumed.size === 0) {
      return current.changesSince(this.#table);
    }
    return difference(this.#resumed, current.values(), (name) => current.get(name) !== undefined);
  }

  /** Every name asked for is answered: as a resource, or as one that is not there by this name. An address
   * is answered so too, beside the resource that has it, as Istio's proxy looks for the very name. */
  #withAsked({ updated, removed }: TableChanges, current: ResourceTable): TableChanges {
    if (this.#asked.size === 0) return { updated, removed };
    const more = new Map(updated.map((resource) => [resource.name, resource]));
    const missing = new Set(removed);
    for (const name of this.#asked) {
      const resource = current.get(name);
      if (resource === undefined) missing.add(name);
      else more.set(name, resource);
    }
    return { updated: [...more.values()], removed: [...missing] };
  }

  #takeHeld(current: ResourceTable, { updated, removed }: TableChanges): void {
    if (this.#names === undefined) {
      this.#table = current;
    } else {
      if (this.#resumed !== undefined) this.#held = new Map(this.#resumed);
      for (const name of removed) this.#held.delete(name);
      for (const { name, version } of updated) this.#held.set(name, version);
    }
    this.#resumed = undefined;
  }
}

function difference(
  held: ReadonlyMap<string, string>,
  wanted: Iterable<PublishedResource>,
  isWanted: (name: string) => boolean,
): TableChanges {
  const updated: PublishedResource[] = [];
  for (const resource of wanted) {
    if (held.get(resource.name) !== resource.version) updated.push(resource);
  }
  const removed = [...held.keys()].filter((name) => !isWanted(name));
  return { updated, removed };
}
