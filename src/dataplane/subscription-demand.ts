// Resources that are asked for by name when somebody needs them, instead of all of a type (protocol
// section 4.3). A name stays subscribed to while it is used now and then, so that its changes arrive.

import type { Clock } from '../runtime/clock.ts';

/** How long a name may go unused before it is given up. */
export const idleMs = 10 * 60_000;
/** Names subscribed to at a time. Beyond that nothing more is asked for, and what is not known stays so. */
export const maxNames = 20_000;
const sweepMs = 60_000;

interface Wanted {
  /** Whether the controller has told what the name means, if anything. */
  isAnswered: boolean;
  lastUsedMs: number;
  readonly waiting: Set<() => void>;
}

/** What is asked of the controller. */
export interface NameChange {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
}

/** The names in use. */
export class Demand implements Disposable {
  readonly #clock: Clock;
  readonly #wanted = new Map<string, Wanted>();
  readonly #end = new AbortController();
  #kept: ReadonlySet<string> = new Set();
  #send: (change: NameChange) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#keepSweeping().catch(() => {
      // Only the end of this object stops the loop.
    });
  }

  /** Every name that is subscribed to. */
  names(): IterableIterator<string> {
    return this.#wanted.keys();
  }

  /** Where changes go while there is a stream. Its first request has named what is in `told`; what has come
   * since then is sent at once. */
  connect(send: (change: NameChange) => void, told: ReadonlyMap<string, string>): void {
    this.#send = send;
    const subscribe = [...this.#wanted.keys()].filter((name) => !told.has(name));
    if (subscribe.length > 0) send({ subscribe, unsubscribe: [] });
  }

  disconnect(): void {
    this.#send = () => undefined;
  }

  /** Asks for a name unless that has been done. Resolves when it has been answered, with whether that was
   * in time; never rejects. */
  async need(
    name: string,
    limit: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<boolean> {
    const wanted = this.#want(name);
    if (wanted === undefined) return false;
    if (wanted.isAnswered) return true;
    const answered = new AbortController();
    const wake = (): void => answered.abort();
    wanted.waiting.add(wake);
    const { timeoutMs, signal } = limit;
    const until = AbortSignal.any([answered.signal, this.#end.signal, ...(signal ? [signal] : [])]);
    await this.#clock.wait(timeoutMs, until).catch(() => undefined);
    wanted.waiting.delete(wake);
    return wanted.isAnswered;
  }

  /** Holds on to some names, however little they are used, instead of those before. */
  keep(names: Iterable<string>): void {
    this.#kept = new Set(names);
    for (const name of this.#kept) this.#want(name);
  }

  /** To be called with every name and alias that a response speaks of, once it is in force. */
  answered(names: Iterable<string>): void {
    for (const name of names) {
      const wanted = this.#wanted.get(name);
      if (wanted === undefined) continue;
      wanted.isAnswered = true;
      for (const wake of wanted.waiting) wake();
    }
  }

  /** Gives up what has not been used for long. */
  sweep(): void {
    const before = this.#clock.monotonic() - idleMs;
    const idle: string[] = [];
    for (const [name, { lastUsedMs, waiting }] of this.#wanted) {
      if (lastUsedMs <= before && waiting.size === 0 && !this.#kept.has(name)) idle.push(name);
    }
    for (const name of idle) this.#wanted.delete(name);
    if (idle.length > 0) this.#send({ subscribe: [], unsubscribe: idle });
  }

  [Symbol.dispose](): void {
    this.#end.abort(new Error('nothing more is asked for'));
  }

  #want(name: string): Wanted | undefined {
    const lastUsedMs = this.#clock.monotonic();
    const known = this.#wanted.get(name);
    if (known !== undefined) {
      known.lastUsedMs = lastUsedMs;
      return known;
    }
    if (this.#wanted.size >= maxNames) return undefined;
    const wanted: Wanted = { isAnswered: false, lastUsedMs, waiting: new Set() };
    this.#wanted.set(name, wanted);
    this.#send({ subscribe: [name], unsubscribe: [] });
    return wanted;
  }

  async #keepSweeping(): Promise<void> {
    for (;;) {
      await this.#clock.wait(sweepMs, this.#end.signal);
      this.sweep();
    }
  }
}
