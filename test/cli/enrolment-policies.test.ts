// NetworkPolicies against the tunnels of the mesh.

import * as assert from 'uvu/assert';
import { checkPolicies } from '../../src/cli/enrolment/check-policies.ts';
import type { EnrolmentFacts, NetworkPolicyObject } from '../../src/cli/enrolment/facts.ts';
import {
  byNamespace,
  type Direction,
  policiesOf,
  verdictOn,
} from '../../src/cli/enrolment/network-policies.ts';
import { suite } from '../support/suite.ts';
import { factsWith, pod, policy, waypointPod } from './enrolment-facts.ts';

const test = suite('policies before enrolment');

type Spec = NetworkPolicyObject['spec'];
const all = { podSelector: {} };
const port = (number: number | string, more: object = {}) => ({ port: number, ...more });
const ingress = (...rules: NonNullable<NonNullable<Spec>['ingress']>): Spec => ({
  ...all,
  ingress: rules,
});
const egress = (...rules: NonNullable<NonNullable<Spec>['egress']>): Spec => ({
  ...all,
  policyTypes: ['Egress'],
  egress: rules,
});
const pods = [pod('shop/web'), pod('shop/db'), pod('front/ui')];

const check = (policies: readonly NetworkPolicyObject[], more: Partial<EnrolmentFacts> = {}) =>
  checkPolicies(factsWith({ pods, policies, ...more })).map(
    ({ code, severity, object, message }) => `${severity} ${code} ${object}: ${message}`,
  );
const broken = (policies: readonly NetworkPolicyObject[], more: Partial<EnrolmentFacts> = {}) =>
  check(policies, more).length;

test('a rule for the application port holds back what comes by tunnel, and names who', () => {
  const found = check([
    policy('shop/web-only', {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ ports: [port(80)] }],
    }),
  ]);
  assert.is(found.length, 2, found.join('\n'));
  assert.match(
    found.join('\n'),
    /breaks AMB1861 NetworkPolicy shop\/web-only: .* from pod front\/ui to pod shop\/web comes in on TCP port 15008/,
  );
  assert.match(found.join('\n'), /from 2 pods such as shop\/db to pod shop\/web/);
});

const passes: Readonly<Record<string, readonly NetworkPolicyObject[]>> = {
  'no policy': [],
  'a rule without ports': [policy('shop/a', ingress({}))],
  'a rule with 15008': [policy('shop/a', ingress({ ports: [port(80), port(15_008)] }))],
  'a range with 15008': [policy('shop/a', ingress({ ports: [port(8000, { endPort: 16_000 })] }))],
  'a port of any number': [policy('shop/a', ingress({ ports: [{ protocol: 'TCP' }] }))],
  'another policy that lets 15008 through': [
    policy('shop/a', ingress({ ports: [port(80)] })),
    policy('shop/b', ingress({ ports: [port(15_008)] })),
  ],
  'nobody may come in at all': [policy('shop/a', ingress())],
  'only pods outside the mesh may come in': [
    policy(
      'shop/a',
      ingress({
        ports: [port(80)],
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'plain' } } }],
      }),
    ),
  ],
  'UDP alone': [policy('shop/a', ingress({ ports: [port(53, { protocol: 'UDP' })] }))],
  'a policy of a namespace that is not concerned': [
    policy('plain/a', ingress({ ports: [port(80)] })),
  ],
  'a policy that selects no pod': [
    policy('shop/a', {
      podSelector: { matchLabels: { app: 'gone' } },
      ingress: [{ ports: [port(80)] }],
    }),
  ],
  'egress to addresses outside': [
    policy('shop/a', egress({ ports: [port(443)], to: [{ ipBlock: { cidr: '203.0.113.0/24' } }] })),
  ],
  'egress to names alone': [policy('shop/a', egress({ ports: [port(53, { protocol: 'UDP' })] }))],
};
for (const [what, policies] of Object.entries(passes)) {
  test(`passes: ${what}`, () => assert.equal(check(policies), []));
}

const breaks: Readonly<Record<string, readonly NetworkPolicyObject[]>> = {
  'egress to a port of the namespace': [
    policy('shop/a', egress({ ports: [port(5432)], to: [{ podSelector: {} }] })),
  ],
  'egress to a namespace of the mesh': [
    policy(
      'shop/a',
      egress({
        ports: [port(80)],
        to: [{ namespaceSelector: { matchLabels: { team: 'front' } } }],
      }),
    ),
  ],
  'egress by address to pods of the mesh': [
    policy('shop/a', egress({ ports: [port(80)], to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] })),
  ],
  'ingress from the other namespace alone': [
    policy(
      'shop/a',
      ingress({
        ports: [port(80)],
        from: [{ namespaceSelector: { matchLabels: { team: 'front' } } }],
      }),
    ),
  ],
  '15008 for others than those that may use the port': [
    policy(
      'shop/a',
      ingress({ ports: [port(80)] }, { ports: [port(15_008)], from: [{ podSelector: {} }] }),
    ),
  ],
  'a policy of a namespace that is in the mesh already': [
    policy('front/a', ingress({ ports: [port(80)] })),
  ],
  'a port by the name of another': [policy('shop/a', ingress({ ports: [port('http')] }))],
};
for (const [what, policies] of Object.entries(breaks)) {
  test(`breaks: ${what}`, () => assert.ok(broken(policies) > 0));
}

test('an address that is excepted from a block is not in it', () => {
  const block = { cidr: '10.0.0.0/8', except: ['10.0.0.0/24'] };
  assert.is(broken([policy('shop/a', egress({ ports: [port(80)], to: [{ ipBlock: block }] }))]), 0);
});

test('a waypoint must be let in, even where only the clients were before', () => {
  const namespaces = new Map(factsWith().namespaces).set('shop', {
    'istio.io/use-waypoint': 'waypoint',
  });
  const withWaypoint = { namespaces, pods: [pod('shop/web'), waypointPod('shop/waypoint')] };
  const web = { podSelector: { matchLabels: { app: 'web' } } };
  const from = [{ podSelector: { matchLabels: { app: 'ui' } } }];
  const closed = [policy('shop/a', { ...web, ingress: [{ from }] })];
  const found = check(closed, withWaypoint);
  assert.is(found.length, 1, found.join('\n'));
  assert.match(found[0] ?? '', 'traffic from waypoint shop/waypoint to pod shop/web');
  assert.is(broken([policy('shop/a', { ...web, ingress: [] })], withWaypoint), 0, 'nobody may');
  const unused = { ...withWaypoint, namespaces: factsWith().namespaces };
  assert.is(broken(closed, unused), 0);
});

test('probes are looked at where Cilium enforces policies', () => {
  const readinessProbe = { httpGet: { port: 'http' } };
  const container = {
    name: 'main',
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe,
  };
  const probed = [pod('shop/web', { spec: { nodeName: 'n1', containers: [container] } })];
  const cilium = { pods: probed, otherPolicies: new Map([['CiliumNetworkPolicy', 0]]) };
  const closed = policy('shop/a', ingress());
  const [found] = check([closed], cilium);
  assert.match(
    found ?? '',
    /risk AMB1863 Pod shop\/web: its probes on port 8080 will come from 169\.254\.7\.127/,
  );
  const open = policy('shop/b', ingress({ from: [{ ipBlock: { cidr: '169.254.7.127/32' } }] }));
  assert.is(broken([closed, open], cilium), 0);
  assert.is(broken([closed], { pods: probed }), 0, 'others exempt what the node sends');
});

test('policies of kinds that are not read are counted', () => {
  const [found] = check([], {
    otherPolicies: new Map([
      ['CiliumNetworkPolicy', 3],
      ['X', 0],
    ]),
  });
  assert.match(
    found ?? '',
    /risk AMB1861 Namespace shop: 3 CiliumNetworkPolicy objects may hold back/,
  );
});

test('a large cluster is looked at by kinds of pods, and by the policies of each namespace', () => {
  const many = Array.from({ length: 3_000 }, (_, index) => ({
    ...pod(`shop/web-${index}`),
    metadata: { name: `web-${index}`, namespace: 'shop', labels: { app: 'web' } },
  }));
  assert.is(broken([policy('shop/a', ingress({ ports: [port(80)] }))], { pods: many }), 1);
  const others = Array.from({ length: 3_000 }, (_, index) => pod(`ns-${index}/api`));
  const labels = { 'istio.io/dataplane-mode': 'ambient' };
  const namespaces = new Map([
    ...factsWith().namespaces,
    ...others.map(({ metadata }) => [metadata.namespace ?? '', labels] as const),
  ]);
  const policies = others.map(({ metadata }) =>
    policy(`${metadata.namespace}/a`, ingress({ ports: [port(80)], from: [{ podSelector: {} }] })),
  );
  assert.is(broken(policies, { namespaces, pods: [...many, ...others] }), 0);
});

test('the directions of a policy default as the API server has it', () => {
  const [client, server] = [pod('shop/web'), pod('shop/db')];
  const kindFor = (spec: Spec, direction: Direction) => {
    const policies = byNamespace([policy('shop/a', spec)]);
    const selecting = policiesOf(client, direction, policies);
    const pair = { subject: client, peer: server, direction };
    return verdictOn(pair, 80, selecting, factsWith().namespaces).kind;
  };
  assert.is(kindFor({ podSelector: {} }, 'Ingress'), 'isolated');
  assert.is(kindFor({ podSelector: {} }, 'Egress'), 'open');
  assert.is(kindFor({ podSelector: {}, egress: [] }, 'Egress'), 'isolated');
  assert.is(kindFor({ podSelector: {}, policyTypes: ['Egress'] }, 'Ingress'), 'open');
});

test.run();
