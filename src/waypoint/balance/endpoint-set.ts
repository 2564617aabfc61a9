// The endpoints of one destination as they are at a time, grouped by place, and the choice of one of them.
// Everything that does not depend on the single request is worked out once.

import type { Candidate } from '../../mesh/choose-endpoint.ts';
import type { LoadBalancer } from '../../mesh/destination.ts';
import type { PlaceGroups } from '../../mesh/group-by-place.ts';
import { finalized } from '../../mesh/hash-text.ts';
import { markOfEndpoint } from '../../mesh/session.ts';
import {
  drawShare,
  type GroupHealth,
  shareByPriority,
  shareByWeight,
} from '../../mesh/share-load.ts';
import { BalancedGroup, type GroupDraw } from './balanced-group.ts';

/** What the choice for one attempt goes by. */
export interface EndpointDraw extends Omit<GroupDraw, 'mayTake'> {
  /** Never chosen. */
  readonly ejected: ReadonlySet<string>;
  /** Chosen only where there is no other: those that were tried. */
  readonly avoid: ReadonlySet<string>;
  /** Places of these are avoided too. */
  readonly leave: ReadonlySet<string>;
  /** The mark of the endpoint that a session belongs to. */
  readonly session?: string | undefined;
}

/** An endpoint, with what is to be said of the choice. */
export interface SetChoice {
  readonly candidate: Candidate;
  readonly note: string | undefined;
}

export class EndpointSet {
  readonly size: number;
  readonly #by: PlaceGroups['by'];
  readonly #groups: readonly BalancedGroup[];
  readonly #groupOf: ReadonlyMap<string, BalancedGroup>;
  readonly #shares: readonly number[];
  #marks: ReadonlyMap<string, Candidate> | undefined;

  constructor(
    candidates: readonly Candidate[],
    places: PlaceGroups,
    balancer: LoadBalancer,
    warmth: (uid: string) => number,
  ) {
    const warming = balancer.warmup === undefined ? undefined : warmth;
    this.#by = places.by;
    this.#groups = places.groups.map((place) => {
      const members = place.members.flatMap((index) => candidates[index] ?? []);
      return new BalancedGroup(place, members, balancer, warming);
    });
    this.size = this.#groups.reduce((sum, { members }) => sum + members.length, 0);
    this.#groupOf = new Map(
      this.#groups.flatMap((group) => group.members.map(({ workload }) => [workload.uid, group])),
    );
    this.#shares = this.#sharesWith(new Map());
  }

  /** Goes on where another set of the same rules has come to, as far as they are alike. */
  adopt(other: EndpointSet): void {
    const before = new Map(other.#groups.map((group) => [group.name, group]));
    for (const group of this.#groups) {
      const same = before.get(group.name);
      if (same !== undefined) group.adopt(same);
    }
  }

  /** Chooses; undefined when all are ejected. */
  choose(draw: EndpointDraw): SetChoice | undefined {
    return this.#resume(draw) ?? this.#choose(draw);
  }

  /** The endpoint of a session, if it may be used. */
  #resume({ session, ejected, avoid }: EndpointDraw): SetChoice | undefined {
    if (session === undefined) return undefined;
    const candidate = this.#byMark().get(session);
    const uid = candidate?.workload.uid ?? '';
    if (candidate === undefined || ejected.has(uid) || avoid.has(uid)) return undefined;
    return { candidate, note: 'the endpoint of its session' };
  }

  #byMark(): ReadonlyMap<string, Candidate> {
    this.#marks ??= new Map(
      this.#groups.flatMap(({ members }) =>
        members.map((one) => [markOfEndpoint(one.workload.uid), one]),
      ),
    );
    return this.#marks;
  }

  #choose(draw: EndpointDraw): SetChoice | undefined {
    const group = this.#chooseGroup(draw);
    if (group === undefined) return undefined;
    const { ejected, avoid } = draw;
    const isIn = ({ workload }: Candidate): boolean => !ejected.has(workload.uid);
    const isFresh = (one: Candidate): boolean => isIn(one) && !avoid.has(one.workload.uid);
    const fresh = avoid.size === 0 ? undefined : group.choose({ ...draw, mayTake: isFresh });
    const candidate = fresh ?? group.choose({ ...draw, mayTake: isIn });
    return candidate && { candidate, note: this.#noteOn(group) };
  }

  #chooseGroup(draw: EndpointDraw): BalancedGroup | undefined {
    const { ejected, leave, hash, random } = draw;
    const [only] = this.#groups;
    if (this.#groups.length <= 1) return only;
    let shares = ejected.size === 0 ? this.#shares : this.#sharesWith(this.#countIn(ejected));
    if (leave.size > 0) {
      const left = new Set([...leave].map((uid) => this.#groupOf.get(uid)));
      const elsewhere = this.#sharesWith(this.#countIn(ejected), left);
      if (elsewhere.some((share) => share > 0)) shares = elsewhere;
    }
    // The same key stays in one place too.
    const number = hash === undefined ? random() : finalized(hash ^ groupSalt) / 2 ** 32;
    const index = drawShare(shares, number);
    return index === undefined ? undefined : this.#groups[index];
  }

  #countIn(uids: ReadonlySet<string>): Map<BalancedGroup, number> {
    const counts = new Map<BalancedGroup, number>();
    for (const uid of uids) {
      const group = this.#groupOf.get(uid);
      if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    return counts;
  }

  #sharesWith(
    ejected: ReadonlyMap<BalancedGroup, number>,
    left?: ReadonlySet<BalancedGroup | undefined>,
  ): readonly number[] {
    const healths = this.#groups.map((group): GroupHealth => {
      const total = group.members.length;
      const healthy = left?.has(group) === true ? 0 : total - (ejected.get(group) ?? 0);
      return { healthy, total, weight: group.weight };
    });
    return this.#by === 'priority' ? shareByPriority(healths) : shareByWeight(healths);
  }

  #noteOn(group: BalancedGroup): string | undefined {
    if (this.#groups.length <= 1) return undefined;
    return `place: ${group.name} (${group.members.length} of ${this.size} endpoints)`;
  }
}

const groupSalt = 0x2545f491;
