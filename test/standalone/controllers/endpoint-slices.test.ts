import * as assert from 'uvu/assert';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import type { Action } from '../../../src/standalone/controllers/actions.ts';
import {
  planEndpointSlices,
  type ServiceObject,
} from '../../../src/standalone/controllers/plan-endpoint-slices.ts';
import type { Pod } from '../../../src/standalone/controllers/workload-objects.ts';
import { suite } from '../../support/suite.ts';
import { deploymentObject, startCluster } from './cluster.ts';

const test = suite('endpoint slices');

function service(spec: object = {}): ServiceObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: 'service-uid', labels: { team: 'a' } },
    spec: {
      clusterIP: '10.96.1.1',
      ipFamilies: ['IPv4'],
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
  };
}

function pod(
  number: number,
  more: { spec?: object; status?: object; metadata?: object } = {},
): Pod {
  const ip = `10.244.1.${number}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `web-${number}`,
      namespace: 'default',
      uid: `uid-${number}`,
      labels: { app: 'web' },
      ...more.metadata,
    },
    spec: {
      nodeName: 'node1',
      containers: [{ ports: [{ name: 'http', containerPort: 8080 }] }],
      ...more.spec,
    },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }, { ip: `fd00:10:244:1::${number}` }],
      conditions: [{ type: 'Ready', status: 'True' }],
      ...more.status,
    },
  };
}

interface Endpoint {
  readonly addresses: string[];
  readonly conditions: { ready: boolean; serving: boolean; terminating: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: object;
}

const endpointsOf = (slice: ApiObject): Endpoint[] => slice['endpoints'] as Endpoint[];

function created(actions: readonly Action[]): ApiObject[] {
  return actions.flatMap((action) => (action.kind === 'create' ? [action.object] : []));
}

test('a slice names the service, the node and the pod behind each address', () => {
  const [slice] = created(planEndpointSlices(service(), [pod(5)], []).actions);
  assert.ok(slice);
  assert.is(slice.metadata.labels?.['kubernetes.io/service-name'], 'web');
  assert.is(slice.metadata.labels?.['team'], 'a');
  assert.is(slice.metadata.ownerReferences?.[0]?.uid, 'service-uid');
  assert.is(slice['addressType'], 'IPv4');
  assert.equal(slice['ports'], [{ name: 'http', protocol: 'TCP', port: 8080 }]);
  assert.equal(endpointsOf(slice), [
    {
      addresses: ['10.244.1.5'],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'node1',
      targetRef: { kind: 'Pod', namespace: 'default', name: 'web-5', uid: 'uid-5' },
    },
  ]);
});

test('each family has a slice of its own', () => {
  const dual = service({ ipFamilies: ['IPv4', 'IPv6'] });
  const slices = created(planEndpointSlices(dual, [pod(5), pod(6)], []).actions);
  assert.equal(
    slices.map((slice) => endpointsOf(slice).map(({ addresses }) => addresses[0])),
    [
      ['10.244.1.5', '10.244.1.6'],
      ['fd00:10:244:1::5', 'fd00:10:244:1::6'],
    ],
  );
});

test('readiness, termination and publishNotReadyAddresses decide what is ready', () => {
  const unready = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
  const ending = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } };
  const cases: [object, object, Endpoint['conditions']][] = [
    [{}, unready, { ready: false, serving: false, terminating: false }],
    [{}, ending, { ready: false, serving: true, terminating: true }],
    [
      { publishNotReadyAddresses: true },
      unready,
      { ready: true, serving: false, terminating: false },
    ],
  ];
  for (const [spec, more, expected] of cases) {
    const base = pod(5, more);
    const merged: Pod = { ...base, metadata: { ...pod(5).metadata, ...base.metadata } };
    const [slice] = created(planEndpointSlices(service(spec), [merged], []).actions);
    assert.ok(slice);
    assert.equal(endpointsOf(slice)[0]?.conditions, expected);
  }
});

test('pods that ended, have no address yet or do not match are left out', () => {
  const pods = [
    pod(1, { status: { phase: 'Failed' } }),
    pod(2, { status: { podIP: undefined, podIPs: [] } }),
    pod(3, { metadata: { labels: { app: 'other' } } }),
  ];
  assert.equal(planEndpointSlices(service(), pods, []).actions, []);
});

test('named target ports are looked up in each pod, and pods that differ get slices of their own', () => {
  const named = service({
    ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
  });
  const other = { spec: { containers: [{ ports: [{ name: 'http', containerPort: 9090 }] }] } };
  const slices = created(planEndpointSlices(named, [pod(5), pod(6, other)], []).actions);
  assert.equal(
    slices.map((slice) => (slice['ports'] as { port: number }[])[0]?.port),
    [8080, 9090],
  );
  assert.is(new Set(slices.map(({ metadata }) => metadata.name)).size, 2);
});

test('a pod of a headless service has its host name when the subdomain is the service', () => {
  const spec = { hostname: 'web-0', subdomain: 'web' };
  const headless = service({ clusterIP: 'None' });
  const pods = [pod(5, { spec }), pod(6, { spec: { ...spec, subdomain: 'other' } })];
  const [slice] = created(planEndpointSlices(headless, pods, []).actions);
  assert.ok(slice);
  assert.equal(
    endpointsOf(slice).map(({ hostname }) => hostname),
    ['web-0', undefined],
  );
  assert.is(slice.metadata.labels?.['service.kubernetes.io/headless'], '');
});

test('more than a hundred pods are divided', () => {
  const pods = Array.from({ length: 150 }, (_, index) => pod(index + 2));
  const slices = created(planEndpointSlices(service(), pods, []).actions);
  assert.equal(
    slices.map((slice) => endpointsOf(slice).length),
    [100, 50],
  );
});

test('nothing is written when nothing changed, and slices of others are left alone', () => {
  const slices = created(planEndpointSlices(service(), [pod(5)], []).actions);
  const foreign = { ...slices[0], metadata: { name: 'mine', namespace: 'default', labels: {} } };
  const all = [...slices, foreign as ApiObject];
  assert.equal(planEndpointSlices(service(), [pod(5)], all).actions, []);
  const kinds = planEndpointSlices(service(), [], all).actions.map(({ kind }) => kind);
  assert.equal(kinds, ['delete']);
});

test('services without selector and external names get no slices', () => {
  for (const spec of [{ selector: {} }, { type: 'ExternalName' }]) {
    assert.equal(planEndpointSlices(service(spec), [pod(5)], []).actions, []);
  }
});

test('slices follow pods as they come, fail and go, and repair what is deleted by hand', async ({
  stack,
  signal,
}) => {
  const cluster = startCluster(stack);
  const { store } = cluster;
  const ready = (): number =>
    store
      .list('discovery.k8s.io/endpointslices')
      .filter((slice) => slice['addressType'] === 'IPv4')
      .flatMap(endpointsOf)
      .filter(({ conditions }) => conditions.ready).length;
  store.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  });
  store.create(deploymentObject('web'));
  await cluster.until(() => ready() === 3, signal);
  for (const { metadata } of store.list('discovery.k8s.io/endpointslices')) {
    store.delete('discovery.k8s.io/endpointslices', 'default', metadata.name);
  }
  await cluster.until(() => ready() === 3, signal);
  const [failing] = cluster.pods();
  assert.ok(failing);
  cluster.becomesReady = ({ metadata }) => metadata.name !== failing.metadata.name;
  store.mergePatch('pods', 'default', failing.metadata.name, {
    metadata: { labels: { touched: '1' } },
  });
  await cluster.until(() => ready() === 2, signal);
  store.mergePatch('pods', 'default', failing.metadata.name, {
    metadata: { labels: { app: 'off' } },
  });
  await cluster.until(() => ready() === 3, signal);
  store.delete('services', 'default', 'web');
  await cluster.until(() => ready() === 0, signal);
});

test.run();
