// The time that a connection without HTTP may take: in all, and without carrying anything.

import type { Clock } from '../../runtime/clock.ts';
import { type LifeEnd, type LifeLimits, outlived } from '../upstream/limit-life.ts';

/** Watches over one connection while it is copied. */
export class RelayLife {
  readonly #limits: LifeLimits;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  readonly #closed = new AbortController();
  #lastMs: number;
  #end: LifeEnd = 'closed';

  constructor(limits: LifeLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#lastMs = clock.monotonic();
  }

  /** Starts counting. Fires when the time has passed. */
  start(): AbortSignal {
    this.#lastMs = this.#clock.monotonic();
    void outlived(this.#limits, () => this.#lastMs, this.#clock, this.#closed.signal).then(
      (end) => {
        this.#end = end;
        if (end !== 'closed') this.#ended.abort(new Error('its time has passed'));
      },
    );
    return this.#ended.signal;
  }

  /** Takes notice that something was carried. */
  touch(): void {
    this.#lastMs = this.#clock.monotonic();
  }

  /** Stops counting, and tells what ended the connection, where time did, with Envoy's short flag. */
  stop(): { readonly reason: string; readonly flag: 'DT' | '-' } | undefined {
    this.#closed.abort();
    switch (this.#end) {
      case 'closed':
        return undefined;
      case 'idle':
        return { reason: `nothing was carried for ${this.#limits.idleMs} ms`, flag: '-' };
      case 'duration':
        return { reason: `it lasted for ${this.#limits.durationMs} ms`, flag: 'DT' };
    }
  }
}
