// The DaemonSet of the node proxy is updated while a mesh has traffic.

import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { dial, serve } from '../cni/pod-network.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';
import { SteadyLoad } from './steady-load.ts';

const test = suite<{ mesh: LaptopMesh }>('an update of the node proxy', {
  deadlineMs: 120_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'roll', { args: ['--nodes', '2'] });
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [
      { name: 'client', node: 'node1' },
      { name: 'server', node: 'node2' },
    ]);
    await enrolled(mesh, 'client');
    await enrolled(mesh, 'server');
    return { mesh };
  },
});

interface PodLine {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
}

async function proxies(mesh: LaptopMesh): Promise<readonly PodLine[]> {
  const args = ['get', 'pods', '-n', 'istio-system', '-l', 'app=ztunnel', '-o', 'json'];
  return (JSON.parse(await mesh.kubectl(...args)) as { items: PodLine[] }).items;
}

test('costs no connection, and the old proxy goes on with those it has', async ({
  mesh,
  stack,
}) => {
  const client = await namespaceOf(mesh, stack, 'client');
  const server = await namespaceOf(mesh, stack, 'server');
  await serve(stack, 'server', { host: '::', port: 8080, namespace: server });
  const [host] = await addressesOf(mesh, 'service', 'server');
  const target = { host, port: 8080, namespace: client };

  const long = await dial(stack, target);
  const load = new SteadyLoad(target);
  stack.defer(() => load.stop());
  await until('traffic', async () => load.succeeded > 50 || undefined);
  const before = new Set((await proxies(mesh)).map(({ metadata }) => metadata.name));
  assert.is(before.size, 2);

  const patch = { spec: { template: { metadata: { annotations: { 'example.org/turn': '1' } } } } };
  const daemonSet = ['daemonset', 'ztunnel', '-n', 'istio-system'];
  await mesh.kubectl('patch', ...daemonSet, '--type=merge', '-p', JSON.stringify(patch));
  const started = load.succeeded;
  await mesh.kubectl('rollout', 'status', ...daemonSet, '--timeout=90s');
  assert.ok(load.succeeded > started);
  const old = await until('the old proxies to be told to end', async () => {
    const list = (await proxies(mesh)).filter(({ metadata }) => before.has(metadata.name));
    return list.every(({ metadata }) => metadata.deletionTimestamp !== undefined)
      ? list
      : undefined;
  });
  // Both ends of the long connection are theirs.
  assert.is(old.length, 2);
  const handedOver = load.succeeded;
  await until(
    'traffic by the new ones',
    async () => load.succeeded > handedOver + 200 || undefined,
  );
  long.socket.write('still here');
  assert.is(String((await once(long.socket, 'data'))[0]), 'still here');
  await load.stop();
  assert.equal(load.failures, []);
  const status = await mesh.ambit('status');
  assert.is(status.code, 0, status.stdout);

  long.socket.end();
  await until('the old proxies to be gone', async () => {
    const names = (await proxies(mesh)).map(({ metadata }) => metadata.name);
    return names.length === 2 && names.every((name) => !before.has(name)) ? true : undefined;
  });
});

test('of the node agent leaves the mesh as it is', async ({ mesh, stack }) => {
  const client = await namespaceOf(mesh, stack, 'client');
  const server = await namespaceOf(mesh, stack, 'server');
  await serve(stack, 'server', { host: '::', port: 8080, namespace: server });
  const [host] = await addressesOf(mesh, 'service', 'server');
  const load = new SteadyLoad({ host, port: 8080, namespace: client });
  stack.defer(() => load.stop());
  const patch = { spec: { template: { metadata: { annotations: { 'example.org/turn': '1' } } } } };
  const daemonSet = ['daemonset', 'istio-cni-node', '-n', 'istio-system'];
  await mesh.kubectl('patch', ...daemonSet, '--type=merge', '-p', JSON.stringify(patch));
  await mesh.kubectl('rollout', 'status', ...daemonSet, '--timeout=90s');
  await createPods(mesh, [{ name: 'newcomer', node: 'node1' }]);
  await enrolled(mesh, 'newcomer');
  await load.stop();
  assert.equal(load.failures, []);
  assert.ok(load.succeeded > 0);
});

test.run();
