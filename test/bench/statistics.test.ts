// The arithmetic behind every figure that the benchmark prints.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { median, percentile, ratioOf, rotated, spreadOf } from '../../bench/statistics.ts';
import { suite } from '../support/suite.ts';

const test = suite('bench statistics');
const figures = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 });

test('the median is the middle figure, or the mean of the two middle ones', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.is(median([7]), 7);
  assert.throws(() => median([]), /no figures/);
});

test('half of the figures are not above the median, and half not below it', () => {
  fc.assert(
    fc.property(figures, (some) => {
      const middle = median(some);
      const half = some.length / 2;
      return (
        some.filter((one) => one <= middle).length >= half &&
        some.filter((one) => one >= middle).length >= half
      );
    }),
  );
});

test('a spread holds its median and leaves the figures as they were', () => {
  fc.assert(
    fc.property(figures, (some) => {
      const before = [...some];
      const { min, max, median: middle, count } = spreadOf(some);
      assert.equal(some, before);
      return min <= middle && middle <= max && count === some.length;
    }),
  );
});

test('a percentile is the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.is(percentile(hundred, 0.5), 50);
  assert.is(percentile(hundred, 0.99), 99);
  assert.is(percentile(hundred, 1), 100);
  assert.is(percentile(hundred, 0), 1);
  assert.is(percentile([5], 0.99), 5);
});

test('a ratio compares within rounds, so that a slow round disturbs neither side alone', () => {
  const own = new Map([
    [0, 50],
    [1, 5],
    [2, 60],
  ]);
  const base = new Map([
    [0, 100],
    [1, 10],
    [2, 100],
  ]);
  assert.equal(ratioOf(own, base), { median: 0.5, min: 0.5, max: 0.6, count: 3 });
});

test('a round without both figures, or with nothing to compare with, has no ratio', () => {
  const own = new Map([
    [0, 1],
    [1, 2],
  ]);
  assert.equal(ratioOf(own, new Map([[1, 4]])), { median: 0.5, min: 0.5, max: 0.5, count: 1 });
  assert.is(ratioOf(own, new Map([[0, 0]])), undefined);
  assert.is(ratioOf(own, new Map()), undefined);
});

test('over as many rounds as there are paths, each path is once at each place', () => {
  const paths = ['a', 'b', 'c'];
  const orders = paths.map((_, round) => rotated(paths, round));
  assert.equal(orders, [
    ['a', 'b', 'c'],
    ['b', 'c', 'a'],
    ['c', 'a', 'b'],
  ]);
  assert.equal(rotated(paths, 3), paths);
  assert.equal(rotated([], 2), []);
});

test.run();
