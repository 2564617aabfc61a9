import * as assert from 'uvu/assert';
import { grpcTimeoutMs, requestLimits } from '../../src/mesh/request-limits.ts';
import { defaultRetries } from '../../src/mesh/retry.ts';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { suite } from '../support/suite.ts';

const test = suite('limits of a request');

const route: HttpRoute = { origin: 'r', matches: [], timeoutMs: 1000 };
const timeoutOf = (headers: Record<string, string>, of: HttpRoute | undefined = route): number =>
  requestLimits(of, new Map(Object.entries(headers))).timeoutMs;

test('without a route there is no timeout, and the default retries', () => {
  const limits = requestLimits(undefined, new Map());
  assert.equal(limits, { timeoutMs: 0, retries: defaultRetries });
});

test('a gRPC deadline shortens the timeout of the route and never lengthens it', () => {
  assert.is(timeoutOf({ 'grpc-timeout': '500m' }), 500);
  assert.is(timeoutOf({ 'grpc-timeout': '5S' }), 1000);
  assert.is(timeoutOf({ 'grpc-timeout': '5S' }, { origin: 'r', matches: [] }), 5000);
  assert.is(timeoutOf({ 'grpc-timeout': 'soon' }), 1000);
});

test('deadlines below a millisecond are one', () => {
  assert.is(grpcTimeoutMs('1n'), 1);
  assert.is(grpcTimeoutMs('2H'), 7_200_000);
  assert.is(grpcTimeoutMs('123456789S'), undefined);
});

test('a client can ask for its own timeout and for more retries, within limits', () => {
  assert.is(timeoutOf({ 'x-envoy-upstream-rq-timeout-ms': '2500' }), 2500);
  const { retries } = requestLimits(
    { ...route, retries: { attempts: 0, retryOn: '5xx' } },
    new Map([
      ['x-envoy-max-retries', '1000'],
      ['x-envoy-retry-on', 'reset'],
      ['x-envoy-upstream-rq-per-try-timeout-ms', 'x'],
    ]),
  );
  assert.equal(retries, { attempts: 16, retryOn: '5xx,reset' });
});

test.run();
