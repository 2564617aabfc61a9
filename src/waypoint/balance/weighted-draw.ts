// Drawing one of many by weight, fast where all weigh the same and where everyone may be taken.

/** Draws that fail before the few that may be taken are listed. */
const maxBlindDraws = 16;

export class WeightedDraw {
  readonly #weights: readonly number[];
  readonly isEven: boolean;
  /** Sums of the weights up to each. */
  readonly #sums: Float64Array;

  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.isEven = weights.every((weight) => weight === weights[0]);
    this.#sums = new Float64Array(this.isEven ? 0 : weights.length);
    let sum = 0;
    for (const index of this.#sums.keys()) {
      sum += weights[index] ?? 0;
      this.#sums[index] = sum;
    }
  }

  /** One that may be taken; undefined when nobody may. `chanceOf` is how often it is, once drawn. */
  draw(
    random: () => number,
    mayTake: (index: number) => boolean,
    chanceOf?: (index: number) => number,
  ): number | undefined {
    for (let tries = 0; tries < maxBlindDraws; tries++) {
      const index = this.#any(random());
      if (mayTake(index) && (chanceOf === undefined || isLucky(chanceOf(index), random))) {
        return index;
      }
    }
    return this.#among(random, mayTake, chanceOf);
  }

  #any(random: number): number {
    const { length } = this.#weights;
    if (this.isEven) return Math.min(length - 1, Math.floor(random * length));
    const wanted = random * (this.#sums[length - 1] ?? 0);
    let low = 0;
    let high = length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sums[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #among(
    random: () => number,
    mayTake: (index: number) => boolean,
    chanceOf: ((index: number) => number) | undefined,
  ): number | undefined {
    const listed = [...this.#weights.entries()]
      .filter(([index]) => mayTake(index))
      .map(([index, weight]) => [index, weight * (chanceOf?.(index) ?? 1)] as const);
    const total = listed.reduce((sum, [, weight]) => sum + weight, 0);
    let left = random() * total;
    for (const [index, weight] of listed) {
      left -= weight;
      if (left < 0) return index;
    }
    return listed.at(-1)?.[0];
  }
}

function isLucky(chance: number, random: () => number): boolean {
  return chance >= 1 || random() < chance;
}
