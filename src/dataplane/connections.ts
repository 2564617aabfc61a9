// Every live inbound connection with what its permit rests on, so that it can be judged again when
// policies change (protocol section 6). Indexed by the workload connected to: a change concerns all
// connections of a workload or none, and those of workloads whose policies stayed are not looked at.

import type { Authorization } from '../mesh/authorization.ts';
import {
  authorizeConnection,
  type ConnectionVerdict,
  shadowVerdict,
} from '../mesh/authorize-connection.ts';
import { ConnectionClasses, type ConnectionWords, wordsOf } from '../mesh/connection-classes.ts';
import type { ConnectionFacts } from '../mesh/connection-facts.ts';
import type { ShadowVerdict } from '../mesh/decision.ts';
import { RelevantRules } from '../mesh/relevant-rules.ts';
import type { Workload } from '../mesh/workload.ts';
import type { MeshState } from './state/mesh-state.ts';

interface LiveConnection {
  readonly facts: ConnectionFacts;
  readonly words: ConnectionWords;
  readonly onDenied: (verdict: ConnectionVerdict & { kind: 'deny' }) => void;
}

/** The connections of one workload, all judged by the same policies. */
interface Group {
  /** As judged last. */
  workload: Workload;
  policies: readonly Authorization[];
  readonly live: Set<LiveConnection>;
}

/** A connection that is judged again until it is disposed. */
export interface ConnectionPermit extends Disposable {
  readonly verdict: ConnectionVerdict;
  /** What dry-run policies would have made of it. */
  readonly shadow?: ShadowVerdict;
}

/** The table of live connections. */
export class Connections implements Disposable {
  readonly #state: MeshState;
  readonly #groups = new Map<string, Group>();
  readonly #unsubscribe: () => void;

  constructor(state: MeshState) {
    this.#state = state;
    this.#unsubscribe = state.subscribe((change) => this.#judgeAgain(change === 'authorizations'));
  }

  /** Judges a connection, now and whenever policies or the workload change. It is in the table before
   * it is judged, so that no change is lost in between. */
  admit(
    facts: ConnectionFacts,
    described: Workload,
    onDenied: LiveConnection['onDenied'],
  ): ConnectionPermit {
    const workload = this.#state.workloadByUid(described.uid) ?? described;
    const applicable = this.#state.policiesFor(workload);
    const connection: LiveConnection = { facts, words: wordsOf(facts), onDenied };
    const group = this.#groupOf(workload, applicable.policies);
    group.live.add(connection);
    const verdict = authorizeConnection(facts, applicable);
    const shadow = shadowVerdict(facts, applicable);
    const leave = (): void => this.#leave(workload.uid, group, connection);
    if (verdict.kind === 'deny') leave();
    return { verdict, ...(shadow && { shadow }), [Symbol.dispose]: leave };
  }

  get size(): number {
    let size = 0;
    for (const { live } of this.#groups.values()) size += live.size;
    return size;
  }

  #groupOf(workload: Workload, policies: readonly Authorization[]): Group {
    const { uid } = workload;
    const known = this.#groups.get(uid);
    if (known !== undefined) return known;
    const group: Group = { workload, policies, live: new Set() };
    this.#groups.set(uid, group);
    return group;
  }

  #leave(uid: string, group: Group, connection: LiveConnection): void {
    group.live.delete(connection);
    if (group.live.size === 0 && this.#groups.get(uid) === group) this.#groups.delete(uid);
  }

  #judgeAgain(all: boolean): void {
    const verdicts = new Verdicts();
    for (const [uid, group] of this.#groups) {
      const workload = this.#state.workloadByUid(uid) ?? group.workload;
      if (!all && workload === group.workload) continue;
      const { policies } = this.#state.policiesFor(workload);
      const isSame = sameMembers(policies, group.policies);
      group.workload = workload;
      group.policies = policies;
      if (!isSame) this.#judgeGroup(uid, group, verdicts);
    }
  }

  #judgeGroup(uid: string, group: Group, verdicts: Verdicts): void {
    const judge = verdicts.by(group.policies);
    for (const connection of group.live) {
      const verdict = judge(connection);
      if (verdict.kind === 'allow') continue;
      this.#leave(uid, group, connection);
      connection.onDenied(verdict);
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#groups.clear();
  }
}

type Judge = (connection: LiveConnection) => ConnectionVerdict;

/** What is found while judging again: workloads with the same policies share it. */
class Verdicts {
  readonly #judges: { readonly policies: readonly Authorization[]; readonly judge: Judge }[] = [];

  by(policies: readonly Authorization[]): Judge {
    const [last] = this.#judges.slice(-1);
    if (last !== undefined && sameMembers(last.policies, policies)) return last.judge;
    const known = this.#judges.find((one) => sameMembers(one.policies, policies));
    const judge = known?.judge ?? judgeBy(policies);
    if (known === undefined) this.#judges.push({ policies, judge });
    return judge;
  }
}

function judgeBy(policies: readonly Authorization[]): Judge {
  // What is only tried out decides nothing. A policy that is yet to come is judged when it comes: what is
  // open was allowed without it.
  const applicable = { policies: policies.filter(({ dryRun }) => !dryRun), missing: [] };
  const classes = new ConnectionClasses(applicable.policies);
  const rules = new RelevantRules(applicable.policies);
  const known = new Map<string, ConnectionVerdict>();
  return ({ facts, words }) => {
    const key = classes.keyOf(facts, words);
    const verdict =
      known.get(key) ?? authorizeConnection(facts, applicable, rules.of(facts, words));
    known.set(key, verdict);
    return verdict;
  };
}

function sameMembers<T>(one: readonly T[], other: readonly T[]): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((member, index) => member === other[index]);
}
