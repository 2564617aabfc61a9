// The endpoints of one destination that are left out because they failed. Sweeps go on only while there is
// something to sweep.

import type { OutlierDetection } from '../../mesh/destination.ts';
import {
  afterResult,
  afterSweep,
  type EndpointHealth,
  type EndpointResult,
  eject,
  freshHealth,
  isPanic,
  mayEject,
} from '../../mesh/outlier-detection.ts';
import type { Clock } from '../../runtime/clock.ts';

/** An ejection as it is told of. */
export interface Ejection {
  readonly uid: string;
  readonly reason: string;
  /** Since when, ISO 8601. */
  readonly since: string;
  readonly forMs: number;
}

/** Takes notice of what happens to an endpoint. */
export interface OutlierWatch {
  ejected(ejection: Ejection): void;
  /** Its failures would have sufficed, had others not been ejected already. */
  spared(uid: string, reason: string): void;
  returned(uid: string): void;
}

const nobody: ReadonlySet<string> = new Set();

export class Outliers {
  readonly #clock: Clock;
  readonly #watch: OutlierWatch;
  readonly #ended: AbortSignal;
  #rules: OutlierDetection | undefined;
  /** Only those of members, and only those that are not as fresh ones. */
  readonly #health = new Map<string, EndpointHealth>();
  #members: ReadonlySet<string> = nobody;
  /** What the members were told in. */
  #list: readonly string[] = [];
  #leftOut: ReadonlySet<string> = nobody;
  #isSweeping = false;

  constructor(clock: Clock, watch: OutlierWatch, ended: AbortSignal) {
    this.#clock = clock;
    this.#watch = watch;
    this.#ended = ended;
  }

  /** Takes the rules in force, and who the endpoints are: the same list only while they are the same.
   * Without rules all are used. */
  update(rules: OutlierDetection | undefined, members: () => readonly string[]): void {
    this.#rules = rules;
    if (rules === undefined && this.#health.size === 0) return;
    const list = members();
    if (list !== this.#list) this.#members = new Set(list);
    this.#list = list;
    for (const uid of this.#health.keys()) {
      if (rules === undefined || !this.#members.has(uid)) this.#set(uid, freshHealth);
    }
    this.#leftOut = this.#listLeftOut();
  }

  /** Those that are to be left out, by uid. */
  get leftOut(): ReadonlySet<string> {
    return this.#leftOut;
  }

  /** Whether an endpoint is to be left out. */
  isEjected(uid: string): boolean {
    return this.#leftOut.has(uid);
  }

  /** Those that are ejected, even where so many are that all are used. */
  get ejections(): readonly Ejection[] {
    return [...this.#health].flatMap(([uid, { ejected }]) =>
      ejected === undefined ? [] : [this.#told(uid, ejected)],
    );
  }

  /** Takes what became of an attempt. */
  observe(uid: string, result: EndpointResult): void {
    const rules = this.#rules;
    if (rules === undefined || !this.#members.has(uid)) return;
    const before = this.#health.get(uid) ?? freshHealth;
    const { health, reason } = afterResult(before, result, rules);
    if (reason === undefined) {
      this.#set(uid, health);
      return;
    }
    if (!mayEject(this.ejections.length, this.#members.size, rules)) {
      this.#set(uid, health);
      this.#watch.spared(uid, reason);
      return;
    }
    const ejected = eject(health, reason, this.#clock.now(), rules);
    this.#set(uid, ejected);
    this.#leftOut = this.#listLeftOut();
    if (ejected.ejected !== undefined) this.#watch.ejected(this.#told(uid, ejected.ejected));
    if (!this.#isSweeping) void this.#sweep();
  }

  #set(uid: string, health: EndpointHealth): void {
    const isFresh = Object.values({ ...freshHealth, ...health }).every((value) => value === 0);
    if (isFresh) this.#health.delete(uid);
    else this.#health.set(uid, health);
  }

  #listLeftOut(): ReadonlySet<string> {
    const list = this.ejections.map(({ uid }) => uid);
    const rules = this.#rules;
    if (rules === undefined || isPanic(list.length, this.#members.size, rules)) return nobody;
    return new Set(list);
  }

  #told(uid: string, { atMs, forMs, reason }: NonNullable<EndpointHealth['ejected']>): Ejection {
    return { uid, reason, since: new Date(atMs).toISOString(), forMs };
  }

  /** Until nobody is ejected, and nobody's next ejection would be longer than the first. */
  async #sweep(): Promise<void> {
    this.#isSweeping = true;
    try {
      while ([...this.#health.values()].some(({ ejections }) => ejections > 0)) {
        await this.#clock.wait(this.#rules?.intervalMs ?? 0, this.#ended);
        for (const [uid, health] of this.#health) {
          const swept = afterSweep(health, this.#clock.now());
          this.#set(uid, swept);
          if (health.ejected !== undefined && swept.ejected === undefined) {
            this.#watch.returned(uid);
          }
        }
        this.#leftOut = this.#listLeftOut();
      }
    } catch {
      // The waypoint ends.
    } finally {
      this.#isSweeping = false;
    }
  }
}
