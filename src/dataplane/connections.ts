// Every live inbound connection with what its permit rests on, so that it can be judged again when
// policies change (protocol section 6).

import {
  authorizeConnection,
  type ConnectionFacts,
  type ConnectionVerdict,
} from '../mesh/authorize-connection.ts';
import type { Workload } from '../mesh/workload.ts';
import type { MeshState } from './state/mesh-state.ts';

/** A connection to a local workload. */
interface LiveConnection {
  readonly facts: ConnectionFacts;
  readonly uid: string;
  /** As judged last. */
  workload: Workload;
  readonly onDenied: (verdict: ConnectionVerdict & { kind: 'deny' }) => void;
}

/** A connection that is judged again until it is disposed. */
export interface ConnectionPermit extends Disposable {
  readonly verdict: ConnectionVerdict;
}

/** The table of live connections. */
export class Connections implements Disposable {
  readonly #state: MeshState;
  readonly #live = new Set<LiveConnection>();
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
    const connection: LiveConnection = { facts, uid: workload.uid, workload, onDenied };
    this.#live.add(connection);
    const verdict = authorizeConnection(facts, this.#state.policiesFor(workload));
    if (verdict.kind === 'deny') this.#live.delete(connection);
    return { verdict, [Symbol.dispose]: () => void this.#live.delete(connection) };
  }

  get size(): number {
    return this.#live.size;
  }

  #judgeAgain(all: boolean): void {
    for (const connection of this.#live) {
      const workload = this.#state.workloadByUid(connection.uid) ?? connection.workload;
      if (!all && workload === connection.workload) continue;
      connection.workload = workload;
      const { policies } = this.#state.policiesFor(workload);
      // A policy that is yet to come is judged when it comes: what is open was allowed without it.
      const verdict = authorizeConnection(connection.facts, { policies, missing: [] });
      if (verdict.kind === 'allow') continue;
      this.#live.delete(connection);
      connection.onDenied(verdict);
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#live.clear();
  }
}
