import * as assert from 'uvu/assert';
import { chooseConnectionRoute } from '../../src/mesh/choose-connection-route.ts';
import type { ConnectionMatch } from '../../src/mesh/route.ts';
import { suite } from '../support/suite.ts';
import { type FactsOverride, requestFacts } from './facts.ts';

const test = suite('choosing a route of a connection');

const backends = [{ service: 'default/db' as const, weight: 1 }];

/** The origin of the route taken: the one with the matches, or one behind it without. */
const take = (matches: ConnectionMatch[], facts: FactsOverride = {}, sni?: string): string => {
  const routes = [
    { origin: 'wanted', matches, backends },
    { origin: 'rest', matches: [], backends },
  ];
  const choice = chooseConnectionRoute(routes, requestFacts(facts, false), sni);
  return choice.kind === 'route' ? choice.route.origin : choice.kind;
};

const cases: readonly [string, ConnectionMatch, boolean, FactsOverride?, string?][] = [
  ['an empty match takes everything', {}, true],
  ['the port is the service port', { port: 9080 }, true],
  ['another port fails', { port: 1 }, false],
  ['an address is a network of one', { destinationSubnets: ['10.96.0.20'] }, true],
  ['one network of several is enough', { destinationSubnets: ['::/0', '10.96.0.0/16'] }, true],
  ['an address outside fails', { destinationSubnets: ['10.97.0.0/16'] }, false],
  ['the namespace is the client’s', { sourceNamespace: 'a' }, true, { namespace: 'a' }],
  ['an unknown namespace fails', { sourceNamespace: 'a' }, false],
  ['all labels count', { sourceLabels: { a: '1', b: '2' } }, false, { labels: { a: '1' } }],
  ['labels may be more', { sourceLabels: { a: '1' } }, true, { labels: { a: '1', b: '2' } }],
  ['a name is compared without case', { sniHosts: ['A.example'] }, true, {}, 'a.Example'],
  ['a wildcard takes names below', { sniHosts: ['*.example'] }, true, {}, 'a.b.example'],
  ['a wildcard leaves the name itself', { sniHosts: ['*.example'] }, false, {}, 'example'],
  ['a name fails where none was seen', { sniHosts: ['*'] }, false],
];

for (const [title, match, taken, facts, sni] of cases) {
  test(title, () => assert.is(take([match], facts, sni), taken ? 'wanted' : 'rest'));
}

test('one of several matches is enough', () => {
  assert.is(take([{ port: 1 }, { port: 9080 }]), 'wanted');
});

test('without a match a connection goes straight to its service', () => {
  const routes = [{ origin: 'r', matches: [{ port: 1 }], backends }];
  assert.is(chooseConnectionRoute(routes, requestFacts({}, false)).kind, 'unrouted');
  assert.is(chooseConnectionRoute([], requestFacts({}, false)).kind, 'unrouted');
});

test.run();
