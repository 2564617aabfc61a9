// How long the event loop kept everything else waiting: the longest time between two turns of a timer
// that is due every millisecond.

/** Measures from its making until `stop`. */
export class StallProbe {
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #longestMs = 0;
  /** Stalls above 20 ms. */
  #tooLong = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), 1);
  }

  #look(): void {
    const now = performance.now();
    const lateMs = now - this.#last - 1;
    this.#last = now;
    if (lateMs > 20) this.#tooLong++;
    this.#longestMs = Math.max(this.#longestMs, lateMs);
  }

  /** The longest stall so far, in milliseconds, and how many were above 20 ms; starts anew. */
  take(): { longestMs: number; tooLong: number } {
    this.#look();
    const found = { longestMs: this.#longestMs, tooLong: this.#tooLong };
    this.#longestMs = 0;
    this.#tooLong = 0;
    return found;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
