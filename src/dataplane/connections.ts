// Every live inbound connection with what its permit rests on, so that it can be judged again when
// policies change (protocol section 6). Indexed by the workload connected to: a change concerns all
// connections of a workload or none, and those of workloads whose policies stayed are not looked at.

import type { Authorization } from '../mesh/authorization.ts';
import {
  authorizeConnection,
  type ConnectionFacts,
  type ConnectionVerdict,
  shadowVerdict,
} from '../mesh/authorize-connection.ts';
import type { ShadowVerdict } from '../mesh/decision.ts';
import type { Workload } from '../mesh/workload.ts';
import type { MeshState } from './state/mesh-state.ts';

interface LiveConnection {
  readonly facts: ConnectionFacts;
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
    const connection: LiveConnection = { facts, onDenied };
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
    for (const [uid, group] of this.#groups) {
      const workload = this.#state.workloadByUid(uid) ?? group.workload;
      if (!all && workload === group.workload) continue;
      const { policies } = this.#state.policiesFor(workload);
      const isSame = sameMembers(policies, group.policies);
      group.workload = workload;
      group.policies = policies;
      if (!isSame) this.#judgeGroup(uid, group);
    }
  }

  #judgeGroup(uid: string, group: Group): void {
    const verdicts = new Map<string, ConnectionVerdict>();
    // A policy that is yet to come is judged when it comes: what is open was allowed without it.
    const applicable = { policies: group.policies, missing: [] };
    const bySource = group.policies.some(readsSourceAddress);
    for (const connection of group.live) {
      const key = sameFor(connection.facts, bySource);
      const verdict = verdicts.get(key) ?? authorizeConnection(connection.facts, applicable);
      verdicts.set(key, verdict);
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

/** Connections of equal keys get equal verdicts: the port of a client is never looked at, its address
 * only by some policies. */
function sameFor(facts: ConnectionFacts, bySource: boolean): string {
  const { sourceIdentity = '', source, destination } = facts;
  const from = bySource ? source.address : '';
  return `${sourceIdentity} ${from} ${destination.address} ${destination.port}`;
}

function readsSourceAddress({ groups }: Authorization): boolean {
  return groups.some(({ clauses }) =>
    clauses.some(({ matches }) =>
      matches.some(({ sourceIps, notSourceIps }) => sourceIps.length + notSourceIps.length > 0),
    ),
  );
}

function sameMembers<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((member, index) => member === other[index]);
}
