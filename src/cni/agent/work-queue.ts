// Work by key: one at a time per key, the latest wish wins, failures are tried again with growing
// delays.

import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';

/** From 5 ms to 5 s, as Istio's agent retries. */
const retryShape = { firstMs: 5, maxMs: 5_000, jitter: 0.2 };

/** Delays of failed work start here again after a success. */
interface Retrying {
  readonly backoff: Backoff;
  wanted: boolean;
  running: boolean;
}

export interface WorkQueueOptions {
  /** Brings one key to what it should be. May be called again at any time. */
  readonly work: (key: string) => Promise<void>;
  /** Hears of each failure, before the next attempt. */
  readonly onFailure: (key: string, error: unknown) => void;
  readonly clock: Clock;
}

/** A queue without an end of its own: keys are dropped when their work has succeeded. Its size is
 * bounded by the number of keys, which are the pods of a node. */
export class WorkQueue implements AsyncDisposable {
  readonly #options: WorkQueueOptions;
  readonly #keys = new Map<string, Retrying>();
  readonly #locks = new Map<string, Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Asks for work on a key, soon. While it is under way, it will be done once more. */
  request(key: string): void {
    if (this.#closing.signal.aborted) return;
    const entry = this.#keys.get(key) ?? this.#register(key);
    entry.wanted = true;
    if (entry.running) return;
    entry.running = true;
    const running = this.#drive(key, entry).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Runs something else on a key, after what is under way on it and before what comes. */
  async exclusive<T>(key: string, body: () => Promise<T>): Promise<T> {
    const turn = (this.#locks.get(key) ?? Promise.resolve()).then(body);
    const settled = turn.catch(() => undefined);
    this.#locks.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#locks.get(key) === settled) this.#locks.delete(key);
    }
  }

  /** Resolves when nothing is under way and nothing waits to be tried again. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #register(key: string): Retrying {
    const backoff = new Backoff(retryShape, this.#options.clock);
    const entry: Retrying = { backoff, wanted: false, running: false };
    this.#keys.set(key, entry);
    return entry;
  }

  async #drive(key: string, entry: Retrying): Promise<void> {
    const { signal } = this.#closing;
    while (entry.wanted && !signal.aborted) {
      entry.wanted = false;
      try {
        await this.exclusive(key, () => this.#options.work(key));
        entry.backoff.reset();
      } catch (error) {
        this.#options.onFailure(key, error);
        entry.wanted = true;
        await entry.backoff.wait(signal).catch(() => undefined);
      }
    }
    entry.running = false;
    this.#keys.delete(key);
  }

  /** Takes no more work and waits for what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.idle();
  }
}
