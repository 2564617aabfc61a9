import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Connections } from '../../src/dataplane/connections.ts';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { cidrContains, type IpAddress, ipToBytes, ipToWords } from '../../src/mesh/address.ts';
import type { Authorization } from '../../src/mesh/authorization.ts';
import { authorizeConnection } from '../../src/mesh/authorize-connection.ts';
import { ConnectionClasses, wordsOf } from '../../src/mesh/connection-classes.ts';
import type { ConnectionFacts } from '../../src/mesh/connection-facts.ts';
import { type Identity, parseIdentity } from '../../src/mesh/identity.ts';
import { Prefixes } from '../../src/mesh/prefixes.ts';
import { RelevantRules } from '../../src/mesh/relevant-rules.ts';
import { publish } from '../support/mesh-state.ts';
import { aMatch, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('connections that policies cannot tell apart');

const bits = fc.integer({ min: 0, max: 3 });
const address: fc.Arbitrary<IpAddress> = fc.oneof(
  fc.tuple(bits, bits).map(([high, low]) => ipAddress(`10.${high * 64}.0.${low}`)),
  fc.tuple(bits, bits).map(([high, low]) => ipAddress(`fd0${high}::${low}`)),
);
const cidr = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([one, part]) => ({ address: one, length: one.includes(':') ? part * 4 : part }));
const account = fc.constantFrom('a', 'b', 'c');
const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant<T[]>([]) }, fc.array(one, { maxLength: 2 }));
const text = fc.oneof(
  account.map((name) => ({ kind: 'exact', value: `cluster.local/ns/x/sa/${name}` }) as const),
  account.map((name) => ({ kind: 'suffix', value: name }) as const),
  fc.constant({ kind: 'presence' } as const),
);
const match = fc
  .record({
    principals: some(text),
    notPrincipals: some(text),
    namespaces: some(fc.constantFrom('x', 'y').map((value) => ({ kind: 'exact', value }) as const)),
    notNamespaces: some(fc.constant({ kind: 'exact', value: 'x' } as const)),
    serviceAccounts: some(account.map((name) => ({ namespace: 'x', serviceAccount: name }))),
    sourceIps: some(cidr),
    notSourceIps: some(cidr),
    destinationIps: some(cidr),
    notDestinationIps: some(cidr),
    destinationPorts: some(fc.constantFrom(80, 81)),
    notDestinationPorts: some(fc.constantFrom(80, 81)),
  })
  .map(aMatch);
const policy: fc.Arbitrary<Omit<Authorization, 'name'>> = fc.record({
  namespace: fc.constant('default'),
  scope: fc.constant('namespace' as const),
  action: fc.constantFrom('allow' as const, 'deny' as const),
  dryRun: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  groups: fc.array(
    fc.record({
      clauses: fc.array(fc.record({ matches: fc.array(match, { maxLength: 2 }) }), {
        maxLength: 2,
      }),
    }),
    { maxLength: 2 },
  ),
});
const policies: fc.Arbitrary<Authorization[]> = fc
  .array(policy, { maxLength: 4 })
  .map((list) => list.map((one, index) => ({ ...one, name: `p${index}` })));
const facts: fc.Arbitrary<ConnectionFacts> = fc
  .record({
    sourceIdentity: fc.option(account, { nil: undefined }),
    source: fc.record({ address, port: fc.integer({ min: 1, max: 9 }) }),
    destination: fc.record({ address, port: fc.constantFrom(80, 81, 82, 83) }),
  })
  .map(({ sourceIdentity, ...ends }) => ({
    ...ends,
    ...(sourceIdentity !== undefined && { sourceIdentity: identityOf(sourceIdentity) }),
  }));

function identityOf(name: string): Identity {
  const identity = parseIdentity(`spiffe://cluster.local/ns/x/sa/${name}`);
  if (identity === undefined) throw new TypeError(name);
  return identity;
}

test('get equal verdicts', () => {
  let shared = 0;
  fc.assert(
    fc.property(policies, fc.array(facts, { minLength: 2, maxLength: 12 }), (list, all) => {
      const classes = new ConnectionClasses(list);
      const known = new Map<string, ReturnType<typeof authorizeConnection>>();
      for (const one of all) {
        const key = classes.keyOf(one, wordsOf(one));
        const verdict = authorizeConnection(one, { policies: list, missing: [] });
        const before = known.get(key);
        if (before !== undefined) {
          shared++;
          assert.equal(verdict, before);
        }
        known.set(key, verdict);
      }
    }),
    { numRuns: 1_000 },
  );
  assert.ok(shared > 500, `only ${shared} verdicts were shared`);
});

test('are denied by changed policies exactly where judging each by itself denies', () => {
  const [one, two] = [aWorkload('one'), aWorkload('two')];
  fc.assert(
    fc.property(fc.array(facts, { maxLength: 12 }), fc.array(policies), (all, changes) => {
      const state = new MeshState();
      publish(state, { workloads: [one, two] });
      using connections = new Connections(state);
      const [denied, wanted] = [new Map<number, string>(), new Map<number, string>()];
      for (const [index, fact] of all.entries()) {
        const workload = index % 2 === 0 ? one : two;
        connections.admit(fact, workload, ({ reason }) => denied.set(index, reason));
      }
      const names = ['default/p0', 'default/p1', 'default/p2', 'default/p3'];
      for (const list of changes) {
        publish(state, { policies: list, removedPolicies: names.slice(list.length) });
        const inForce = [...state.authorizations()].filter(({ dryRun }) => !dryRun);
        for (const [index, fact] of all.entries()) {
          const verdict = authorizeConnection(fact, { policies: inForce, missing: [] });
          if (verdict.kind === 'deny' && !wanted.has(index)) wanted.set(index, verdict.reason);
        }
        assert.equal(denied.size, wanted.size);
        for (const [index, reason] of wanted) assert.is(denied.get(index), reason);
      }
    }),
    { numRuns: 200 },
  );
});

test('get the same verdict from the rules that may match as from all', () => {
  let left = 0;
  fc.assert(
    fc.property(policies, fc.array(facts, { maxLength: 6 }), (list, all) => {
      const inForce = list.filter(({ dryRun }) => !dryRun);
      const rules = new RelevantRules(inForce);
      const applicable = { policies: inForce, missing: [] };
      for (const one of all) {
        const relevant = rules.of(one, wordsOf(one));
        left += inForce.flatMap(({ groups }) => groups).length - relevant.length;
        const verdict = authorizeConnection(one, applicable, relevant);
        assert.equal(verdict, authorizeConnection(one, applicable));
      }
    }),
    { numRuns: 1_000 },
  );
  assert.ok(left > 500, `only ${left} rules were left out`);
});

test('are tried against their own few of ten thousand rules', () => {
  const groups = Array.from({ length: 10_000 }, (_, index) => {
    const sourceIps = [{ address: ipAddress(`10.${index >> 8}.${index & 255}.0`), length: 24 }];
    return { clauses: [{ matches: [aMatch({ sourceIps })] }] };
  });
  const networks = { name: 'networks', groups, scope: 'namespace', action: 'deny' } as const;
  const rules = new RelevantRules([{ ...networks, namespace: 'default', dryRun: false }]);
  const source = { address: ipAddress('10.1.7.9'), port: 1 };
  const one = { source, destination: { address: ipAddress('10.2.0.1'), port: 80 } };
  assert.equal(
    rules.of(one, wordsOf(one)).map(({ index }) => index),
    [256 + 7],
  );
});

test('are in the same longest network exactly where each network has both or neither', () => {
  fc.assert(
    fc.property(fc.array(cidr), address, address, (networks, left, right) => {
      const prefixes = new Prefixes(networks.map((one) => [one, one]));
      const of = (one: IpAddress) => prefixes.longest(ipToWords(one));
      const same = networks.every((one) => cidrContains(one, left) === cidrContains(one, right));
      assert.is(of(left) === of(right), same);
    }),
    { numRuns: 500 },
  );
});

test('compare addresses bit by bit, within a family', () => {
  fc.assert(
    fc.property(cidr, address, (network, candidate) => {
      const bitsOf = (one: IpAddress): string =>
        [...ipToBytes(one)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      const [own, other] = [bitsOf(network.address), bitsOf(candidate)];
      const wanted =
        own.length === other.length &&
        own.slice(0, network.length) === other.slice(0, network.length);
      assert.is(cidrContains(network, candidate), wanted);
    }),
  );
});

test.run();
