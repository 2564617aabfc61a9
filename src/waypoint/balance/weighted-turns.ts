// Turns by weight: earliest deadline first, as Envoy's round robin has it. Each one's next turn is due the
// sooner the more it weighs.

interface Turn {
  readonly index: number;
  readonly due: number;
}

/** The part of the golden ratio that spreads first turns evenly, whatever their number. */
const spread = 0.618_033_988_749_895;

export class WeightedTurns {
  /** A binary heap; whose turn is next is the first. */
  readonly #heap: Turn[] = [];
  readonly #weightOf: (index: number) => number;
  readonly #isEven: boolean;
  readonly #count: number;
  #next: number;

  /** For `count` ones; `isEven` promises that all weigh the same at all times. `start` in [0, 1) keeps
   * replicas from beginning with the same one. */
  constructor(
    count: number,
    weightOf: (index: number) => number,
    { isEven, start }: { readonly isEven: boolean; readonly start: number },
  ) {
    this.#weightOf = weightOf;
    this.#isEven = isEven;
    this.#count = count;
    this.#next = Math.floor(start * count);
    if (isEven) return;
    for (let index = 0; index < count; index++) {
      const phase = (start + index * spread) % 1;
      this.#push({ index, due: phase / weightOf(index) });
    }
  }

  /** Whose turn it is, among those that may be taken; the others lose their turn. */
  next(mayTake: (index: number) => boolean): number | undefined {
    return this.#isEven ? this.#nextOfEven(mayTake) : this.#nextDue(mayTake);
  }

  #nextOfEven(mayTake: (index: number) => boolean): number | undefined {
    for (let step = 0; step < this.#count; step++) {
      const index = this.#next++ % this.#count;
      if (mayTake(index)) return index;
    }
    return undefined;
  }

  #nextDue(mayTake: (index: number) => boolean): number | undefined {
    const passed: Turn[] = [];
    let turn = this.#pop();
    while (turn !== undefined && !mayTake(turn.index)) {
      passed.push(turn);
      turn = this.#pop();
    }
    // Who could not be taken has no claim to what was missed.
    for (const one of passed) this.#push({ ...one, due: Math.max(one.due, turn?.due ?? 0) });
    if (turn === undefined) return undefined;
    this.#push({ ...turn, due: turn.due + 1 / this.#weightOf(turn.index) });
    return turn.index;
  }

  #pop(): Turn | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || last === first) return first;
    heap[0] = last;
    this.#sink(0);
    return first;
  }

  #push(turn: Turn): void {
    const heap = this.#heap;
    let at = heap.push(turn) - 1;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      if (this.#due(above) <= turn.due) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const sooner = this.#due(right) < this.#due(left) ? right : left;
      if (this.#due(sooner) >= this.#due(at)) return;
      this.#swap(at, sooner);
      at = sooner;
    }
  }

  #due(at: number): number {
    return this.#heap[at]?.due ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const [first, second] = [this.#heap[one], this.#heap[other]];
    if (first === undefined || second === undefined) return;
    this.#heap[one] = second;
    this.#heap[other] = first;
  }
}
