// The pods of this node that are in the mesh or about to be, with their network namespaces.

import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { RedirectSettings } from '../redirect/rules.ts';
import type { PodFacts } from './pod-facts.ts';
import type { FeedEntry } from './pod-feed-server.ts';

/** A pod of the mesh. */
export interface Member {
  readonly pod: PodFacts;
  /** Unknown for a pod that was enrolled before this agent started and was not found. */
  readonly netns: NetworkNamespace | undefined;
  /** Leads to the namespace for as long as that is the pod's. */
  readonly file?: string | undefined;
  readonly settings: RedirectSettings;
  /** False while the steps of joining are under way. */
  readonly joined: boolean;
}

/** Owns the namespaces of its members. Its size is bounded by the pods of a node. */
export class Members implements Disposable {
  readonly #members = new Map<string, Member>();
  readonly #onCount: (count: number) => void;

  /** @param onCount hears how many there are, at each change */
  constructor(onCount: (count: number) => void = () => undefined) {
    this.#onCount = onCount;
  }

  get(uid: string): Member | undefined {
    return this.#members.get(uid);
  }

  list(): Member[] {
    return [...this.#members.values()];
  }

  /** What ztunnel must know. Pods that are joining count, so that a ztunnel which connects
   * meanwhile misses none. */
  snapshot(): FeedEntry[] {
    return this.list().map(({ pod, netns }) => ({ pod, netns }));
  }

  /** Adds or replaces a member; a namespace that is replaced is let go. */
  set(member: Member): void {
    const before = this.#members.get(member.pod.uid)?.netns;
    if (before !== member.netns) before?.[Symbol.dispose]();
    this.#members.set(member.pod.uid, member);
    this.#onCount(this.#members.size);
  }

  /** Removes a member and lets go of its namespace. */
  remove(uid: string): void {
    this.#members.get(uid)?.netns?.[Symbol.dispose]();
    this.#members.delete(uid);
    this.#onCount(this.#members.size);
  }

  /** Lets go of all namespaces. The pods stay enrolled: the next agent takes them over. */
  [Symbol.dispose](): void {
    for (const { netns } of this.#members.values()) netns?.[Symbol.dispose]();
    this.#members.clear();
  }
}
