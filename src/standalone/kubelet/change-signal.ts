// Waiting for "something changed" without missing a change between two waits.

import type { Clock } from '../../runtime/clock.ts';

/** Wakes everything that waits on it. */
export class ChangeSignal {
  #next = Promise.withResolvers<void>();

  notify(): void {
    const current = this.#next;
    this.#next = Promise.withResolvers<void>();
    current.resolve();
  }

  /** Resolves at the next change or after `ms`; rejects with the signal's reason when it fires. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    try {
      await Promise.race([
        this.#next.promise,
        clock.wait(ms, AbortSignal.any([signal, enough.signal])),
      ]);
    } finally {
      enough.abort(new Error('no longer awaited'));
    }
    signal.throwIfAborted();
  }
}
