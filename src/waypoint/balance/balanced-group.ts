// Endpoints that are alike in place, and the choice of one of them by the rule of the destination.

import type { Candidate } from '../../mesh/choose-endpoint.ts';
import type { LoadBalancer } from '../../mesh/destination.ts';
import { type HashTable, hashRing, maglevTable } from '../../mesh/hash-table.ts';
import { WeightedDraw } from './weighted-draw.ts';
import { WeightedTurns } from './weighted-turns.ts';

/** What one choice goes by. */
export interface GroupDraw {
  readonly mayTake: (candidate: Candidate) => boolean;
  /** Of what is alike in requests, where the rule asks for it. */
  readonly hash: number | undefined;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Requests under way at a workload. */
  readonly active: (uid: string) => number;
}

/** The places of a ring where a rule names none; as Istio's. */
const defaultRingSize = 1024;

export class BalancedGroup {
  readonly name: string;
  readonly weight: number;
  readonly members: readonly Candidate[];
  readonly #balancer: LoadBalancer;
  /** Of a new endpoint, how much of its weight it has; undefined where nothing has to warm up. */
  readonly #warmth: ((uid: string) => number) | undefined;
  readonly #draw: WeightedDraw;
  #turns: WeightedTurns | undefined;
  #table: HashTable | undefined;

  constructor(
    place: { readonly name: string; readonly weight: number },
    members: readonly Candidate[],
    balancer: LoadBalancer,
    warmth: ((uid: string) => number) | undefined,
  ) {
    this.name = place.name;
    this.weight = place.weight;
    this.members = members;
    this.#balancer = balancer;
    this.#warmth = warmth;
    this.#draw = new WeightedDraw(members.map(({ workload }) => workload.capacity));
  }

  /** Goes on where another group with the same members has come to. */
  adopt(other: BalancedGroup): void {
    const isSame =
      other.members.length === this.members.length &&
      this.members.every(({ workload }, index) => {
        const before = other.members[index]?.workload;
        return before?.uid === workload.uid && before.capacity === workload.capacity;
      });
    if (!isSame) return;
    this.#turns = other.#turns;
    this.#table = other.#table;
  }

  /** Chooses one; undefined when none may be taken. */
  choose(draw: GroupDraw): Candidate | undefined {
    const { members } = this;
    const mayTake = (index: number): boolean => {
      const candidate = members[index];
      return candidate !== undefined && draw.mayTake(candidate);
    };
    const [only] = members;
    if (only === undefined) return undefined;
    if (members.length === 1) return draw.mayTake(only) ? only : undefined;
    const index = this.#index(draw, mayTake);
    return index === undefined ? undefined : members[index];
  }

  #index(draw: GroupDraw, mayTake: (index: number) => boolean): number | undefined {
    const { consistentHash, simple = 'LEAST_REQUEST' } = this.#balancer;
    const { random, hash } = draw;
    if (consistentHash !== undefined) {
      const number = hash ?? Math.floor(random() * 2 ** 32);
      return this.#hashTable().find(number, mayTake);
    }
    switch (simple) {
      case 'RANDOM':
      case 'PASSTHROUGH':
        return this.#draw.draw(random, mayTake);
      case 'ROUND_ROBIN':
        this.#turns ??= this.#takeTurns(random());
        return this.#turns.next(mayTake);
      case 'LEAST_REQUEST':
        return this.#lessBusy(draw, mayTake);
    }
  }

  /** Two are drawn by weight, and the one with less to do for its weight is taken (Mitzenmacher, "The power
   * of two choices in randomized load balancing"). */
  #lessBusy(
    { random, active }: GroupDraw,
    mayTake: (index: number) => boolean,
  ): number | undefined {
    const warmth = this.#warmth;
    const chanceOf =
      warmth && ((index: number): number => warmth(this.members[index]?.workload.uid ?? ''));
    const first = this.#draw.draw(random, mayTake, chanceOf);
    if (first === undefined) return undefined;
    const isOther = (index: number): boolean => index !== first && mayTake(index);
    const second = this.#draw.draw(random, isOther, chanceOf);
    if (second === undefined) return first;
    const load = (index: number): number => {
      const uid = this.members[index]?.workload.uid ?? '';
      return active(uid) / this.#weightOf(index);
    };
    return load(second) < load(first) ? second : first;
  }

  #weightOf(index: number): number {
    const workload = this.members[index]?.workload;
    if (workload === undefined) return 1;
    return workload.capacity * Math.max(leastWarmth, this.#warmth?.(workload.uid) ?? 1);
  }

  #takeTurns(start: number): WeightedTurns {
    const isEven = this.#draw.isEven && this.#warmth === undefined;
    return new WeightedTurns(this.members.length, (index) => this.#weightOf(index), {
      isEven,
      start,
    });
  }

  #hashTable(): HashTable {
    if (this.#table !== undefined) return this.#table;
    const { minimumRingSize, maglevTableSize } = this.#balancer.consistentHash ?? {};
    const members = this.members.map(({ workload }) => ({
      key: workload.uid,
      weight: workload.capacity,
    }));
    this.#table =
      maglevTableSize === undefined
        ? hashRing(members, minimumRingSize ?? defaultRingSize)
        : maglevTable(members, maglevTableSize);
    return this.#table;
  }
}

/** A next turn must come at some time. */
const leastWarmth = 0.001;
