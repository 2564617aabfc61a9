// Streams that a peer opens and gives up before they are answered. Some are life; many at a time cost the
// server work and the peer nothing (CVE-2023-44487, "rapid reset"). Streams that were answered are
// connections of applications, which may be reset as often as they like.

/** At once. */
const burst = 200;
/** And again per second. */
const perSecond = 50;

/** Counts those of one connection. */
export class EarlyResets {
  readonly #monotonicMs: () => number;
  #left = burst;
  #seenMs: number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#seenMs = monotonicMs();
  }

  /** Counts one; false when there are too many. */
  allow(): boolean {
    const now = this.#monotonicMs();
    this.#left = Math.min(burst, this.#left + ((now - this.#seenMs) * perSecond) / 1_000);
    this.#seenMs = now;
    this.#left -= 1;
    return this.#left >= 0;
  }
}
