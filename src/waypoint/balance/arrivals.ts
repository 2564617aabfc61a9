// When workloads came, for endpoints that have to warm up. Those that were there when the waypoint began
// are warm, whoever started them when.

import type { ResourceBatch } from '../../dataplane/subscription-kind.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { MeshAddress } from '../../wire/address.ts';

/** What is bounded here is bounded by the workloads that are known. */
export class Arrivals {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #since = new Map<string, number>();
  #hasBegun = false;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Takes what is about to be applied. `known` answers what was known of a workload until now. One that
   * becomes healthy has arrived as one that is new. */
  note(
    { updated, removed }: ResourceBatch<MeshAddress>,
    known: (uid: string) => Workload | undefined,
  ): void {
    const now = this.#clock.monotonic();
    for (const uid of removed) this.#since.delete(uid);
    for (const address of this.#hasBegun ? updated.values() : []) {
      if (address.kind !== 'workload') continue;
      const { uid, status } = address.workload;
      const isNew = known(uid)?.status !== 'healthy';
      if (status === 'healthy' && isNew) this.#since.set(uid, now);
    }
    this.#hasBegun = true;
  }

  /** By the monotonic clock; undefined for those that were there from the beginning. */
  at(uid: string): number | undefined {
    return this.#since.get(uid);
  }
}
