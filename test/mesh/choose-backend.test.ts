import * as assert from 'uvu/assert';
import { chooseBackend, findSubset, hasLabels } from '../../src/mesh/choose-backend.ts';
import { drawFault } from '../../src/mesh/draw-fault.ts';
import type { RouteBackend } from '../../src/mesh/route.ts';
import { suite } from '../support/suite.ts';

const test = suite('choosing a backend');

const backend = (subset: string, weight: number): RouteBackend => ({
  service: 'default/reviews',
  subset,
  weight,
});
const chosen = (backends: readonly RouteBackend[], random: number): string | undefined =>
  chooseBackend(backends, random)?.backend.subset;

test('weights share the numbers from 0 to 1', () => {
  const backends = [backend('v1', 80), backend('v0', 0), backend('v2', 20)];
  const numbers: readonly [number, string][] = [
    [0, 'v1'],
    [0.799, 'v1'],
    [0.8, 'v2'],
    [0.999_999, 'v2'],
  ];
  for (const [random, subset] of numbers) assert.is(chosen(backends, random), subset);
});

test('weights need not add up to 100', () => {
  assert.is(chosen([backend('a', 1), backend('b', 3)], 0.25), 'b');
});

test('a single backend takes all whatever its weight; several of weight 0 take nothing', () => {
  assert.is(chosen([backend('a', 0)], 0.5), 'a');
  assert.is(chosen([backend('a', 0), backend('b', 0)], 0.5), undefined);
  assert.is(chosen([], 0.5), undefined);
});

test('a subset is the endpoints with all of its labels', () => {
  const rules = { origin: 'd', subsets: [{ name: 'v1', labels: { version: 'v1' } }] };
  assert.equal(findSubset(rules, 'v1')?.labels, { version: 'v1' });
  assert.is(findSubset(rules, 'v2'), undefined);
  assert.is(findSubset(undefined, 'v1'), undefined);
  assert.is(hasLabels({ version: 'v1', app: 'x' }, { version: 'v1' }), true);
  assert.is(hasLabels({ app: 'x' }, { version: 'v1' }), false);
  assert.is(hasLabels({}, {}), true);
});

test('faults are drawn by percentage, each for itself', () => {
  const fault = {
    delay: { percent: 50, fixedDelayMs: 7000 },
    abort: { percent: 0.0001, httpStatus: 500 },
  };
  assert.equal(drawFault(fault, 0.499_999, 0.5), { delayMs: 7000 });
  assert.equal(drawFault(fault, 0.5, 0.000_000_9), { abort: { httpStatus: 500 } });
  assert.equal(drawFault(fault, 0.5, 0.000_001), {});
  assert.equal(drawFault({ abort: { percent: 0, httpStatus: 500 } }, 0, 0), {});
  assert.equal(
    drawFault({ abort: { percent: 100, httpStatus: 200, grpcStatus: 14 } }, 0, 0.999_999),
    {
      abort: { httpStatus: 200, grpcStatus: 14 },
    },
  );
});

test.run();
