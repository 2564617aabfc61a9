// Jittered exponential delays that can be cancelled.

import type { Clock } from './clock.ts';

/** How delays grow: the first, the largest, and the share of each that is random (0 to 1). */
export interface BackoffShape {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly jitter: number;
}

/** Delays doubling from `firstMs` to `maxMs`. `random` answers numbers in [0, 1). */
export class Backoff {
  readonly #shape: BackoffShape;
  readonly #clock: Clock;
  readonly #random: () => number;
  #attempts = 0;

  constructor(shape: BackoffShape, clock: Clock, random: () => number = Math.random) {
    this.#shape = shape;
    this.#clock = clock;
    this.#random = random;
  }

  /** The next delay in milliseconds; counts as an attempt. */
  nextMs(): number {
    const { firstMs, maxMs, jitter } = this.#shape;
    const base = Math.min(maxMs, firstMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return base * (1 - jitter + 2 * jitter * this.#random());
  }

  /** Waits for the next delay; rejects with the signal's reason when it fires first. */
  async wait(signal?: AbortSignal): Promise<void> {
    await this.#clock.wait(this.nextMs(), signal);
  }

  /** Starts again at the first delay, after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
