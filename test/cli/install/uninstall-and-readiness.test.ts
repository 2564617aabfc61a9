// How the mesh leaves a cluster, and what is said of what does not become ready.

import * as assert from 'uvu/assert';
import type { KubernetesObject } from '../../../src/cli/install/object.ts';
import { planUninstall, type UninstallFacts } from '../../../src/cli/install/plan-uninstall.ts';
import { waitsFor, whyNotReady } from '../../../src/cli/install/readiness.ts';
import { isForeign } from '../../../src/cli/install/uninstall-facts.ts';
import { suite } from '../../support/suite.ts';

const test = suite('plan of an uninstallation, and readiness');

const object = (kind: string, name: string, more: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...more,
});
const facts: UninstallFacts = {
  own: [
    object('Deployment', 'istiod'),
    object('ClusterRole', 'ambit-controller'),
    object('DaemonSet', 'ztunnel'),
    object('Namespace', 'istio-system'),
    object('DaemonSet', 'istio-cni-node'),
    object('CustomResourceDefinition', 'virtualservices.networking.istio.io'),
    object('ValidatingWebhookConfiguration', 'istio-validator-istio-system'),
  ],
  gateways: [object('Gateway', 'waypoint')],
  waypoints: [object('Deployment', 'waypoint')],
  written: [object('ConfigMap', 'istio-ca-root-cert')],
  foreign: [],
};
const names = (purge: boolean, over: Partial<UninstallFacts> = {}): string[] =>
  planUninstall({ ...facts, ...over }, purge).steps.map(({ name }) => name);

test('agents go while proxies serve, and proxies before what they ask', () => {
  assert.equal(names(false), [
    'Admission',
    'Node agents',
    'Node proxies',
    'Control plane',
    'Waypoints that ran',
    'Permissions and settings',
    'Namespace',
  ]);
});

test("definitions and Gateways are the user's, unless they are purged", () => {
  const { kept } = planUninstall(facts, false);
  assert.equal(
    kept.map(({ object: { kind } }) => kind),
    ['CustomResourceDefinition', 'Gateway'],
  );
  assert.equal(planUninstall(facts, true).kept, []);
  const purged = names(true);
  assert.ok(purged.indexOf('Waypoints') < purged.indexOf('Node agents'));
  assert.ok(purged.includes('Definitions'));
});

test('a namespace that holds what is not of the mesh stays, and that is said', () => {
  const foreign = [object('Secret', 'cacerts')];
  assert.not.ok(names(false, { foreign }).includes('Namespace'));
  const { kept } = planUninstall({ ...facts, foreign }, false);
  assert.match(kept.at(-1)?.why ?? '', 'Secret cacerts');
  assert.ok(names(true, { foreign }).includes('Namespace'));
});

test("what is somebody's own is told from what comes with the mesh and with Kubernetes", () => {
  const written = [object('Secret', 'istio-ca-secret')];
  const foreign = (kind: string, name: string, metadata: object = {}): boolean =>
    isForeign(object(kind, name, { metadata: { name, ...metadata } }), written);
  assert.ok(foreign('AuthorizationPolicy', 'for-the-whole-mesh'));
  assert.ok(foreign('DaemonSet', 'of-others'));
  assert.ok(foreign('Secret', 'cacerts'));
  assert.not.ok(foreign('Secret', 'istio-ca-secret'));
  assert.not.ok(foreign('ConfigMap', 'kube-root-ca.crt'));
  assert.not.ok(foreign('Pod', 'istiod-1', { ownerReferences: [{ kind: 'ReplicaSet' }] }));
  assert.not.ok(
    foreign('Deployment', 'istiod', { labels: { 'app.kubernetes.io/part-of': 'ambit' } }),
  );
  assert.not.ok(foreign('Event', 'x'));
});

test('nothing is planned where nothing is', () => {
  const nothing = { own: [], gateways: [], waypoints: [], written: [], foreign: [] };
  assert.equal(planUninstall(nothing, true).steps, []);
});

const at = (generation: number, spec: object, status: object): object => ({
  metadata: { name: 'x', generation },
  spec,
  status,
});
for (const [title, kind, more, waits] of [
  [
    'a Deployment',
    'Deployment',
    at(
      1,
      { replicas: 2 },
      { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
    ),
    undefined,
  ],
  ['one that nobody has seen', 'Deployment', at(2, {}, { observedGeneration: 1 }), /to see it/],
  [
    'one with a pod that is not ready',
    'Deployment',
    at(
      1,
      { replicas: 2 },
      { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 1 },
    ),
    /1 of 2 pods to be ready/,
  ],
  [
    'one with old pods',
    'Deployment',
    at(
      1,
      { replicas: 1 },
      { observedGeneration: 1, replicas: 2, updatedReplicas: 1, availableReplicas: 1 },
    ),
    /1 pods of the old version/,
  ],
  [
    'a DaemonSet',
    'DaemonSet',
    at(
      1,
      {},
      {
        observedGeneration: 1,
        desiredNumberScheduled: 3,
        updatedNumberScheduled: 3,
        numberAvailable: 3,
      },
    ),
    undefined,
  ],
  [
    'one on too few nodes',
    'DaemonSet',
    at(
      1,
      {},
      {
        observedGeneration: 1,
        desiredNumberScheduled: 3,
        updatedNumberScheduled: 1,
        numberAvailable: 1,
      },
    ),
    /2 of 3 pods to be updated/,
  ],
  [
    'a definition',
    'CustomResourceDefinition',
    { status: { conditions: [{ type: 'Established', status: 'True' }] } },
    undefined,
  ],
  ['a definition that is new', 'CustomResourceDefinition', {}, /established/],
  ['anything else', 'Service', {}, undefined],
] as const) {
  test(`${title} ${waits === undefined ? 'is ready' : 'is waited for'}`, () => {
    const found = waitsFor(object(kind, 'x', more));
    if (waits === undefined) assert.is(found, undefined);
    else assert.match(found ?? '', waits);
  });
}

test('pods that are not ready say why', () => {
  const waiting = object('Pod', 'a', {
    status: {
      containerStatuses: [
        {
          name: 'main',
          ready: false,
          state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } },
        },
      ],
    },
  });
  const unscheduled = object('Pod', 'b', {
    status: { conditions: [{ type: 'PodScheduled', status: 'False', message: 'no node is free' }] },
  });
  const fine = object('Pod', 'c', {
    status: { containerStatuses: [{ name: 'main', ready: true, state: {} }] },
  });
  const events = new Map([['a', 'Failed to pull']]);
  assert.equal(whyNotReady([waiting, unscheduled, fine], events), [
    'Pod a: main waits: ErrImagePull no such image; last event: Failed to pull',
    'Pod b: no node takes it: no node is free',
  ]);
});

test.run();
