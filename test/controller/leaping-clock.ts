// The machine's time, with leaps that a test makes: what was waiting is over at once.

import { type Clock, systemClock } from '../../src/runtime/clock.ts';

interface Waiting {
  readonly dueMs: number;
  readonly over: AbortController;
}

export class LeapingClock implements Clock {
  readonly #waiting = new Set<Waiting>();
  #leaptMs = 0;

  now(): number {
    return systemClock.now() + this.#leaptMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#leaptMs;
  }

  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    const entry = { dueMs: this.monotonic() + ms, over: new AbortController() };
    this.#waiting.add(entry);
    try {
      const { signal: over } = entry.over;
      const either = signal === undefined ? over : AbortSignal.any([signal, over]);
      await systemClock.wait(ms, either);
    } catch (error) {
      if (!entry.over.signal.aborted || signal?.aborted === true) throw error;
    } finally {
      this.#waiting.delete(entry);
    }
  }

  /** Lets time pass. */
  leap(ms: number): void {
    this.#leaptMs += ms;
    const now = this.monotonic();
    for (const { dueMs, over } of this.#waiting) if (dueMs <= now) over.abort();
  }
}
