// Runs a task after changes have settled: a few milliseconds after the last one, and at the latest a
// named time after the first, however many follow.

import type { Clock } from '../runtime/clock.ts';

export interface DebounceShape {
  /** Quiet time after the last change. */
  readonly quietMs: number;
  /** Longest wait after the first change. */
  readonly maxMs: number;
}

/** Gathers changes. Runs never overlap; changes during a run lead to another. */
export class Debouncer implements AsyncDisposable {
  readonly #shape: DebounceShape;
  readonly #clock: Clock;
  readonly #task: () => Promise<void> | void;
  readonly #end = new AbortController();
  #firstChange: number | undefined;
  #lastChange = 0;
  #running: Promise<void> | undefined;

  /** `task` must not reject. */
  constructor(shape: DebounceShape, clock: Clock, task: () => Promise<void> | void) {
    this.#shape = shape;
    this.#clock = clock;
    this.#task = task;
  }

  /** Notes a change. */
  changed(): void {
    if (this.#end.signal.aborted) return;
    this.#lastChange = this.#clock.monotonic();
    this.#firstChange ??= this.#lastChange;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#firstChange !== undefined) this.changed();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (this.#firstChange !== undefined && !signal.aborted) {
      const now = this.#clock.monotonic();
      const { quietMs, maxMs } = this.#shape;
      const due = Math.min(this.#lastChange + quietMs, this.#firstChange + maxMs);
      if (now < due) {
        // Rejects only when this object is disposed; the loop condition sees that.
        await this.#clock.wait(due - now, signal).catch(() => {});
        continue;
      }
      this.#firstChange = undefined;
      await this.#task();
    }
  }
}
