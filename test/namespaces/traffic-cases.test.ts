// Every kind of connection from and to a pod of the mesh, over both families: who carries it, and what the
// server sees (protocol section 1.9). NodePorts do not exist in laptop mode; DNS, virtual interfaces and
// bypassed inbound capture are in live-changes.test.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { openUdp } from '../../src/linux/udp.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import {
  type Arrival,
  dial,
  type Family,
  families,
  loopback,
  probeAddresses,
  serve,
} from '../cni/pod-network.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';

type Place = 'client' | 'near' | 'server' | 'outside' | 'node1' | 'node2';

interface Context {
  readonly mesh: LaptopMesh;
  readonly namespaces: ReadonlyMap<Place, NetworkNamespace>;
  readonly addresses: ReadonlyMap<string, readonly [string, string]>;
}

const test = suite<Context>('traffic cases', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'cases', { args: ['--nodes', '2'] });
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [
      { name: 'client', node: 'node1' },
      { name: 'near', node: 'node1' },
      { name: 'server', node: 'node2' },
      { name: 'outside', node: 'node1', labels: { 'istio.io/dataplane-mode': 'none' } },
    ]);
    const namespaces = new Map<Place, NetworkNamespace>();
    const addresses = new Map<string, readonly [string, string]>();
    for (const name of ['client', 'near', 'server', 'outside'] as const) {
      if (name !== 'outside') await enrolled(mesh, name);
      namespaces.set(name, await namespaceOf(mesh, stack, name));
      addresses.set(name, await addressesOf(mesh, 'pod', name));
      addresses.set(`service ${name}`, await addressesOf(mesh, 'service', name));
    }
    for (const [index, node] of (['node1', 'node2'] as const).entries()) {
      const path = `/run/netns/ambit-${mesh.name}-${node}`;
      namespaces.set(node, stack.use(NetworkNamespace.open(path)));
      addresses.set(node, [`172.30.0.${index + 11}`, `fd00:30::${index + 11}`]);
    }
    for (const [name, namespace] of namespaces) {
      if (name === 'node1' || name === 'node2') continue;
      await serve(stack, name, { host: '::', port: 8080, namespace });
    }
    return { mesh, namespaces, addresses };
  },
});

/** How a connection came: `direct` past every proxy, `tunnel` with a proven identity, `plain-out` and
 * `plain-in` through one proxy in plain text. */
type Carried = 'direct' | 'tunnel' | 'plain-out' | 'plain-in';

interface Case {
  readonly title: string;
  readonly from: Place;
  /** The name of an address, `loopback`, or an IPv4 literal. */
  readonly to: string;
  readonly carried: Carried;
  /** Whose address the server sees; that of `from` if absent. */
  readonly seenAs?: string;
}

const cases: readonly Case[] = [
  { title: 'to loopback', from: 'client', to: 'loopback', carried: 'direct', seenAs: 'loopback' },
  {
    title: 'to another loopback',
    from: 'client',
    to: '127.0.0.2',
    carried: 'direct',
    seenAs: '127.0.0.1',
  },
  { title: 'to the own address', from: 'client', to: 'client', carried: 'direct' },
  { title: 'to itself by its service', from: 'client', to: 'service client', carried: 'tunnel' },
  { title: 'to a pod of another node', from: 'client', to: 'server', carried: 'tunnel' },
  { title: 'to a pod of the same node', from: 'client', to: 'near', carried: 'tunnel' },
  { title: 'to a service', from: 'client', to: 'service server', carried: 'tunnel' },
  { title: 'to a pod beyond the mesh', from: 'client', to: 'outside', carried: 'plain-out' },
  { title: 'from a pod beyond the mesh', from: 'outside', to: 'server', carried: 'plain-in' },
  { title: 'the same on one node', from: 'outside', to: 'near', carried: 'plain-in' },
  { title: 'from another node', from: 'node1', to: 'server', carried: 'plain-in' },
  { title: 'a probe', from: 'node2', to: 'server', carried: 'direct', seenAs: 'probe' },
];

function addressOf(context: Context, name: string, family: Family): string {
  if (name === 'loopback') return loopback[family];
  if (name === 'probe') return probeAddresses[family];
  return context.addresses.get(name)?.[family === 'ipv4' ? 0 : 1] ?? name;
}

/** What both node proxies have on record of a client's connection. */
async function recordsOf(mesh: LaptopMesh, client: string): Promise<DecisionRecord[]> {
  const of = 'jsonpath={.items[*].metadata.name}';
  const list = await mesh.kubectl(
    'get',
    'pods',
    '-n',
    'istio-system',
    '-l',
    'app=ztunnel',
    '-o',
    of,
  );
  const answers = list.split(' ').map(async (name) => {
    const path = `/api/v1/namespaces/istio-system/pods/${name}:15000/proxy/decisions?limit=10000`;
    const body = await mesh.kubectl('get', '--raw', path);
    return (JSON.parse(body) as { records: DecisionRecord[] }).records;
  });
  const all = (await Promise.all(answers)).flat();
  const trace = all.find(({ source }) => source.address === client)?.traceId;
  return all.filter((record) => record.traceId === trace);
}

function carriedBy(records: readonly DecisionRecord[]): string {
  const outbound = records.find(({ direction }) => direction === 'outbound');
  const inbound = records.find(({ direction }) => direction === 'inbound');
  if (records.some(({ verdict }) => verdict.outcome !== 'forwarded')) return 'refused';
  if (outbound !== undefined && inbound !== undefined) {
    const proven = inbound.source.identity !== undefined && outbound.transport === 'tunnel';
    return proven ? 'tunnel' : `${outbound.transport} with ${inbound.source.identity}`;
  }
  return outbound === undefined ? `plain-in` : `plain-out`;
}

for (const family of families) {
  for (const { title, from, to, carried, seenAs = from } of cases) {
    if (to.startsWith('127.') && family === 'ipv6') continue;
    test(`${title}, over ${family}: ${carried}`, async (context) => {
      const namespace = context.namespaces.get(from);
      assert.ok(namespace);
      const host = addressOf(context, to, family);
      await using stack = new AsyncDisposableStack();
      const { socket, arrival } = await dial(stack, { host, port: 8080, namespace });
      const { localPort, localAddress = '' } = socket;
      assert.is(arrival.source, addressOf(context, seenAs, family));
      if (carried === 'direct') {
        // Nobody stands between; a probe's port may be translated with its address.
        if (seenAs !== 'probe') assert.is(arrival.sourcePort, localPort);
        return;
      }
      socket.end();
      const client = localAddress.includes(':')
        ? `[${localAddress}]:${localPort}`
        : `${localAddress}:${localPort}`;
      const wanted = carried === 'tunnel' ? 2 : 1;
      const records = await until(`the records of ${client}`, async () => {
        const found = await recordsOf(context.mesh, client);
        return found.length >= wanted ? found : undefined;
      });
      assert.is(carriedBy(records), carried, JSON.stringify(records));
    });
  }

  test(`ports of the mesh take nothing in the clear, over ${family}`, async (context) => {
    const host = addressOf(context, 'server', family);
    for (const from of ['outside', 'client', 'node1'] as const) {
      for (const port of [15001, 15006, 15008]) {
        const namespace = context.namespaces.get(from);
        assert.ok(namespace);
        assert.is(await wordsOf(host, port, namespace), '', `${from} ${port}`);
      }
    }
  });

  test(`UDP beside DNS is left alone, over ${family}`, async (context) => {
    const [near, far] = ['client', 'server'].map((name) => context.namespaces.get(name as Place));
    assert.ok(near && far);
    const host = family === 'ipv4' ? '0.0.0.0' : '::';
    const receiver = await openUdp({ host, port: 5353, namespace: far });
    const sender = await openUdp({ host, port: 0, namespace: near });
    try {
      const got = once(receiver, 'message');
      sender.send('hello', 5353, addressOf(context, 'server', family));
      const [bytes, { address, port }] = (await got) as [Buffer, { address: string; port: number }];
      assert.is(String(bytes), 'hello');
      assert.is(address, addressOf(context, 'client', family));
      assert.is(port, sender.address().port);
    } finally {
      receiver.close();
      sender.close();
    }
  });

  test(`a process of the node that is not the kubelet’s is no probe, over ${family}`, async (context) => {
    const host = addressOf(context, 'server', family);
    const program = `require('node:net').connect(8080, '${host}').on('data', (line) => {
      process.stdout.write(line); process.exit() })`;
    const own = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const child = spawn(
      'nsenter',
      [
        `--net=/run/netns/ambit-${context.mesh.name}-node2`,
        ...own,
        process.execPath,
        '-e',
        program,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const arrival = JSON.parse(String(line)) as Arrival;
    // The address by which the node reaches its pods.
    assert.is(arrival.source, family === 'ipv4' ? '10.244.2.1' : 'fd00:10:244:2::1');
  });
}

/** What a port of a pod says to bytes that are no TLS; empty when it ends the connection. */
async function wordsOf(host: string, port: number, namespace: NetworkNamespace): Promise<string> {
  try {
    const socket = await connectTcp({ host, port, namespace, timeoutMs: 2_000 });
    socket.end('GET / HTTP/1.1\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    // A TLS alert is no answer: content type 21 (RFC 8446, section 5.1).
    const bytes = Buffer.concat(chunks);
    return bytes[0] === 21 ? '' : bytes.toString('latin1');
  } catch {
    return ''; // refused or reset
  }
}

test.run();
