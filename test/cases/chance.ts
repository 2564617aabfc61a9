// Counts of what is left to chance, judged by how far chance can carry them.

import * as assert from 'uvu/assert';

/** Standard deviations that a count may be off: passed by chance once in 1.7 million counts. */
const deviationsMax = 5;

/** Fails unless `count` of `trials` is what a binomial distribution with `probability` can give. */
export function withinChance(count: number, trials: number, probability: number): void {
  const expected = trials * probability;
  const bound = deviationsMax * Math.sqrt(expected * (1 - probability));
  const told = `${count} of ${trials}; expected ${expected} ± ${bound.toFixed(1)}`;
  assert.ok(Math.abs(count - expected) <= bound, told);
}
