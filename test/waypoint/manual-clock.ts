// A clock that stands still until a test moves it.

import type { Clock } from '../../src/runtime/clock.ts';

interface Waiting {
  readonly atMs: number;
  readonly resolve: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #waiting: Waiting[] = [];
  #watchers: (() => void)[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const entry = { atMs: this.#nowMs + ms, resolve };
      this.#waiting.push(entry);
      signal?.addEventListener(
        'abort',
        () => {
          this.#waiting = this.#waiting.filter((one) => one !== entry);
          reject(signal.reason as Error);
        },
        { once: true },
      );
      for (const wake of this.#watchers.splice(0)) wake();
    });
  }

  /** Resolves when somebody waits for exactly this long. */
  async waited(ms: number): Promise<void> {
    while (!this.#waiting.some((one) => one.atMs === this.#nowMs + ms)) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#waiting.filter((one) => one.atMs <= this.#nowMs);
    this.#waiting = this.#waiting.filter((one) => one.atMs > this.#nowMs);
    for (const { resolve } of due) resolve();
  }
}
