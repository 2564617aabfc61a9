import * as assert from 'uvu/assert';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import type { ObjectStore } from '../../src/standalone/api/store.ts';
import { ServiceProxy } from '../../src/standalone/network/services/service-proxy.ts';
import { ServiceTable } from '../../src/standalone/network/services/service-table.ts';
import { openTestStore } from '../standalone/open-test-store.ts';
import { serviceObject, sliceObject } from '../standalone/service-objects.ts';
import { suite } from '../support/suite.ts';
import { TestNetwork, type TestPod } from './net-support.ts';
import { ask, refusal, serveIn } from './net-traffic.ts';

const v4 = '10.96.7.7';
const v6 = 'fd00:10:96::707';

const test = suite('service proxy', {
  setup: async ({ stack }) => {
    const net = await TestNetwork.create(stack, 'net-services', ['node1', 'node2', 'node3']);
    const pods = ['node1', 'node2', 'node2'].map((node) => net.pod(stack, node));
    const client = net.pod(stack, 'node1');
    for (const pod of pods) await serveIn(stack, pod.namespace, 8080, pod.id);
    return { net, pods, client };
  },
});

/** A store and proxies on all nodes, and a way to wait until the nodes have the current rules. */
async function proxies(stack: AsyncDisposableStack, net: TestNetwork) {
  const { store } = openTestStore(stack);
  const table = stack.use(new ServiceTable(store));
  const all = net.network.nodes.map((node) =>
    stack.use(new ServiceProxy(node, table, { clock: systemClock, log: silentLogger })),
  );
  const settled = async (): Promise<void> => {
    // The store tells of changes in the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    for (const proxy of all) await proxy.settled();
  };
  return { store, settled };
}

const httpPort = { name: 'http', port: 80, protocol: 'TCP' };

function addService(store: ObjectStore, pods: readonly TestPod[], spec: object = {}): void {
  store.create(
    serviceObject('web', { clusterIP: v4, clusterIPs: [v4, v6], ports: [httpPort], ...spec }),
  );
  addEndpoints(store, pods);
}

function addEndpoints(store: ObjectStore, pods: readonly TestPod[]): void {
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }];
  for (const family of ['ipv4', 'ipv6'] as const) {
    store.apply(
      sliceObject(
        'web',
        pods.map((pod) => ({ address: pod[family], nodeName: pod.node })),
        ports,
      ),
      'test',
    );
  }
}

async function whoAnswers(pod: TestPod, host: string, times: number): Promise<Set<string>> {
  const answers = await Promise.all(
    Array.from({ length: times }, () => ask(pod.namespace, host, 80)),
  );
  assert.ok(answers.every(({ client }) => client === pod.ipv4 || client === pod.ipv6));
  return new Set(answers.map(({ who }) => who));
}

test('spreads connections over all endpoints of both nodes and keeps the client address', async ({
  stack,
  net,
  pods,
  client,
}) => {
  const { store, settled } = await proxies(stack, net);
  addService(store, pods);
  await settled();
  const all = new Set(pods.map((pod) => pod.id));
  // Missing one of three in 60 attempts happens once in 10^10 runs.
  assert.equal(await whoAnswers(client, v4, 60), all);
  assert.equal(await whoAnswers(client, v6, 60), all);
});

test('serves processes of a node itself, also of one without pods', async ({
  stack,
  net,
  pods,
}) => {
  const { store, settled } = await proxies(stack, net);
  addService(store, pods);
  await settled();
  for (const { namespace, addresses } of net.network.nodes) {
    assert.is((await ask(namespace, v4, 80)).client, addresses.ipv4);
    assert.is((await ask(namespace, v6, 80)).client, addresses.ipv6);
  }
});

test('an endpoint reaches itself through its service', async ({ stack, net, pods }) => {
  const { store, settled } = await proxies(stack, net);
  const [only] = pods;
  assert.ok(only);
  addService(store, [only]);
  await settled();
  assert.is((await ask(only.namespace, v4, 80)).who, only.id);
  assert.is((await ask(only.namespace, v6, 80)).who, only.id);
});

test('refuses at once what has no endpoint, no such port or no such service', async ({
  stack,
  net,
  pods,
  client,
}) => {
  const { store, settled } = await proxies(stack, net);
  addService(store, pods);
  await settled();
  const node = net.network.node('node1').namespace;
  for (const namespace of [client.namespace, node]) {
    for (const host of [v4, v6]) assert.is(await refusal(namespace, host, 81), 'ECONNREFUSED');
    for (const host of ['10.96.9.9', 'fd00:10:96::909']) {
      assert.is(await refusal(namespace, host, 80), 'ECONNREFUSED');
    }
  }
  addEndpoints(store, []);
  store.delete('discovery.k8s.io/endpointslices', 'default', 'web-v6');
  await settled();
  for (const host of [v4, v6]) assert.is(await refusal(client.namespace, host, 80), 'ECONNREFUSED');
});

test('follows endpoints that come and go', async ({ stack, net, pods, client }) => {
  const { store, settled } = await proxies(stack, net);
  const [first, second] = pods;
  assert.ok(first && second);
  addService(store, [first]);
  await settled();
  assert.equal(await whoAnswers(client, v4, 10), new Set([first.id]));
  addEndpoints(store, [second]);
  await settled();
  assert.equal(await whoAnswers(client, v4, 10), new Set([second.id]));
});

test('internalTrafficPolicy Local stays on the node of the client', async ({
  stack,
  net,
  pods,
  client,
}) => {
  const { store, settled } = await proxies(stack, net);
  addService(store, pods, { internalTrafficPolicy: 'Local' });
  await settled();
  assert.equal(await whoAnswers(client, v4, 20), new Set([pods[0]?.id]));
});

test('session affinity sends a client to the same endpoint each time', async ({
  stack,
  net,
  pods,
  client,
}) => {
  const { store, settled } = await proxies(stack, net);
  addService(store, pods, { sessionAffinity: 'ClientIP' });
  await settled();
  const chosen = new Map<string, string>();
  for (const host of [v4, v6]) {
    const { who } = await ask(client.namespace, host, 80);
    chosen.set(host, who);
    assert.equal(await whoAnswers(client, host, 30), new Set([who]));
  }
  // Also when other services change meanwhile.
  store.create(serviceObject('other', { ports: [httpPort] }));
  store.apply(sliceObject('other', [{ address: '10.244.1.9' }], [httpPort]), 'test');
  await settled();
  for (const [host, who] of chosen) {
    assert.equal(await whoAnswers(client, host, 30), new Set([who]));
  }
});

test.run();
