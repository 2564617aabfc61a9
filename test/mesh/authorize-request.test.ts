import * as assert from 'uvu/assert';
import { authorizeRequest, compilePolicies } from '../../src/mesh/authorize-request.ts';
import type { AuthorizationPolicy, PolicyRule } from '../../src/mesh/request-policy.ts';
import { suite } from '../support/suite.ts';
import { type FactsOverride, requestFacts } from './facts.ts';

const test = suite('authorizing a request');

const identity = 'spiffe://cluster.local/ns/shop/sa/web';
const policy = (
  action: 'ALLOW' | 'DENY',
  rules: readonly PolicyRule[],
  dryRun?: boolean,
): AuthorizationPolicy => ({
  namespace: 'default',
  name: action.toLowerCase(),
  action,
  rules,
  ...(dryRun === undefined ? {} : { dryRun }),
});
const allowed = (
  policies: readonly AuthorizationPolicy[],
  request: FactsOverride = {},
  http = true,
): boolean => authorizeRequest(compilePolicies(policies), requestFacts(request, http)).allowed;

// Each rule is tried in an ALLOW policy: allowed means that it matched.
const cases: readonly [string, PolicyRule, FactsOverride, boolean][] = [
  ['an empty rule matches', {}, {}, true],
  [
    'principals are without scheme',
    { from: [{ principals: ['cluster.local/ns/shop/sa/web'] }] },
    { identity },
    true,
  ],
  ['a star takes any proved identity', { from: [{ principals: ['*'] }] }, { identity }, true],
  ['a star takes no unproved one', { from: [{ principals: ['*'] }] }, {}, false],
  ['a suffix pattern', { from: [{ principals: ['*/sa/web'] }] }, { identity }, true],
  [
    'a prefix pattern',
    { from: [{ principals: ['cluster.local/ns/other/*'] }] },
    { identity },
    false,
  ],
  [
    'a star in the middle is literal',
    { from: [{ principals: ['cluster.local/*/web'] }] },
    { identity },
    false,
  ],
  ['not principals take the unproved', { from: [{ notPrincipals: ['*'] }] }, {}, true],
  [
    'namespaces are those of the identity',
    { from: [{ namespaces: ['shop'] }] },
    { identity },
    true,
  ],
  [
    'not those of the address',
    { from: [{ namespaces: ['a'] }] },
    { identity, namespace: 'a' },
    false,
  ],
  ['not namespaces', { from: [{ notNamespaces: ['shop'] }] }, { identity }, false],
  [
    'service accounts with namespace',
    { from: [{ serviceAccounts: ['shop/web'] }] },
    { identity },
    true,
  ],
  [
    'without, they are of the policy',
    { from: [{ serviceAccounts: ['web'] }] },
    { identity },
    false,
  ],
  ['ip blocks', { from: [{ ipBlocks: ['10.244.0.0/16'] }] }, {}, true],
  ['not ip blocks', { from: [{ notIpBlocks: ['10.244.1.5'] }] }, {}, false],
  ['an unreadable block allows nothing', { from: [{ notIpBlocks: ['x'] }] }, {}, false],
  [
    'sources are alternatives',
    { from: [{ namespaces: ['x'] }, { namespaces: ['shop'] }] },
    { identity },
    true,
  ],
  [
    'fields of one source add up',
    { from: [{ namespaces: ['shop'], ipBlocks: ['1.1.1.1'] }] },
    { identity },
    false,
  ],
  ['methods', { to: [{ methods: ['GET', 'HEAD'] }] }, { method: 'HEAD' }, true],
  ['not methods', { to: [{ notMethods: ['GET'] }] }, {}, false],
  ['ports are those asked for', { to: [{ ports: ['9080'] }] }, {}, true],
  ['hosts have no case', { to: [{ hosts: ['REVIEWS*'] }] }, {}, true],
  ['a path prefix', { to: [{ paths: ['/a*'] }] }, { path: '/ab' }, true],
  ['a path without its query', { to: [{ paths: ['/a'] }] }, { path: '/a', query: 'x' }, true],
  ['a template segment', { to: [{ paths: ['/a/{*}/b'] }] }, { path: '/a/x/b' }, true],
  ['takes only one', { to: [{ paths: ['/a/{*}/b'] }] }, { path: '/a/x/y/b' }, false],
  ['and not an empty one', { to: [{ paths: ['/a/{*}'] }] }, { path: '/a/' }, false],
  ['an open template takes many', { to: [{ paths: ['/a/{**}/z'] }] }, { path: '/a/b/c/z' }, true],
  ['and none', { to: [{ paths: ['/a/{**}'] }] }, { path: '/a' }, true],
  ['a malformed template takes nothing', { to: [{ paths: ['/a{*}'] }] }, { path: '/ab' }, false],
  [
    'from and to add up',
    { from: [{ namespaces: ['shop'] }], to: [{ methods: ['POST'] }] },
    { identity },
    false,
  ],
  [
    'when a header',
    { when: [{ key: 'request.headers[X-A]', values: ['b*'] }] },
    { headers: { 'x-a': 'bc' } },
    true,
  ],
  [
    'when not, absence holds',
    { when: [{ key: 'request.headers[x]', notValues: ['b'] }] },
    {},
    true,
  ],
  [
    'whens add up',
    {
      when: [
        { key: 'source.ip', values: ['10.0.0.0/8'] },
        { key: 'destination.port', values: ['1'] },
      ],
    },
    {},
    false,
  ],
  ['when a destination', { when: [{ key: 'destination.ip', values: ['10.96.0.0/16'] }] }, {}, true],
  [
    'when a trust domain',
    { when: [{ key: 'source.trustDomain', values: ['cluster.local'] }] },
    { identity },
    true,
  ],
  [
    'an unknown key allows nothing',
    { when: [{ key: 'request.auth.claims[x]', notValues: ['a'] }] },
    {},
    false,
  ],
];

for (const [title, rule, request, expected] of cases) {
  test(title, () => {
    assert.is(allowed([policy('ALLOW', [rule])], request), expected);
  });
}

test('without policies everything passes, and an ALLOW policy without rules lets nothing pass', () => {
  assert.is(allowed([]), true);
  assert.is(allowed([policy('ALLOW', [])]), false);
});

test('DENY comes first, and names its policy and rule', () => {
  const policies = compilePolicies([
    policy('ALLOW', [{}]),
    policy('DENY', [{ to: [{ methods: ['PUT'] }] }, { to: [{ methods: ['DELETE'] }] }]),
  ]);
  assert.equal(authorizeRequest(policies, requestFacts({ method: 'DELETE' })), {
    allowed: false,
    reason: 'DENY policy default/deny matched with rule 1',
    policy: 'default/deny',
    rule: 1,
  });
  assert.is(authorizeRequest(policies, requestFacts()).allowed, true);
});

test('a denial for want of an ALLOW names the policy there is', () => {
  const policies = compilePolicies([policy('ALLOW', [{ to: [{ methods: ['GET'] }] }])]);
  assert.equal(authorizeRequest(policies, requestFacts({ method: 'POST' })), {
    allowed: false,
    reason: 'no ALLOW policy matched (default/allow)',
    policy: 'default/allow',
  });
});

test('what cannot be evaluated counts as matching in a DENY rule, and is named', () => {
  const when = [{ key: 'request.auth.claims[role]', values: ['admin'] }];
  const policies = [policy('DENY', [{ to: [{ methods: ['GET'] }], when }])];
  assert.is(allowed(policies), false);
  assert.is(allowed(policies, { method: 'POST' }), true);
  assert.equal(compilePolicies(policies).problems, [
    { policy: 'default/deny', problem: 'rules[0]: when request.auth.claims[role]' },
  ]);
  assert.is(allowed([policy('DENY', [{ to: [{ paths: ['/a{*}'] }] }])]), false);
});

test('on connections without HTTP, an ALLOW rule about requests is out and a DENY one is broader', () => {
  const rule = { to: [{ methods: ['GET'], ports: ['9080'] }] };
  assert.is(allowed([policy('ALLOW', [rule])], {}, false), false);
  assert.is(allowed([policy('ALLOW', [rule, { to: [{ ports: ['9080'] }] }])], {}, false), true);
  assert.is(allowed([policy('DENY', [rule])], {}, false), false);
  assert.is(allowed([policy('DENY', [rule])], { port: 1 }, false), true);
});

test('a dry-run policy decides nothing, and says what it would have', () => {
  const policies = compilePolicies([policy('DENY', [{}], true)]);
  const verdict = authorizeRequest(policies, requestFacts());
  assert.is(verdict.allowed, true);
  assert.is(verdict.shadow?.outcome, 'deny');
  assert.is(verdict.shadow?.policy, 'default/deny');
});

test.run();
