// Turns and draws by weight, whoever may be taken at a time.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { WeightedDraw } from '../../src/waypoint/balance/weighted-draw.ts';
import { WeightedTurns } from '../../src/waypoint/balance/weighted-turns.ts';
import { withinChance } from '../cases/chance.ts';
import { suite } from '../support/suite.ts';

const test = suite('turns and draws by weight');

const weightLists = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function turnsOf(weights: readonly number[], start: number): WeightedTurns {
  const isEven = weights.every((weight) => weight === weights[0]);
  return new WeightedTurns(weights.length, (index) => weights[index] ?? 1, { isEven, start });
}

function countTurns(
  turns: WeightedTurns,
  count: number,
  mayTake: (index: number) => boolean = () => true,
): Map<number, number> {
  const counts = new Map<number, number>();
  for (let turn = 0; turn < count; turn++) {
    const index = turns.next(mayTake) ?? -1;
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  return counts;
}

test('in every round each has as many turns as it weighs, give or take one', () => {
  fc.assert(
    fc.property(weightLists, unit, (weights, start) => {
      const round = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = countTurns(turnsOf(weights, start), 3 * round);
      for (const [index, weight] of weights.entries()) {
        const off = Math.abs((counts.get(index) ?? 0) - 3 * weight);
        assert.ok(off <= 1, `${index} of ${weights.join()} is off by ${off}`);
      }
    }),
  );
});

test('who may not be taken gives its turns to all others by their weight', () => {
  for (const weights of [
    [100, 1, 2],
    [1, 1, 1],
  ]) {
    const turns = turnsOf(weights, 0.3);
    const counts = countTurns(turns, 300, (index) => index !== 0);
    const share = (weights[2] ?? 0) / ((weights[1] ?? 0) + (weights[2] ?? 0));
    assert.ok(Math.abs((counts.get(2) ?? 0) - 300 * share) <= 2, JSON.stringify([...counts]));
    const back = countTurns(turns, 103);
    assert.ok((back.get(0) ?? 0) <= (weights[0] === 100 ? 101 : 35), 'nothing is made up for');
    assert.is(
      turns.next(() => false),
      undefined,
    );
    assert.ok(turns.next(() => true) !== undefined);
  }
});

test('draws go by weight, also when few may be taken', () => {
  const weights = [1, 2, 3, 100];
  const draw = new WeightedDraw(weights);
  const count = (mayTake: (index: number) => boolean, chanceOf?: (index: number) => number) => {
    const counts = [0, 0, 0, 0];
    for (let drawn = 0; drawn < 3_000; drawn++) {
      const index = draw.draw(Math.random, mayTake, chanceOf) ?? -1;
      counts[index] = (counts[index] ?? 0) + 1;
    }
    return counts;
  };
  const all = count(() => true);
  withinChance(all[3] ?? 0, 3_000, 100 / 106);
  const few = count((index) => index < 3);
  withinChance(few[2] ?? 0, 3_000, 0.5);
  const cold = count(
    () => true,
    (index) => (index === 3 ? 0.06 : 1),
  );
  withinChance(cold[3] ?? 0, 3_000, 0.5);
  assert.is(
    draw.draw(Math.random, () => false),
    undefined,
  );
});

test('the same weight for all needs no table', () => {
  const draw = new WeightedDraw([2, 2, 2, 2]);
  assert.ok(draw.isEven);
  const drawn = [0, 0.25, 0.5, 0.999].map((random) =>
    draw.draw(
      () => random,
      () => true,
    ),
  );
  assert.equal(drawn, [0, 1, 2, 3]);
});

test.run();
