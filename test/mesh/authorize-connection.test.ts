import * as assert from 'uvu/assert';
import { parseCidr } from '../../src/mesh/address.ts';
import type {
  Authorization,
  AuthorizationClause,
  AuthorizationMatch,
} from '../../src/mesh/authorization.ts';
import { authorizeConnection } from '../../src/mesh/authorize-connection.ts';
import type { ConnectionFacts } from '../../src/mesh/connection-facts.ts';
import { parseIdentity } from '../../src/mesh/identity.ts';
import { aMatch, aPolicy, ipAddress, strictPolicy } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('authorize a connection');
const cidr = (text: string) => parseCidr(text)!;

const facts: ConnectionFacts = {
  sourceIdentity: parseIdentity('spiffe://cluster.local/ns/shop/sa/cart')!,
  source: { address: ipAddress('10.1.2.3'), port: 40_000 },
  destination: { address: ipAddress('10.9.9.9'), port: 8080 },
};
const { sourceIdentity: _identity, ...plainFacts } = facts;

/** Whether an ALLOW policy of one match lets the connection in. */
function holds(match: Partial<AuthorizationMatch>, of: ConnectionFacts = facts): boolean {
  const policies = [aPolicy('p', 'allow', [match])];
  return authorizeConnection(of, { policies, missing: [] }).kind === 'allow';
}

const exact = (value: string) => ({ kind: 'exact', value }) as const;

const positive: readonly (readonly [string, Partial<AuthorizationMatch>, boolean])[] = [
  ['exact namespace', { namespaces: [exact('shop')] }, true],
  ['another namespace', { namespaces: [exact('other')] }, false],
  ['one of several namespaces', { namespaces: [exact('other'), exact('shop')] }, true],
  ['namespace prefix', { namespaces: [{ kind: 'prefix', value: 'sh' }] }, true],
  ['namespace suffix', { namespaces: [{ kind: 'suffix', value: 'op' }] }, true],
  ['namespace presence', { namespaces: [{ kind: 'presence' }] }, true],
  ['not the namespace', { notNamespaces: [exact('shop')] }, false],
  ['not another namespace', { notNamespaces: [exact('other')] }, true],
  ['principal', { principals: [exact('cluster.local/ns/shop/sa/cart')] }, true],
  [
    'principal with scheme',
    { principals: [exact('spiffe://cluster.local/ns/shop/sa/cart')] },
    false,
  ],
  ['principal suffix', { principals: [{ kind: 'suffix', value: '/sa/cart' }] }, true],
  ['not the principal', { notPrincipals: [exact('cluster.local/ns/shop/sa/cart')] }, false],
  ['service account', { serviceAccounts: [{ namespace: 'shop', serviceAccount: 'cart' }] }, true],
  ['account elsewhere', { serviceAccounts: [{ namespace: 'x', serviceAccount: 'cart' }] }, false],
  [
    'not the account',
    { notServiceAccounts: [{ namespace: 'shop', serviceAccount: 'cart' }] },
    false,
  ],
  ['source network', { sourceIps: [cidr('10.1.0.0/16')] }, true],
  ['another source network', { sourceIps: [cidr('10.2.0.0/16')] }, false],
  ['source network of the other family', { sourceIps: [cidr('::/0')] }, false],
  ['not the source', { notSourceIps: [cidr('10.1.2.3')] }, false],
  ['destination network', { destinationIps: [cidr('10.9.0.0/16')] }, true],
  ['not the destination', { notDestinationIps: [cidr('10.9.9.9')] }, false],
  ['port', { destinationPorts: [80, 8080] }, true],
  ['another port', { destinationPorts: [80] }, false],
  ['not the port', { notDestinationPorts: [8080] }, false],
  ['two conditions that hold', { namespaces: [exact('shop')], destinationPorts: [8080] }, true],
  ['two conditions, one fails', { namespaces: [exact('shop')], destinationPorts: [80] }, false],
  ['no condition at all', {}, false],
];

for (const [what, match, expected] of positive) {
  test(`${expected ? 'allows' : 'does not allow'} by ${what}`, () => {
    assert.is(holds(match), expected);
  });
}

test('without an identity no principal, namespace or account matches, and every negation does', () => {
  assert.is(holds({ principals: [{ kind: 'presence' }] }, plainFacts), false);
  assert.is(holds({ principals: [{ kind: 'prefix', value: '' }] }, plainFacts), false);
  assert.is(holds({ namespaces: [{ kind: 'presence' }] }, plainFacts), false);
  assert.is(holds({ serviceAccounts: [{ namespace: '', serviceAccount: '' }] }, plainFacts), false);
  assert.is(holds({ notPrincipals: [{ kind: 'presence' }] }, plainFacts), true);
  assert.is(holds({ notNamespaces: [exact('shop')] }, plainFacts), true);
  assert.is(holds({ sourceIps: [cidr('10.1.2.3')] }, plainFacts), true);
});

test('allows everything where no policy applies, and says so', () => {
  const verdict = authorizeConnection(facts, { policies: [], missing: [] });
  assert.equal(verdict, { kind: 'allow', reason: 'no ALLOW policy applies' });
});

test('denies when ALLOW policies apply and none matches, naming the first or the only one', () => {
  const policies = [aPolicy('a', 'allow', []), aPolicy('b', 'allow', [{ destinationPorts: [1] }])];
  const denied = { kind: 'deny', code: 'AMB1401' };
  assert.equal(authorizeConnection(facts, { policies, missing: [] }), {
    ...denied,
    reason: 'no ALLOW policy matched (default/a and 1 more)',
  });
  assert.equal(authorizeConnection(facts, { policies: policies.slice(0, 1), missing: [] }), {
    ...denied,
    reason: 'no ALLOW policy matched (default/a)',
    policy: 'default/a',
  });
});

test('lets DENY win over ALLOW and names policy and rule', () => {
  const policies = [
    aPolicy('open', 'allow', [{ namespaces: [exact('shop')] }]),
    aPolicy('shut', 'deny', [{ destinationPorts: [1] }, { destinationPorts: [8080] }]),
  ];
  assert.equal(authorizeConnection(facts, { policies, missing: [] }), {
    kind: 'deny',
    code: 'AMB1401',
    reason: 'denied by policy default/shut',
    policy: 'default/shut',
    rule: 1,
  });
});

test('names the policy and rule that allowed', () => {
  const policies = [
    aPolicy('open', 'allow', [{ destinationPorts: [1] }, { destinationPorts: [8080] }]),
  ];
  const verdict = authorizeConnection(facts, { policies, missing: [] });
  assert.equal(verdict, {
    kind: 'allow',
    reason: 'allowed by policy default/open',
    policy: 'default/open',
    rule: 1,
  });
});

test('tells plain text where mutual TLS is demanded from any other denial', () => {
  const applicable = { policies: [strictPolicy], missing: [] };
  const verdict = authorizeConnection(plainFacts, applicable);
  assert.is(verdict.kind === 'deny' && verdict.code, 'AMB1402');
  assert.is(authorizeConnection(facts, applicable).kind, 'allow');
});

test('denies while a policy that selects the workload is not known', () => {
  const verdict = authorizeConnection(facts, { policies: [], missing: ['default/gone'] });
  assert.is(verdict.kind === 'deny' && verdict.code, 'AMB1403');
  assert.match(verdict.reason, /default\/gone/);
});

test('dry-run policies decide nothing', () => {
  const shut = aPolicy('shut', 'deny', [{ destinationPorts: [8080] }], { dryRun: true });
  const none = aPolicy('none', 'allow', [], { dryRun: true });
  const verdict = authorizeConnection(facts, { policies: [shut, none], missing: [] });
  assert.is(verdict.kind, 'allow');
});

const shapes: readonly (readonly [string, readonly AuthorizationClause[], boolean])[] = [
  ['a group without clauses', [], true],
  ['a clause without matches', [{ matches: [] }], true],
  ['a clause with only an empty match', [{ matches: [aMatch()] }], false],
  [
    'an empty match beside one that holds',
    [{ matches: [aMatch(), aMatch({ destinationPorts: [8080] })] }],
    true,
  ],
  [
    'two clauses that hold',
    [
      { matches: [aMatch({ destinationPorts: [8080] })] },
      { matches: [aMatch({ namespaces: [exact('shop')] })] },
    ],
    true,
  ],
  [
    'two clauses of which one fails',
    [
      { matches: [aMatch({ destinationPorts: [8080] })] },
      { matches: [aMatch({ namespaces: [exact('x')] })] },
    ],
    false,
  ],
];

for (const [what, clauses, expected] of shapes) {
  test(`${what} ${expected ? 'matches' : 'does not match'}`, () => {
    const policy: Authorization = { ...aPolicy('p', 'deny', []), groups: [{ clauses }] };
    const verdict = authorizeConnection(facts, { policies: [policy], missing: [] });
    assert.is(verdict.kind, expected ? 'deny' : 'allow');
  });
}

test.run();
