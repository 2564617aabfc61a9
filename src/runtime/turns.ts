// Splits long work into slices, so that what else the process has to do gets its turn in between. Who
// has many items to work through asks after each whether its turn is over.

import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** The slices of one piece of work. */
export interface Turns {
  /** Whether the slice is used up. */
  readonly isOver: boolean;
  /** Resolves when everything that was waiting has had its turn. Rejects once the work is to end. */
  next(): Promise<void>;
}

/** How long one slice lasts. Garbage collection comes on top, so it is well below what a connection
 * may be made to wait (20 ms). */
export const sliceMs = 4;

/** Slices by time. */
export function turnsOf(clock: Clock, signal?: AbortSignal): Turns {
  let start = clock.monotonic();
  return {
    get isOver() {
      return clock.monotonic() - start >= sliceMs;
    },
    async next() {
      signal?.throwIfAborted();
      await setImmediate();
      signal?.throwIfAborted();
      start = clock.monotonic();
    },
  };
}

/** Runs a generator to its end, a slice at a time; what it yields says only that it may be held here. */
export async function inTurns<T>(steps: Generator<void, T>, turns: Turns): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (turns.isOver) await turns.next();
  }
}

/** Runs a generator to its end at once. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
