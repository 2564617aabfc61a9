// ambit status on a cluster: what is judged, in words, and through an API server.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { meantBy } from '../../src/cli/commands/cluster-status.ts';
import { status } from '../../src/cli/commands/status.ts';
import type { Told } from '../../src/cli/status/collect.ts';
import type { ClusterFacts, Condition, StatusObject } from '../../src/cli/status/objects.ts';
import { podTrouble } from '../../src/cli/status/pod-trouble.ts';
import { reportLines, reportOf } from '../../src/cli/status/report.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './command-run.ts';
import { startPods } from './pod-servers.ts';

const test = suite('status of a cluster');

const mesh = 'istio-system';
const object = (
  name: string,
  more: Partial<StatusObject> & { labels?: Record<string, string>; namespace?: string } = {},
): StatusObject => {
  const { labels = {}, namespace = mesh, ...rest } = more;
  return { metadata: { name, namespace, labels, ...rest.metadata }, ...rest };
};
const ready: readonly Condition[] = [{ type: 'Ready', status: 'True' }];
const pod = (name: string, app: string, node: string, conditions = ready): StatusObject =>
  object(name, {
    labels: { app },
    spec: { nodeName: node },
    status: { phase: 'Running', conditions },
  });
const daemonSet = (name: string): StatusObject =>
  object(name, { labels: { app: name }, status: { desiredNumberScheduled: 2 } });

const healthy: ClusterFacts = {
  server: 'https://cluster.example',
  namespace: mesh,
  nodes: [object('node1'), object('node2')],
  namespaces: [],
  pods: [
    pod('istiod-1', 'istiod', 'node1'),
    ...['node1', 'node2'].flatMap((node) => [
      pod(`agent-${node}`, 'istio-cni-node', node),
      pod(`ztunnel-${node}`, 'ztunnel', node),
    ]),
  ],
  deployments: [object('istiod', { labels: { app: 'istiod' }, spec: { replicas: 1 } })],
  daemonSets: [daemonSet('istio-cni-node'), daemonSet('ztunnel')],
  leases: [
    object('ambit-leader', {
      spec: {
        holderIdentity: 'istiod-1',
        leaseDurationSeconds: 15,
        renewTime: '2026-11-21T12:00:00.000000Z',
      },
    }),
  ],
  configuration: new Map(),
  nowMs: Date.parse('2026-11-21T12:00:05Z'),
};

const connected = (name: string, more: object = {}) => ({
  proxy: { kind: 'ztunnel', name, namespace: mesh },
  build: { cluster: 'Kubernetes', version: '0.1.0' },
  types: [{ type: 'WDS', state: 'SYNCED', acknowledged: 'c0ffee', ...more }],
  peer: '',
});
const told: Told = {
  versions: {
    clientVersion: '0.1.0',
    controlPlane: [{ name: 'istiod-1.istio-system', version: '0.1.0' }],
    dataPlane: [{ name: 'ztunnel-node1.istio-system', version: '0.1.0' }],
  },
  proxies: [connected('ztunnel-node1'), connected('ztunnel-node2')],
  silences: [],
};

/** The row of a part, in one line, with its troubles. */
function told1(facts: Partial<ClusterFacts>, part: string, more: Partial<Told> = {}): string[] {
  const { rows } = reportOf({ ...healthy, ...facts }, { ...told, ...more });
  const row = rows.find((one) => one.part === part);
  return [
    row?.ready ?? 'no row',
    ...(row?.troubles ?? []).flatMap(({ why, remedy }) => [why, remedy]),
  ];
}

test('a mesh in which everything runs is ready', () => {
  const report = reportOf(healthy, told);
  assert.equal(
    report.rows.map(({ part, ready: count, isReady }) => [part, count, isReady]),
    [
      ['controller', '1/1', true],
      ['leader', '1/1', true],
      ['node agents', '2/2', true],
      ['node proxies', '2/2', true],
      ['proxies', '2/2', true],
    ],
  );
  assert.ok(report.isReady);
  assert.match(reportLines(report, (text) => text).join('\n'), /leader +1\/1 +istiod-1/);
});

test('where nothing is installed, every part says so', () => {
  const nothing = { pods: [], deployments: [], daemonSets: [], leases: [] };
  const { rows, isReady } = reportOf({ ...healthy, ...nothing }, { ...told, proxies: [] });
  assert.not.ok(isReady);
  assert.equal(
    rows.filter((row) => row.isReady).map(({ part }) => part),
    ['proxies'],
  );
  assert.equal(told1(nothing, 'controller'), [
    '0/0',
    'namespace istio-system has no Deployment with the label app=istiod',
    'ambit install, or --istioNamespace NS where the mesh is elsewhere',
  ]);
});

test('a controller that has fewer pods than it should says which, or why none were made', () => {
  const deployments = [
    object('istiod', {
      labels: { app: 'istiod' },
      spec: { replicas: 2 },
      status: {
        conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }],
      },
    }),
  ];
  assert.equal(told1({ deployments }, 'controller'), [
    '1/2',
    'exceeded quota',
    'kubectl describe -n istio-system deployment istiod',
  ]);
  const pods = [...healthy.pods, pod('istiod-2', 'istiod', 'node2', [])];
  assert.equal(told1({ deployments, pods }, 'controller'), [
    '1/2',
    'pod istio-system/istiod-2 on node2: it runs and is not ready',
    'kubectl logs -n istio-system istiod-2',
  ]);
});

test('nobody leads when the Lease is free, run out or missing', () => {
  const lease = (spec: object): Partial<ClusterFacts> => ({
    leases: [object('ambit-leader', { spec: { ...healthy.leases[0]!.spec, ...spec } })],
  });
  assert.is(
    told1(lease({ holderIdentity: '' }), 'leader')[1],
    'Lease ambit-leader belongs to nobody',
  );
  assert.is(
    told1(lease({ renewTime: '2026-11-21T11:59:00Z' }), 'leader')[1],
    'Lease ambit-leader of istiod-1 has run out',
  );
  assert.match(told1({ leases: [] }, 'leader')[1]!, 'no replica has ever led');
});

test('a node whose proxy is not ready is named, but not one whose old proxy ends', () => {
  const pods = healthy.pods.filter(({ metadata }) => metadata.name !== 'ztunnel-node2');
  const waiting = {
    name: 'ztunnel',
    state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } },
  };
  const stuck = object('ztunnel-x', {
    labels: { app: 'ztunnel' },
    spec: { nodeName: 'node2' },
    status: { phase: 'Pending', containerStatuses: [waiting] },
  });
  assert.equal(told1({ pods: [...pods, stuck] }, 'node proxies'), [
    '1/2',
    'pod istio-system/ztunnel-x on node2: container ztunnel waits: ImagePullBackOff, no such image',
    'kubectl describe pod -n istio-system ztunnel-x',
  ]);
  assert.equal(told1({ pods }, 'node proxies'), [
    '1/2',
    'istio-system/ztunnel has made 0 of 2 pods so far',
    'kubectl describe -n istio-system daemonset ztunnel',
  ]);
  assert.equal(told1({ pods: [...healthy.pods, stuck] }, 'node proxies'), ['2/2']);
});

test('a pod tells why it is not ready by what it has', () => {
  const why = (conditions: readonly Condition[], more: object = {}): string => {
    const one = { ...pod('p', 'x', 'node1', conditions), ...more };
    return podTrouble(one).why.replace('pod istio-system/p on node1: ', '');
  };
  const unscheduled = { type: 'PodScheduled', status: 'False', message: '0/3 nodes are free' };
  assert.is(why([unscheduled]), 'not scheduled: 0/3 nodes are free');
  assert.is(why([], { status: { phase: 'Failed', message: 'evicted' } }), 'it is Failed: evicted');
  assert.is(why([], { status: {} }), 'it is Pending');
  const crashing = {
    name: 'main',
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 1 } },
  };
  const crashed = { ...pod('p', 'x', 'node1', []), status: { containerStatuses: [crashing] } };
  assert.match(podTrouble(crashed).why, 'container main waits: CrashLoopBackOff');
  assert.is(podTrouble(crashed).remedy, 'kubectl logs -n istio-system p');
});

test('a waypoint that is not programmed says why; Gateways of other classes are not told', () => {
  const gateway = (gatewayClassName: string, conditions: readonly Condition[]): StatusObject =>
    object('w', { namespace: 'shop', spec: { gatewayClassName }, status: { conditions } });
  const of = (...gateways: StatusObject[]): Partial<ClusterFacts> => ({
    configuration: new Map([['Gateway', gateways]]),
  });
  const pending = { type: 'Programmed', status: 'False', message: 'no pod is ready' };
  const found = told1(of(gateway('istio-waypoint', [pending])), 'waypoint shop/w');
  assert.equal(found.slice(0, 2), ['0/1', 'no pod is ready']);
  assert.match(found[2]!, 'ambit waypoint status -n shop w');
  const silent = told1(of(gateway('istio-waypoint', [])), 'waypoint shop/w');
  assert.match(silent[1]!, 'no controller has said anything of it yet');
  assert.equal(told1(of(gateway('nginx', [pending])), 'waypoint shop/w'), ['no row']);
});

test('proxies that refuse, or are connected to nobody, are told; one silent replica hides none', () => {
  const proxies = [connected('ztunnel-node1', { state: 'ERROR', reason: 'no idea' })];
  assert.equal(told1({}, 'proxies', { proxies }), [
    '0/2',
    'istio-system/ztunnel-node1 refuses WDS: no idea',
    'ambit proxy-status, ambit analyze',
    'pod istio-system/ztunnel-node2 runs and is connected to no controller (AMB1838)',
    'kubectl logs -n istio-system ztunnel-node2',
  ]);
  const silences = ['istiod-2 did not answer'];
  const half = told1({}, 'proxies', { proxies: [connected('ztunnel-node1')], silences });
  assert.equal(half.slice(0, 2), ['1/2', 'istiod-2 did not answer']);
  assert.is(half.length, 3);
});

test('pods that labels bring into the mesh and that are not in it are told by namespace', () => {
  const member = (name: string, more: object = {}, enrolled = false): StatusObject => ({
    ...object(name, { namespace: 'shop' }),
    metadata: {
      name,
      namespace: 'shop',
      ...(enrolled && { annotations: { 'ambient.istio.io/redirection': 'enabled' } }),
      ...more,
    },
    spec: { nodeName: 'node1' },
    status: { phase: 'Running' },
  });
  const shop = {
    metadata: { name: 'shop', labels: { 'istio.io/dataplane-mode': 'ambient' } },
  };
  const pods = [
    member('in', {}, true),
    member('out'),
    member('never', { labels: { 'istio.io/dataplane-mode': 'none' } }),
    member('sidecar', { annotations: { 'sidecar.istio.io/status': '{}' } }),
    member('ending', { deletionTimestamp: '2026-11-21T12:00:00Z' }),
    { ...member('host'), spec: { hostNetwork: true } },
    { ...member('done'), status: { phase: 'Succeeded' } },
  ];
  assert.equal(told1({ pods, namespaces: [shop] }, 'namespace shop'), [
    '1/2',
    'pod shop/out on node1 should be in the mesh, and is not redirected',
    'ambit enroll --check shop, or the log of the node agent on node1',
  ]);
  const plain = { metadata: { name: 'shop' } };
  const own = member('own', { labels: { 'istio.io/dataplane-mode': 'ambient' } }, true);
  assert.equal(told1({ pods: [own, member('out')], namespaces: [plain] }, 'namespace shop'), [
    '1/1',
  ]);
  assert.equal(told1({ pods: [member('out')], namespaces: [plain] }, 'namespace shop'), ['no row']);
  const many = Array.from({ length: 9 }, (_, index) => member(`out-${index}`));
  const lines = told1({ pods: many, namespaces: [shop] }, 'namespace shop');
  assert.equal([lines.length, lines.at(-2)], [13, '4 more']);
});

test('objects that are not in force as written are counted by kind', () => {
  const told2 = (kind: string, ...statuses: object[]): string[] => {
    const objects = statuses.map((one, index) =>
      object(`o${index}`, {
        namespace: 'shop',
        status: one as NonNullable<StatusObject['status']>,
      }),
    );
    return told1({ configuration: new Map([[kind, objects]]) }, kind);
  };
  const condition = (type: string, value: string, message = 'because') => ({
    conditions: [{ type, status: value, message }],
  });
  assert.equal(
    told2(
      'AuthorizationPolicy',
      condition('ZtunnelAccepted', 'True'),
      condition('ZtunnelAccepted', 'False'),
    ),
    [
      '1/2',
      'shop/o1: ZtunnelAccepted=False, because',
      'kubectl describe authorizationpolicy -n shop o1',
    ],
  );
  assert.equal(told2('ServiceEntry', condition('istio.io/WaypointMissing', 'True')).slice(0, 2), [
    '0/1',
    'shop/o0: istio.io/WaypointMissing=True, because',
  ]);
  const parent = (controllerName: string) => ({
    parents: [{ controllerName, ...condition('Accepted', 'False') }],
  });
  assert.is(told2('HTTPRoute', parent('istio.io/mesh-controller'))[0], '0/1');
  assert.is(told2('HTTPRoute', parent('k8s.nginx.org/nginx'))[0], '1/1');
  assert.is(told2('VirtualService', {}, condition('Other', 'False'))[0], '2/2');
  assert.is(told2('Service', {})[0], 'no row');
});

test('flags, then KUBECONFIG, say whether a cluster is meant', async ({ stack }) => {
  const { api } = await startPods(stack, []);
  const own = path.join(api.folder, 'state', 'shop');
  mkdirSync(own, { recursive: true });
  writeFileSync(path.join(own, 'supervisor.json'), '{}');
  const meant = (flags: object, kubeconfig?: string): unknown =>
    meantBy(flags, kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig });
  const ofMachine = path.join(own, 'kubeconfig');
  assert.equal(meant({}), { kind: 'laptop' });
  assert.equal(meant({}, ofMachine), {
    kind: 'laptop',
    mesh: 'shop',
    parent: path.join(api.folder, 'state'),
  });
  assert.equal(meant({}, api.kubeconfig), { kind: 'cluster' });
  assert.equal(meant({ name: 'shop' }, api.kubeconfig), { kind: 'laptop' });
  assert.equal(meant({ kubeconfig: ofMachine }), { kind: 'cluster' });
  assert.equal(meant({ context: 'production' }, ofMachine), { kind: 'cluster' });
});

test('reads a cluster whose mesh is half there', async ({ stack }) => {
  const { api } = await startPods(stack, [
    {
      name: 'istiod-1',
      labels: { app: 'istiod' },
      pages: {
        '15014/version': '0.1.0\n',
        '15014/debug/proxies': JSON.stringify({ connected: [connected('ztunnel-1')] }),
      },
    },
    { name: 'ztunnel-1', labels: { app: 'ztunnel' } },
  ]);
  const run = (...args: string[]) => runCommand(status, ['-c', api.kubeconfig, ...args]);
  const { code, out } = await run();
  assert.is(code, 1);
  assert.match(out, 'control plane version: 0.1.0\ndata plane version: 0.1.0 (1 proxy)\n');
  assert.match(out, /proxies +1\/1/);
  assert.match(out, /node agents +0\/0\s+why: namespace istio-system has no DaemonSet/);
  assert.not.match(out, '\u{1b}[', 'colours are for terminals');
  const report = JSON.parse((await run('-o', 'json')).out) as { isReady: boolean; rows: object[] };
  assert.equal([report.isReady, report.rows.length], [false, 5]);
});

test.run();
