import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { DestinationRule } from '../../../src/controller/kinds/networking.ts';
import { DestinationRuleIndex } from '../../../src/controller/translate/destination-rules.ts';
import { suite } from '../../support/suite.ts';
import { mesh } from '../tables.ts';

const test = suite('which DestinationRules hold');

function rule(namespace: string, name: string, spec: string): DestinationRule {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { namespace, name },
    spec: parse(spec) as object,
  };
}

const host = 'a.apps.svc.cluster.local';
const service = { hostname: host, namespace: 'apps', prefersPlace: false };

/** The waypoint's namespace, the rules in their order, and which of them hold. */
const rows: readonly [
  title: string,
  namespace: string,
  rules: readonly DestinationRule[],
  inForce: readonly string[],
][] = [
  [
    'the namespace of the waypoint goes first, even with a wider host',
    'edge',
    [rule('apps', 'near', '{host: a}'), rule('edge', 'own', "{host: '*'}")],
    ['own'],
  ],
  [
    'a rule of its own namespace holds whatever it is exported to',
    'edge',
    [rule('edge', 'own', `{host: ${host}, exportTo: [elsewhere]}`)],
    ['own'],
  ],
  [
    'a waypoint in the root namespace looks at the service first',
    'istio-system',
    [rule('apps', 'near', '{host: a}'), rule('istio-system', 'all', "{host: '*'}")],
    ['near'],
  ],
  [
    'but at private rules of the root namespace before',
    'istio-system',
    [rule('apps', 'near', '{host: a}'), rule('istio-system', 'own', "{host: '*', exportTo: [.]}")],
    ['own'],
  ],
  [
    'the root namespace is the last',
    'edge',
    [
      rule('apps', 'private', '{host: a, exportTo: [.]}'),
      rule('istio-system', 'all', "{host: '*.svc.cluster.local'}"),
    ],
    ['all'],
  ],
  [
    'rules of other namespaces do not hold',
    'edge',
    [rule('client', 'theirs', `{host: ${host}}`)],
    [],
  ],
  [
    'the same exports in another order are the same',
    'apps',
    [
      rule('apps', 'one', '{host: a, exportTo: [x, .]}'),
      rule('apps', 'two', `{host: ${host}, exportTo: [., x]}`),
    ],
    ['one', 'two'],
  ],
];

for (const [title, namespace, rules, inForce] of rows) {
  test(title, () => {
    const chosen = new DestinationRuleIndex(rules, mesh).choose(service, { namespace, labels: {} });
    assert.equal(
      chosen.inForce.map(({ metadata }) => metadata.name),
      inForce,
    );
  });
}

test('many services that one rule covers share what is made of it', () => {
  const index = new DestinationRuleIndex([rule('apps', 'all', "{host: '*'}")], mesh);
  const waypoint = { namespace: 'apps', labels: {} };
  const other = { ...service, hostname: 'b.apps.svc.cluster.local' };
  assert.is(index.choose(service, waypoint).rules, index.choose(other, waypoint).rules);
});

test.run();
