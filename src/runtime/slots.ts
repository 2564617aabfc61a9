// A limit on how many operations run at once; the rest wait their turn, the urgent ones first.

interface Waiting {
  readonly urgency: () => number;
  readonly start: () => void;
}

/** Runs at most `limit` bodies at a time. */
export class Slots {
  readonly #waiting: Waiting[] = [];
  #free: number;

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Runs a body when there is room. Among those waiting, the one with the least `urgency` goes first,
   * and among equals the one that came first. It is asked anew whenever a place is free, because what
   * waits may have become urgent. */
  async run<T>(body: () => Promise<T>, urgency: () => number = () => 0): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((start) => this.#waiting.push({ urgency, start }));
    try {
      return await body();
    } finally {
      const next = this.#takeNext();
      if (next === undefined) this.#free++;
      else next.start();
    }
  }

  #takeNext(): Waiting | undefined {
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [index, { urgency }] of this.#waiting.entries()) {
      const value = urgency();
      if (value >= least) continue;
      least = value;
      best = index;
    }
    return this.#waiting.splice(best, 1)[0];
  }
}
