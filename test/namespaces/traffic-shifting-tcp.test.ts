// Acceptance of traffic management: connections of a TCP service shift from one version to another.

import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { withinChance } from '../cases/chance.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';
import { serveIn } from './net-traffic.ts';

const port = 9000;
const versions = { v1: 'one', v2: 'two' } as const;
const inFront = [
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'waypoint', labels: { 'istio.io/waypoint-for': 'service' } },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'tcp-echo', labels: { 'istio.io/use-waypoint': 'waypoint' } },
    spec: { selector: { group: 'tcp-echo' }, ports: [{ name: 'tcp', port }] },
  },
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'tcp-echo' },
    spec: {
      host: 'tcp-echo',
      subsets: Object.keys(versions).map((version) => ({ name: version, labels: { version } })),
    },
  },
];

interface Context {
  readonly mesh: LaptopMesh;
  /** The word of the version that a new connection reaches. */
  readonly ask: () => Promise<string>;
}

const test = suite<Context>('acceptance of TCP shifting', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'shifting');
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [
      { name: 'client', node: 'node1' },
      ...Object.keys(versions).map((version) => ({
        name: `echo-${version}`,
        node: 'node1' as const,
        labels: { group: 'tcp-echo', version },
      })),
    ]);
    await apply(mesh, { apiVersion: 'v1', kind: 'List', items: inFront });
    await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
    for (const pod of ['client', 'echo-v1', 'echo-v2']) await enrolled(mesh, pod);
    for (const [version, word] of Object.entries(versions)) {
      await serveIn(stack, await namespaceOf(mesh, stack, `echo-${version}`), port, word);
    }
    const namespace = await namespaceOf(mesh, stack, 'client');
    const [host] = await addressesOf(mesh, 'service', 'tcp-echo');
    const ask = async (): Promise<string> => {
      const socket = await connectTcp({ host, port, namespace, timeoutMs: 5_000 });
      return (await text(socket)).split(' ')[0] ?? '';
    };
    return { mesh, ask };
  },
});

function shift(mesh: LaptopMesh, v1: number, v2: number): Promise<void> {
  const to = (subset: string, weight: number): object => ({
    destination: { host: 'tcp-echo', subset, port: { number: port } },
    weight,
  });
  return apply(mesh, {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'tcp-echo' },
    spec: {
      hosts: ['tcp-echo'],
      tcp: [{ match: [{ port }], route: [to('v1', v1), to('v2', v2)] }],
    },
  });
}

test('A-09: all connections to version 1, then a fifth to version 2', async ({ mesh, ask }) => {
  await shift(mesh, 100, 0);
  await until('twenty connections in a row to version 1', async () => {
    for (let index = 0; index < 20; index++) if ((await ask()) !== 'one') return undefined;
    return true;
  });
  for (let index = 0; index < 100; index++) assert.is(await ask(), 'one');
  await shift(mesh, 80, 20);
  await until('version 2 to be reached', async () => (await ask()) === 'two' || undefined);
  let two = 0;
  for (let index = 0; index < 400; index++) {
    const word = await ask();
    assert.ok(word === 'one' || word === 'two', word);
    if (word === 'two') two++;
  }
  withinChance(two, 400, 0.2);
});

test.run();
