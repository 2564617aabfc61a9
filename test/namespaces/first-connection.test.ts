// A pod whose program connects before anything else: what it needs of the mesh is fetched while the pod
// starts, and what has not arrived is waited for.

import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type Arrival, serve } from '../cni/pod-network.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';

interface Context {
  readonly mesh: LaptopMesh;
  readonly host: string;
}

const test = suite<Context>('the first connection of a pod', {
  deadlineMs: 120_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'first', { args: ['--nodes', '2'] });
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [{ name: 'server', node: 'node2' }]);
    await enrolled(mesh, 'server');
    await apply(mesh, {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default', namespace: 'default' },
      spec: { mtls: { mode: 'STRICT' } },
    });
    const namespace = await namespaceOf(mesh, stack, 'server');
    await serve(stack, 'server', { host: '::', port: 8080, namespace });
    const [host] = await addressesOf(mesh, 'service', 'server');
    return { mesh, host };
  },
});

/** A pod that connects once, at once, and tells how that went. */
async function createEager(mesh: LaptopMesh, name: string, host: string): Promise<void> {
  const program = `const socket = require('node:net').connect(8080, '${host}');
    socket.once('data', (line) => { console.log('got ' + line); socket.destroy(); });
    socket.once('error', ({ code }) => console.log('failed ' + code));
    socket.once('end', () => console.log('ended'));
    setInterval(() => undefined, 1 << 30);`;
  await apply(mesh, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: 'node1',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'eager', image: 'none', command: ['node', '-e', program] }],
    },
  });
}

/** The first line that a pod writes. */
async function firstWords(mesh: LaptopMesh, name: string): Promise<string> {
  return await until(`words of ${name}`, async () => {
    const { stdout } = await mesh.kubectlRaw(['logs', name]);
    return stdout.split('\n')[0] || undefined;
  });
}

test('works, by mutual TLS, for a program that connects as its very first deed', async ({
  mesh,
  host,
}) => {
  await createEager(mesh, 'eager', host);
  const words = await firstWords(mesh, 'eager');
  assert.match(words, /^got /);
  const arrival = JSON.parse(words.slice('got '.length)) as Arrival;
  const [address] = await addressesOf(mesh, 'pod', 'eager');
  assert.is(arrival.source, address);
  const record = await until('the record', async () => {
    const { stdout } = await mesh.ambit('why', 'eager', 'server', '--json');
    const traces = JSON.parse(stdout) as readonly (readonly Record<string, unknown>[])[];
    return traces[0]?.find(({ direction }) => direction === 'outbound');
  });
  assert.is(record['transport'], 'tunnel');
});

test('waits for what the controller has to say of the pod, and then says that it did not come', async ({
  mesh,
  host,
}) => {
  const controller = ['deployment/istiod', '-n', 'istio-system'];
  await mesh.kubectl('scale', ...controller, '--replicas=0');
  await until('the controller to be gone', async () => {
    const args = ['get', 'pods', '-n', 'istio-system', '-l', 'app=istiod', '-o', 'name'];
    return (await mesh.kubectl(...args)) === '' || undefined;
  });
  await createEager(mesh, 'unknown', host);
  const words = await firstWords(mesh, 'unknown');
  assert.match(words, /^(failed ECONNRESET|ended)$/);
  const told = await until('the record', async () => {
    const { stdout } = await mesh.ambit('why', 'unknown', 'server', '--json');
    return /AMB1404/.exec(stdout)?.[0];
  });
  assert.is(told, 'AMB1404');

  await mesh.kubectl('scale', ...controller, '--replicas=1');
  await mesh.kubectl('rollout', 'status', ...controller, '--timeout=60s');
  await until('ztunnel to be back at the controller', async () => {
    const dump = await mesh.kubectl('get', '--raw', await adminPath(mesh, '/config_dump'));
    return dump.includes('"unknown"') || undefined;
  });
  // A controller that has just begun may need longer than a connection waits on a busy machine.
  let pods = 0;
  await until('a first connection to work again', async () => {
    const name = `late-${pods++}`;
    await createEager(mesh, name, host);
    return (await firstWords(mesh, name)).startsWith('got ') || undefined;
  });
});

/** Where the node proxy of node1 answers. */
async function adminPath(mesh: LaptopMesh, where: string): Promise<string> {
  const of = 'jsonpath={.items[?(@.spec.nodeName=="node1")].metadata.name}';
  const pods = ['get', 'pods', '-n', 'istio-system'];
  const name = await mesh.kubectl(...pods, '-l', 'app=ztunnel', '-o', of);
  return `/api/v1/namespaces/istio-system/pods/${name}:15000/proxy${where}`;
}

test.run();
