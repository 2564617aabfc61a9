import * as assert from 'uvu/assert';
import { compileCors, judgeCors } from '../../src/mesh/cors.ts';
import type { CorsPolicy } from '../../src/mesh/route.ts';
import { compileRegex } from '../../src/waypoint/regex.ts';
import { suite } from '../support/suite.ts';
import { type FactsOverride, httpFacts } from './facts.ts';

const test = suite('cross-origin sharing');

const policy: CorsPolicy = {
  allowOrigins: [{ exact: 'https://a.example' }, { regex: 'https://[a-z]+\\.b\\.example' }],
  allowMethods: ['GET', 'POST'],
  allowHeaders: ['x-a'],
  exposeHeaders: ['x-b'],
  maxAgeSeconds: 86_400,
  allowCredentials: true,
};
const judge = (request: FactsOverride, changes: Partial<CorsPolicy> = {}) =>
  judgeCors(compileCors({ ...policy, ...changes }, compileRegex), httpFacts(request));
const preflightOf = (origin: string): FactsOverride => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'PUT' },
});

test('a request without an origin is nobody else’s', () => {
  assert.equal(judge({}), { kind: 'none' });
});

test('a preflight of an allowed origin is answered with all that is allowed', () => {
  const verdict = judge(preflightOf('https://x.b.example'));
  assert.is(verdict.kind, 'preflight');
  assert.equal(verdict.kind === 'preflight' && verdict.headers, [
    ['access-control-allow-origin', 'https://x.b.example'],
    ['access-control-allow-credentials', 'true'],
    ['access-control-allow-methods', 'GET,POST'],
    ['access-control-allow-headers', 'x-a'],
    ['access-control-max-age', '86400'],
  ]);
});

test('a preflight of another origin is forwarded, or answered without headers when asked', () => {
  assert.is(judge(preflightOf('https://evil.example')).kind, 'none');
  const verdict = judge(preflightOf('https://evil.example'), { ignoreUnmatchedPreflights: true });
  assert.equal(verdict.kind === 'preflight' && verdict.headers, []);
});

test('OPTIONS without a requested method is an ordinary request', () => {
  const verdict = judge({ method: 'OPTIONS', headers: { origin: 'https://a.example' } });
  assert.equal(verdict.kind === 'allowed' && verdict.headers, [
    ['access-control-allow-origin', 'https://a.example'],
    ['access-control-allow-credentials', 'true'],
    ['access-control-expose-headers', 'x-b'],
  ]);
});

test('a request of another origin gets no headers', () => {
  assert.is(judge({ headers: { origin: 'https://a.example.evil' } }).kind, 'none');
});

test('a star allows every origin', () => {
  const verdict = judge({ headers: { origin: 'null' } }, { allowOrigins: [{ exact: '*' }] });
  assert.is(verdict.kind, 'allowed');
});

test.run();
