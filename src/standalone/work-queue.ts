// Keys to work on, each at most once at a time. A key that is added again before its turn is worked on
// once; one that is added during its turn gets another. Failures come back after a growing delay.

import { Backoff, type BackoffShape } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';

export interface WorkQueueOptions {
  /** Brings what the key stands for to its wanted state. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  /** Told of every failure before it is tried again. */
  readonly onFailure: (key: string, error: unknown) => void;
  readonly clock: Clock;
  readonly backoff?: BackoffShape;
}

const defaultBackoff: BackoffShape = { firstMs: 50, maxMs: 10_000, jitter: 0.2 };

/** A queue worked on by one loop, which starts with the first key. The number of keys is bounded by
 * the number of objects they stand for. */
export class WorkQueue implements AsyncDisposable {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #end = new AbortController();
  readonly #timers = new Map<string, AbortController>();
  #loop: Promise<void> | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Asks for a turn as soon as possible. */
  add(key: string): void {
    if (this.#end.signal.aborted) return;
    this.#waiting.add(key);
    this.#loop ??= this.#run();
  }

  /** Asks for a turn after `ms`; a later call for the same key replaces this one. */
  addAfter(key: string, ms: number): void {
    if (this.#end.signal.aborted) return;
    this.#timers.get(key)?.abort();
    const timer = new AbortController();
    this.#timers.set(key, timer);
    this.#options.clock.wait(ms, timer.signal).then(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      () => undefined, // replaced, or the queue ended
    );
  }

  /** Resolves when nothing waits for its turn; keys that wait for their delay do not count. */
  async idle(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop;
  }

  async #run(): Promise<void> {
    // What changes together is told one by one within one turn of the event loop.
    await Promise.resolve();
    for (const key of this.#waiting) {
      if (this.#end.signal.aborted) break;
      this.#waiting.delete(key);
      await this.#turn(key);
    }
    this.#loop = undefined;
  }

  async #turn(key: string): Promise<void> {
    try {
      await this.#options.work(key, this.#end.signal);
      this.#backoffs.delete(key);
    } catch (error) {
      if (this.#end.signal.aborted) return;
      this.#options.onFailure(key, error);
      this.addAfter(key, this.#backoffOf(key).nextMs());
    }
  }

  #backoffOf(key: string): Backoff {
    const known = this.#backoffs.get(key);
    if (known !== undefined) return known;
    const { backoff = defaultBackoff, clock } = this.#options;
    const made = new Backoff(backoff, clock);
    this.#backoffs.set(key, made);
    return made;
  }

  /** Ends timers and waits for the turn that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    for (const timer of this.#timers.values()) timer.abort();
    this.#timers.clear();
    this.#waiting.clear();
    await this.idle();
  }
}
