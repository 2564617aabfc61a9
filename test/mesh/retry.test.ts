import * as assert from 'uvu/assert';
import {
  type AttemptOutcome,
  defaultRetries,
  mayRetry,
  retryCondition,
} from '../../src/mesh/retry.ts';
import { suite } from '../support/suite.ts';

const test = suite('retries');

test('a retry budget is a share of what is under way, and never below its least', () => {
  const budget = { percent: 20, minConcurrency: 3 };
  assert.ok(mayRetry(undefined, 1, 1_000));
  assert.ok(mayRetry(budget, 1, 2));
  assert.not(mayRetry(budget, 1, 3));
  assert.ok(mayRetry(budget, 100, 19));
  assert.not(mayRetry(budget, 100, 20));
});

const failed = (stage: 'connect' | 'refused' | 'reset' | 'timeout'): AttemptOutcome => ({
  kind: 'failure',
  stage,
});
const answered = (status: number, grpcStatus?: number): AttemptOutcome => ({
  kind: 'response',
  status,
  ...(grpcStatus === undefined ? {} : { grpcStatus }),
});

const cases: readonly [retryOn: string, AttemptOutcome, condition: string | undefined][] = [
  ['5xx', answered(500), '5xx'],
  ['5xx', failed('reset'), '5xx'],
  ['5xx', answered(404), undefined],
  ['gateway-error', answered(502), 'gateway-error'],
  ['gateway-error', answered(500), undefined],
  ['reset', failed('reset'), 'reset'],
  ['reset-before-request', failed('reset'), undefined],
  ['connect-failure', failed('connect'), 'connect-failure'],
  ['connect-failure', failed('refused'), undefined],
  ['refused-stream', failed('refused'), 'refused-stream'],
  ['retriable-4xx', answered(409), 'retriable-4xx'],
  ['gateway-error, 418', answered(418), '418'],
  ['retriable-status-codes', answered(503), undefined],
  ['unavailable', answered(200, 14), 'unavailable'],
  ['unavailable', answered(200, 0), undefined],
  ['', failed('connect'), undefined],
  [defaultRetries.retryOn, failed('connect'), 'connect-failure'],
  [defaultRetries.retryOn, failed('reset'), undefined],
  [defaultRetries.retryOn, answered(503), undefined],
];
for (const [retryOn, outcome, condition] of cases) {
  test(`"${retryOn}" and ${JSON.stringify(outcome)} give ${condition}`, () => {
    assert.is(retryCondition(retryOn, outcome), condition);
  });
}

test.run();
