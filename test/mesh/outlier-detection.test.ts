import * as assert from 'uvu/assert';
import type { OutlierDetection } from '../../src/mesh/destination.ts';
import {
  afterResult,
  afterSweep,
  type EndpointHealth,
  type EndpointResult,
  eject,
  freshHealth,
  isPanic,
  mayEject,
} from '../../src/mesh/outlier-detection.ts';
import { suite } from '../support/suite.ts';

const test = suite('outlier detection');

const rules: OutlierDetection = {
  consecutive5xxErrors: 3,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
};

/** `500` is an answer, `-503` a failure without one, `0` a connection that came about. */
function resultOf(number: number): EndpointResult {
  if (number === 0) return { kind: 'connected' };
  if (number > 0) return { kind: 'answer', status: number };
  return { kind: 'local failure', status: number === -504 ? 504 : 503 };
}

const gateway = { consecutive5xxErrors: 0, consecutiveGatewayErrors: 2 };
const split = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 };

const rows: readonly [
  title: string,
  changes: Partial<OutlierDetection>,
  results: readonly number[],
  reason: string | undefined,
][] = [
  ['as many errors in a row as are counted', {}, [500, 501, 599], 'errors in a row: 3'],
  ['an answer between starts anew', {}, [500, 500, 200, 500, 500], undefined],
  ['what clients did wrong is no error', {}, [404, 429, 499, 400], undefined],
  ['failures without an answer count as well', {}, [-503, 500, -504], 'errors in a row: 3'],
  ['a connection that comes about starts anew', {}, [-503, -503, 0, -503], undefined],
  ['none are counted with 0', { consecutive5xxErrors: 0 }, [500, 500, 500, 500], undefined],
  ['gateway errors', gateway, [502, 504], 'gateway errors in a row: 2'],
  ['another error between gateway errors', gateway, [503, 500, 503], undefined],
  ['a timeout is a gateway error', gateway, [-504, -503], 'gateway errors in a row: 2'],
  ['split: local failures', split, [-503, -504], 'failures in a row without an answer: 2'],
  [
    'split: they are no errors',
    { ...split, ...gateway },
    [503, -503, 503],
    'gateway errors in a row: 2',
  ],
  ['split: a connection starts anew', split, [-503, 0, -503], undefined],
  ['split: an answer starts anew', split, [-503, 500, -503], undefined],
];

for (const [title, changes, results, expected] of rows) {
  test(title, () => {
    let health: EndpointHealth = freshHealth;
    const reasons = results.map((number) => {
      const after = afterResult(health, resultOf(number), { ...rules, ...changes });
      health = after.health;
      return after.reason;
    });
    assert.equal(
      reasons.slice(0, -1),
      reasons.slice(0, -1).map(() => undefined),
    );
    assert.is(reasons.at(-1), expected);
    if (expected !== undefined) assert.equal(health, freshHealth);
  });
}

test('an endpoint is left out longer each time, and trusted more with each sweep', () => {
  let health = eject(freshHealth, 'why', 1_000, rules);
  assert.equal(health.ejected, { atMs: 1_000, forMs: 30_000, reason: 'why' });
  assert.is(afterSweep(health, 30_999), health);
  assert.is(afterResult(health, resultOf(500), rules).health, health);
  health = afterSweep(health, 31_000);
  assert.equal(health, { ...freshHealth, ejections: 1 });
  health = eject(health, 'again', 50_000, rules);
  assert.is(health.ejected?.forMs, 60_000);
  health = afterSweep(health, 110_000);
  assert.is(afterSweep(afterSweep(health, 120_000), 130_000).ejections, 0);
  const often = { ...freshHealth, ejections: 100 };
  assert.is(eject(often, '', 0, rules).ejected?.forMs, 300_000);
  const long = { ...rules, baseEjectionTimeMs: 600_000 };
  assert.is(eject(often, '', 0, long).ejected?.forMs, 600_000);
});

test('the first may always be ejected, others up to the share', () => {
  assert.is(mayEject(0, 1, rules), true);
  assert.is(mayEject(1, 10, rules), false);
  assert.is(mayEject(1, 20, rules), true);
  const half = { ...rules, maxEjectionPercent: 50 };
  assert.is(mayEject(1, 4, half), true);
  assert.is(mayEject(1, 3, half), false);
  assert.is(mayEject(2, 3, { ...rules, maxEjectionPercent: 100 }), true);
});

test('with fewer healthy ones than the share all are used', () => {
  const panic = { ...rules, minHealthPercent: 50 };
  assert.is(isPanic(1, 2, panic), false);
  assert.is(isPanic(2, 3, panic), true);
  assert.is(isPanic(3, 3, rules), false);
  assert.is(isPanic(0, 0, panic), false);
});

test.run();
