// A running pod of a whole mesh whose annotations and labels change, or whose redirection somebody takes
// away: its processes stay, and its traffic goes as it should.

import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { ip, ipJson } from '../../src/linux/ip.ts';
import { listeningTcpPorts } from '../../src/linux/listeners.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { nft } from '../../src/linux/nft.ts';
import { openUdp } from '../../src/linux/udp.ts';
import { dial, makeNamespace, serve } from '../cni/pod-network.ts';
import { question, readAnswer } from '../support/dns-client.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';

interface Context {
  readonly mesh: LaptopMesh;
  readonly client: NetworkNamespace;
  readonly server: NetworkNamespace;
  readonly outside: NetworkNamespace;
  /** Of the server pod. */
  readonly hosts: readonly [string, string];
}

const test = suite<Context>('a running pod that changes', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'live', { args: ['--nodes', '2'] });
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [
      { name: 'client', node: 'node1' },
      { name: 'server', node: 'node2' },
      { name: 'outside', node: 'node1', labels: { 'istio.io/dataplane-mode': 'none' } },
    ]);
    for (const name of ['client', 'server']) await enrolled(mesh, name);
    // Only proven identities get in: what passes the mesh by is seen at once.
    await apply(mesh, {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default', namespace: 'default' },
      spec: { mtls: { mode: 'STRICT' } },
    });
    const server = await namespaceOf(mesh, stack, 'server');
    await serve(stack, 'server', { host: '::', port: 8080, namespace: server });
    return {
      mesh,
      client: await namespaceOf(mesh, stack, 'client'),
      server,
      outside: await namespaceOf(mesh, stack, 'outside'),
      hosts: await addressesOf(mesh, 'pod', 'server'),
    };
  },
});

/** Whether the server answers over every address; undefined while they differ. */
async function reaches(
  hosts: readonly string[],
  namespace: NetworkNamespace,
): Promise<boolean | undefined> {
  const got = await Promise.all(
    hosts.map(async (host) => {
      await using stack = new AsyncDisposableStack();
      return await dial(stack, { host, port: 8080, namespace, timeoutMs: 1_000 }).then(
        () => true,
        () => false,
      );
    }),
  );
  return new Set(got).size === 1 ? got[0] : undefined;
}

async function becomes(wanted: boolean, what: string, ask: () => Promise<boolean | undefined>) {
  await until(what, async () => ((await ask()) === wanted ? true : undefined));
}

async function annotate(mesh: LaptopMesh, pod: string, change: string): Promise<void> {
  await mesh.kubectl('annotate', 'pod', pod, change);
}

test('its own label decides against that of its namespace', async ({ mesh, client, hosts }) => {
  const isIn = (): Promise<boolean | undefined> => reaches(hosts, client);
  await becomes(true, 'the client to reach the server', isIn);
  await mesh.kubectl('label', 'pod', 'client', 'istio.io/dataplane-mode=none');
  await enrolled(mesh, 'client', false);
  await becomes(false, 'the client to be a stranger', isIn);
  await mesh.kubectl('label', 'pod', 'client', 'istio.io/dataplane-mode=ambient', '--overwrite');
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode-');
  await enrolled(mesh, 'server', false);
  await enrolled(mesh, 'client');
  await becomes(true, 'the client alone in the mesh to reach a plain server', isIn);
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
  await enrolled(mesh, 'server');
  await mesh.kubectl('label', 'pod', 'client', 'istio.io/dataplane-mode-');
  await becomes(true, 'the client to reach the server', isIn);
  const restarts = 'jsonpath={.items[*].status.containerStatuses[*].restartCount}';
  assert.is(await mesh.kubectl('get', 'pods', '-o', restarts), '0 0 0');
});

test('takes plaintext while inbound capture is bypassed', async ({ mesh, outside, hosts }) => {
  const getsIn = (): Promise<boolean | undefined> => reaches(hosts, outside);
  await becomes(false, 'the outside to be kept out', getsIn);
  await annotate(mesh, 'server', 'ambient.istio.io/bypass-inbound-capture=true');
  await becomes(true, 'plaintext to get in', getsIn);
  await annotate(mesh, 'server', 'ambient.istio.io/bypass-inbound-capture-');
  await becomes(false, 'the outside to be kept out again', getsIn);
});

test('asks ztunnel for names unless it says otherwise', async ({ mesh, client }) => {
  // No name server is there: whoever answers has taken the question.
  const answered = (): Promise<boolean> => resolves(client, '192.0.2.53', 'server.default');
  await becomes(true, 'ztunnel to answer', answered);
  await annotate(mesh, 'client', 'ambient.istio.io/dns-capture=false');
  await becomes(false, 'nobody to answer', answered);
  await annotate(mesh, 'client', 'ambient.istio.io/dns-capture-');
  await becomes(true, 'ztunnel to answer again', answered);
});

async function resolves(from: NetworkNamespace, host: string, name: string): Promise<boolean> {
  const socket = await openUdp({ host: '0.0.0.0', port: 0, namespace: from });
  const signal = AbortSignal.timeout(500);
  const answer = once(socket, 'message', { signal }).then(
    ([bytes]) => readAnswer(bytes as Buffer).answers.length > 0,
    () => false,
  );
  socket.send(question(`${name}.svc.cluster.local.`, 'A'), 53, host);
  const resolved = await answer;
  socket.close();
  return resolved;
}

test('takes what its virtual interfaces bring for its own', async ({
  mesh,
  client,
  hosts,
  stack,
}) => {
  const [machine] = makeNamespace(stack, 'machine');
  const far = `/proc/${process.pid}/fd/${machine.fd}`;
  await ip(
    [
      `link add vm0 type veth peer name eth0 netns ${far}`,
      'address add 192.168.77.1/24 dev vm0',
      'address add fd77::1/64 dev vm0 nodad',
      'link set dev vm0 up',
    ],
    client,
  );
  stack.defer(() => ip(['link del vm0'], client));
  await ip(
    [
      'address add 192.168.77.2/24 dev eth0',
      'address add fd77::2/64 dev eth0 nodad',
      'link set dev eth0 up',
      '-4 route add default via 192.168.77.1',
      '-6 route add default via fd77::1',
    ],
    machine,
  );
  const getsOut = (): Promise<boolean | undefined> => reaches(hosts, machine);
  await becomes(false, 'the machine to be a stranger', getsOut);
  await annotate(mesh, 'client', 'istio.io/reroute-virtual-interfaces=vm0');
  await becomes(true, 'the machine to speak in the name of the pod', getsOut);
  await annotate(mesh, 'client', 'istio.io/reroute-virtual-interfaces-');
  await becomes(false, 'the machine to be a stranger again', getsOut);
});

/** A server beyond the mesh, which would take plaintext from anybody. Answers its addresses. */
async function plainServer(
  stack: AsyncDisposableStack,
  mesh: LaptopMesh,
  outside: NetworkNamespace,
): Promise<readonly string[]> {
  await serve(stack, 'outside', { host: '::', port: 8080, namespace: outside });
  return await addressesOf(mesh, 'pod', 'outside');
}

test('heals, says so, and has nothing in the clear meanwhile', async ({
  mesh,
  client,
  outside,
  hosts,
}) => {
  await using stack = new AsyncDisposableStack();
  const plain = await plainServer(stack, mesh, outside);
  await becomes(true, 'traffic', () => reaches([...hosts, ...plain], client));

  await nft('flush table inet istio-ambient-nat', client);
  assert.is(await reaches([...hosts, ...plain], client), false);
  await until('the event', async () => {
    const events = await mesh.kubectl('get', 'events', '-o', 'jsonpath={.items[*].message}');
    return /AMB1314 Pod default\/client.*istio-ambient-nat.* put back/.test(events) || undefined;
  });
  await becomes(true, 'traffic again', () => reaches([...hosts, ...plain], client));
  assert.match(
    await agentMetrics(mesh, 'node1'),
    /redirection_problems_total\{kind="rules"\} [1-9]/,
  );

  for (const family of ['-4', '-6']) await ip([`${family} rule del priority 32764`], client);
  await until('the routing', async () => {
    const rules = await Promise.all(
      ['-4', '-6'].map((family) => ipJson([family, 'rule', 'show'], client)),
    );
    return rules.every((list) => JSON.stringify(list).includes('0x111')) || undefined;
  });
  await becomes(true, 'traffic with the routing', () => reaches(hosts, client));
});

test('is refused everything while its ztunnel is gone, and served again', async ({
  mesh,
  client,
  outside,
  hosts,
}) => {
  await using stack = new AsyncDisposableStack();
  const plain = await plainServer(stack, mesh, outside);
  const of =
    'jsonpath={.items[?(@.spec.nodeName=="node1")].status.containerStatuses[0].containerID}';
  const id = await mesh.kubectl('get', 'pods', '-n', 'istio-system', '-l', 'app=ztunnel', '-o', of);
  process.kill(Number(id.replace(/^.*:\/\//, '')), 'SIGKILL');
  await until('the listeners to be gone', async () =>
    listeningTcpPorts(client).has(15001) ? undefined : true,
  );
  assert.is(await reaches([...hosts, ...plain], client), false);
  await becomes(true, 'traffic again', () => reaches([...hosts, ...plain], client));
});

async function agentMetrics(mesh: LaptopMesh, node: string): Promise<string> {
  const of = `jsonpath={.items[?(@.spec.nodeName=="${node}")].metadata.name}`;
  const pods = ['get', 'pods', '-n', 'istio-system'];
  const name = await mesh.kubectl(...pods, '-l', 'app=istio-cni-node', '-o', of);
  const path = `/api/v1/namespaces/istio-system/pods/${name}:15014/proxy/metrics`;
  return await mesh.kubectl('get', '--raw', path);
}

test.run();
