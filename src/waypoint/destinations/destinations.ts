// All destinations of a waypoint that something is or was sent to: what each has at a time, and which of
// its endpoints are left out. Shared by all clients.

import type { TrafficPolicy } from '../../mesh/destination.ts';
import type { PoolLimit, PoolUse } from '../../mesh/pool-limits.ts';
import { keyOfService, type Service } from '../../mesh/service.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { DestinationLoad } from './destination-load.ts';
import { type Ejection, Outliers } from './outliers.ts';

/** Which destination. */
export interface DestinationName {
  readonly service: Service;
  /** Empty for all endpoints. */
  readonly subset: string;
  /** The service's port. */
  readonly port: number;
}

/** Takes notice of what happens at destinations; `uid` is that of an endpoint. */
export interface DestinationWatch {
  overflowed(destination: DestinationName, limit: PoolLimit): void;
  ejected(destination: DestinationName, ejection: Ejection): void;
  spared(destination: DestinationName, uid: string): void;
}

/** One destination. */
export class Destination {
  readonly name: DestinationName;
  readonly load: DestinationLoad;
  readonly outliers: Outliers;
  policy: TrafficPolicy = {};

  constructor(name: DestinationName, load: DestinationLoad, outliers: Outliers) {
    this.name = name;
    this.load = load;
    this.outliers = outliers;
  }

  /** Nothing would be lost with it. */
  get isIdle(): boolean {
    const isUnused = Object.values(this.load.use).every((count) => count === 0);
    return isUnused && this.outliers.ejections.length === 0;
  }
}

/** As the admin port shows it. */
export interface DestinationSummary extends PoolUse {
  readonly service: string;
  readonly subset: string;
  readonly port: number;
  readonly ejected: readonly Ejection[];
}

/** Destinations that are remembered; beyond it, idle ones are forgotten. */
const maxDestinations = 4_096;

export class Destinations implements Disposable {
  readonly #byKey = new Map<string, Destination>();
  readonly #options: {
    readonly clock: Clock;
    readonly watch: DestinationWatch;
    readonly log: Logger;
  };
  readonly #ended = new AbortController();

  constructor(options: {
    readonly clock: Clock;
    readonly watch: DestinationWatch;
    readonly log: Logger;
  }) {
    this.#options = options;
  }

  /** A destination with the policy that is in force now. */
  at(name: DestinationName, policy: TrafficPolicy): Destination {
    const key = `${keyOfService(name.service)} ${name.subset} ${name.port}`;
    const destination = this.#byKey.get(key) ?? this.#add(key, name);
    destination.policy = policy;
    destination.load.pool = policy.connectionPool;
    return destination;
  }

  /** All that are remembered. */
  summaries(): DestinationSummary[] {
    return [...this.#byKey.values()].map(({ name, load, outliers }) => ({
      service: keyOfService(name.service),
      subset: name.subset,
      port: name.port,
      ...load.use,
      ejected: outliers.ejections,
    }));
  }

  [Symbol.dispose](): void {
    this.#ended.abort(new Error('the waypoint ends'));
  }

  #add(key: string, name: DestinationName): Destination {
    if (this.#byKey.size >= maxDestinations) this.#forgetIdle();
    const { clock, watch, log } = this.#options;
    const to = { destination: key };
    const load = new DestinationLoad((limit) => watch.overflowed(name, limit));
    const outliers = new Outliers(
      clock,
      {
        ejected: (ejection) => {
          watch.ejected(name, ejection);
          log.warn({ code: 'AMB1721', ...to, ...ejection }, 'an endpoint is left out');
        },
        spared: (uid, reason) => {
          watch.spared(name, uid);
          log.warn({ code: 'AMB1721', ...to, uid, reason }, 'too many are left out already');
        },
        returned: (uid) => log.info({ ...to, uid }, 'an endpoint is used again'),
      },
      this.#ended.signal,
    );
    const destination = new Destination(name, load, outliers);
    this.#byKey.set(key, destination);
    return destination;
  }

  #forgetIdle(): void {
    for (const [key, destination] of this.#byKey) {
      if (destination.isIdle) this.#byKey.delete(key);
    }
  }
}
