import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { RouteBackend, SessionPersistence } from '../../src/mesh/route.ts';
import {
  backendOfSession,
  markOfBackend,
  markOfEndpoint,
  readSession,
  writeSession,
} from '../../src/mesh/session.ts';
import { suite } from '../support/suite.ts';

const test = suite('sessions of routes');

const nowMs = 1_700_000_000_000;
const token = { backend: 'b1', endpoint: 'e1', sinceMs: nowMs - 50_000, usedMs: nowMs - 5_000 };

/** What the client sends next. */
function sent(rule: SessionPersistence, [name, value]: readonly [string, string]) {
  if (rule.inHeader === true) return new Map([[name, value]]);
  return new Map([['cookie', `other=1; ${value.split(';')[0]}`]]);
}

test('a token comes back as it was given, in a cookie or a header', () => {
  const text = fc.stringMatching(/^[0-9a-z]{1,7}$/);
  const times = fc.tuple(fc.nat(1_000_000), fc.nat(1_000_000));
  fc.assert(
    fc.property(text, text, times, fc.boolean(), (backend, endpoint, [one, other], inHeader) => {
      const rule = { name: 'Session', inHeader };
      const given = { backend, endpoint, sinceMs: nowMs - one, usedMs: nowMs - other };
      const headers = sent(rule, writeSession(rule, given));
      assert.equal(readSession(rule, headers, nowMs), given);
    }),
  );
});

test('whatever else is sent is no token', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const isOne = /^\w+\.\w+\.\w+\.\w+$/.test(value);
      const headers = new Map([['cookie', `s=${value}`]]);
      assert.ok(isOne || readSession({ name: 's' }, headers, nowMs) === undefined);
    }),
  );
});

const limits: readonly [Partial<SessionPersistence>, boolean][] = [
  [{}, true],
  [{ absoluteTimeoutMs: 60_000, idleTimeoutMs: 6_000 }, true],
  [{ absoluteTimeoutMs: 50_000 }, false],
  [{ idleTimeoutMs: 5_000 }, false],
];
for (const [changes, isValid] of limits) {
  test(`with ${JSON.stringify(changes)} it is ${isValid ? 'still valid' : 'over'}`, () => {
    const rule = { name: 's', ...changes };
    const headers = sent(rule, writeSession(rule, token));
    assert.is(readSession(rule, headers, nowMs) !== undefined, isValid);
  });
}

test('a permanent cookie lasts as long as the session may', () => {
  const rule = { name: 's', permanent: true, absoluteTimeoutMs: 60_000 };
  const [name, value] = writeSession(rule, token);
  assert.is(name, 'set-cookie');
  assert.match(value, /^s=b1\.e1\.\w+\.\w+; Max-Age=15; Path=\/; HttpOnly$/);
  assert.not.match(writeSession({ name: 's' }, token)[1], 'Max-Age');
});

test('a session leads to its backend as long as that gets requests', () => {
  const backends: RouteBackend[] = [
    { service: 'a/x', weight: 1 },
    { service: 'a/x', weight: 1, port: 80 },
    { service: 'a/y', weight: 0 },
  ];
  const of = (backend: RouteBackend) =>
    backendOfSession(backends, { ...token, backend: markOfBackend(backend) });
  assert.is(of(backends[0]!), backends[0]);
  assert.is(of(backends[1]!), backends[1]);
  assert.is(of(backends[2]!), undefined);
  assert.is(backendOfSession(backends, token), undefined);
  assert.is(backendOfSession(backends, undefined), undefined);
});

test('endpoints have marks of their own', () => {
  const marks = new Set(
    Array.from({ length: 10_000 }, (_, index) => markOfEndpoint(`pod-${index}`)),
  );
  assert.is(marks.size, 10_000);
});

test.run();
