import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { Enrolment } from '../../src/cni/agent/enrol.ts';
import { Members } from '../../src/cni/agent/members.ts';
import { PodFeedServer } from '../../src/cni/agent/pod-feed-server.ts';
import { findPodNamespace, openPodNamespace } from '../../src/cni/agent/pod-namespace.ts';
import { verifyRedirection } from '../../src/cni/redirect/apply.ts';
import { policyRoutingProblems } from '../../src/cni/redirect/policy-routing.ts';
import { ProbeExemption } from '../../src/cni/redirect/probe-exemption.ts';
import { ip } from '../../src/linux/ip.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { nft, nftJson } from '../../src/linux/nft.ts';
import { parseIp } from '../../src/mesh/address.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { FakeZtunnel, until } from '../cni/fake-ztunnel.ts';
import {
  addresses,
  dial,
  families,
  loopback,
  makePodNetwork,
  nextLine,
  type PodNetwork,
  probeAddresses,
  serve,
  usualSettings,
} from '../cni/pod-network.ts';
import { aPod, RecordedStatus } from '../cni/pods.ts';
import { suite } from '../support/suite.ts';

const test = suite('enrolment');

const alphaAddresses = [parseIp(addresses.alpha.ipv4)!, parseIp(addresses.alpha.ipv6)!];
const pod = aPod({ addresses: alphaAddresses });

interface Scene {
  readonly network: PodNetwork;
  readonly members: Members;
  readonly status: RecordedStatus;
  readonly probes: ProbeExemption;
  readonly feedPath: string;
  readonly enrolment: Enrolment;
  readonly connected: () => number;
}

async function scene(stack: AsyncDisposableStack): Promise<Scene> {
  const network = await makePodNetwork(stack);
  const folder = mkdtempSync(path.join(tmpdir(), 'cni-enrol-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const members = stack.use(new Members());
  const status = new RecordedStatus();
  const probes = new ProbeExemption(network.node, { ipv6: true, kubeletUid: 0, probeAddresses });
  await probes.install(new Map());
  const feedPath = path.join(folder, 'ztunnel.sock');
  let connected = 0;
  const feed = stack.use(
    new PodFeedServer({
      path: feedPath,
      snapshot: () => members.snapshot(),
      onConnections: (count) => {
        connected = count;
      },
      clock: systemClock,
      log: silentLogger,
    }),
  );
  const enrolment = new Enrolment({
    members,
    feed,
    probes,
    status,
    log: silentLogger,
    clock: systemClock,
    lingerMs: 0,
  });
  return { network, members, status, probes, feedPath, enrolment, connected: () => connected };
}

const joining = (network: PodNetwork) => ({
  pod,
  netns: NetworkNamespace.open(network.paths.alpha),
  addresses: alphaAddresses,
  settings: usualSettings,
  reason: 'namespace label istio.io/dataplane-mode=ambient',
});

async function tablesIn(namespace: NetworkNamespace): Promise<number> {
  const { nftables } = (await nftJson(['list', 'tables'], namespace)) as { nftables: object[] };
  return nftables.filter((entry) => 'table' in entry).length;
}

async function exempted(network: PodNetwork): Promise<unknown[]> {
  const found = [];
  for (const set of ['istio-inpod-probes-v4', 'istio-inpod-probes-v6']) {
    const listing = await nftJson(['list', 'set', 'inet', 'istio-ambient-nat', set], network.node);
    const { nftables } = listing as { nftables: { set?: { elem?: { elem: object }[] } }[] };
    found.push(...nftables.flatMap((entry) => entry.set?.elem ?? []).map(({ elem }) => elem));
  }
  return found;
}

test('a pod joins: ztunnel has it before its rules stand, and then the annotation', async ({
  stack,
}) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  const ztunnel = await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  assert.equal(await verifyRedirection(network.alpha, usualSettings), []);
  assert.is(ztunnel.namespaces.get(pod.uid), network.alpha.id);
  assert.is(status.redirection.get(pod.uid), 'enabled');
  assert.equal(status.events, [
    {
      type: 'Normal',
      reason: 'JoinedMesh',
      message: 'joined the mesh: namespace label istio.io/dataplane-mode=ambient',
    },
  ]);
  assert.equal(await exempted(network), [
    { val: addresses.alpha.ipv4, comment: pod.uid },
    { val: addresses.alpha.ipv6, comment: pod.uid },
  ]);
  assert.is(members.get(pod.uid)?.joined, true);

  const second = await FakeZtunnel.connect(stack, feedPath);
  await until(() => second.words.includes('snapshot-sent'), 'the snapshot');
  assert.equal(second.words, [`add ${pod.uid}`, 'snapshot-sent']);
});

test('a pod leaves: nothing of the mesh stays with it', async ({ stack }) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  const ztunnel = await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  await serve(stack, 'tunnel', { host: '::', port: 15008, namespace: network.alpha });
  const tunnel = { host: addresses.alpha.ipv4, port: 15008, namespace: network.beta };
  const { socket } = await dial(stack, tunnel);
  const ended = once(socket, 'error');
  await enrolment.leave(pod, 'running', 'pod label istio.io/dataplane-mode=none');
  await ended;
  assert.is(await tablesIn(network.alpha), 0);
  assert.equal(await exempted(network), []);
  assert.is(ztunnel.words.at(-1), `del ${pod.uid}`);
  assert.is(status.redirection.get(pod.uid), undefined);
  assert.is(status.events.at(-1)?.message, 'left the mesh: pod label istio.io/dataplane-mode=none');
  assert.is(members.get(pod.uid), undefined);
});

test('a running pod that ztunnel refuses keeps its traffic and is marked pending', async ({
  stack,
}) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  const ztunnel = await FakeZtunnel.connect(stack, feedPath);
  ztunnel.answer = ({ kind }) => (kind === 'add' ? 'no' : '');
  try {
    await enrolment.join(joining(network), AbortSignal.timeout(5_000));
    assert.unreachable();
  } catch (error) {
    assert.is(codeOf(error), 'AMB1307');
  }
  assert.is(await tablesIn(network.alpha), 0);
  assert.equal(await exempted(network), []);
  assert.is(status.redirection.get(pod.uid), 'pending');
  assert.is(members.get(pod.uid), undefined);
  assert.is(ztunnel.words.at(-1), `del ${pod.uid}`);
});

test('a pod whose rules cannot be installed is taken back from ztunnel and denied', async ({
  stack,
}) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  const ztunnel = await FakeZtunnel.connect(stack, feedPath);
  // Settings from annotations never hold such a name; here it stands for anything nft refuses.
  const broken = { ...usualSettings, virtualInterfaces: ['a name that nft refuses"'] };
  try {
    await enrolment.join({ ...joining(network), settings: broken }, AbortSignal.timeout(5_000));
    assert.unreachable();
  } catch (error) {
    assert.is(codeOf(error), 'AMB1304');
  }
  assert.is(await tablesIn(network.alpha), 1);
  assert.is(status.quarantine.get(pod.uid), 'AMB1315');
  await assertDenied(network);
  assert.equal(await exempted(network), []);
  assert.is(members.get(pod.uid), undefined);
  assert.is(ztunnel.words.at(-1), `del ${pod.uid}`);

  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  assert.is(status.quarantine.get(pod.uid), undefined);
  assert.is(await tablesIn(network.alpha), 3);
});

test('a denied pod that leaves before it has joined is let go', async ({ stack }) => {
  const { network, status, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  const broken = { ...usualSettings, virtualInterfaces: ['a name that nft refuses"'] };
  const failing = enrolment.join(
    { ...joining(network), settings: broken },
    AbortSignal.timeout(5_000),
  );
  await failing.catch(() => undefined);
  await enrolment.release(pod, network.alpha);
  assert.is(await tablesIn(network.alpha), 0);
  assert.is(status.quarantine.get(pod.uid), undefined);
});

test('a pod that joins while no ztunnel is there is told to the one that comes', async ({
  stack,
}) => {
  const { network, feedPath, enrolment } = await scene(stack);
  const joined = enrolment.join(joining(network), AbortSignal.timeout(10_000));
  const ztunnel = await FakeZtunnel.connect(stack, feedPath);
  await joined;
  assert.ok(ztunnel.words.includes(`add ${pod.uid}`));
});

test('follows changed annotations and addresses of a member', async ({ stack }) => {
  const { network, members, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  const changed = { ...usualSettings, bypassInbound: true };
  const fewer = aPod({ addresses: alphaAddresses.slice(0, 1) });
  await enrolment.refresh(members.get(pod.uid)!, fewer, changed);
  assert.equal(await verifyRedirection(network.alpha, changed), []);
  assert.is((await exempted(network)).length, 1);
});

test('puts back what somebody changed in a pod', async ({ stack }) => {
  const { network, members, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  await nft('flush table inet istio-ambient-nat', network.alpha);
  await enrolment.verify(members.get(pod.uid)!);
  assert.equal(await verifyRedirection(network.alpha, usualSettings), []);
});

test('a flushed ruleset and lost routing are put back, with an event', async ({ stack }) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  await listenAsZtunnel(stack, network);
  assert.is(await enrolment.verify(members.get(pod.uid)!), 'proven');
  await nft('flush ruleset', network.alpha);
  await ip(['-6 rule del priority 32764', '-4 route flush table 100'], network.alpha);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const past = { host: addresses.beta.ipv4, port: 8080, namespace: network.alpha };
  const ended = once((await dial(stack, past)).socket, 'error');
  assert.is(await enrolment.verify(members.get(pod.uid)!), 'proven');
  await ended;
  assert.equal(await verifyRedirection(network.alpha, usualSettings), []);
  for (const family of families) {
    assert.equal(await policyRoutingProblems(family, network.alpha), []);
  }
  const { reason, message } = status.events.at(-1)!;
  assert.is(reason, 'MeshUnproven');
  assert.match(
    message,
    /table istio-ambient-nat is missing.*ipv4 route.*ipv6 routing rule.*put back/,
  );
});

test('a pod whose ztunnel is gone is not proven, and nothing leaves it in plaintext', async ({
  stack,
}) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  assert.is(await enrolment.verify(members.get(pod.uid)!), 'unproven');
  assert.match(status.events.at(-1)?.message ?? '', /does not listen in it on 15001, 15006, 15008/);
  await assertDenied(network);
});

test('a pod that cannot be repaired is denied until it is proven again', async ({ stack }) => {
  const { network, status, members, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  await listenAsZtunnel(stack, network);
  await nft('flush ruleset', network.alpha);
  const member = members.get(pod.uid)!;
  const broken = { ...usualSettings, virtualInterfaces: ['a name that nft refuses"'] };
  assert.is(await enrolment.verify({ ...member, settings: broken }), 'unproven');
  assert.is(status.quarantine.get(pod.uid), 'AMB1315');
  assert.is(status.events.at(-1)?.reason, 'MeshQuarantined');
  await assertDenied(network);
  await serve(stack, 'alpha', { host: '::', port: 8080, namespace: network.alpha });
  await dial(stack, { host: addresses.alpha.ipv4, port: 8080, namespace: network.alpha });
  assert.is(await enrolment.verify(member), 'proven');
  assert.is(status.quarantine.get(pod.uid), undefined);
  assert.is(status.events.at(-1)?.reason, 'MeshQuarantineLifted');
  assert.is(await tablesIn(network.alpha), 3);
});

test('a member whose namespace lost its addresses is to be looked for', async ({ stack }) => {
  const { network, members, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  await ip(['address flush dev eth0'], network.alpha);
  assert.is(await enrolment.verify(members.get(pod.uid)!), 'moved');
});

/** Listeners as ztunnel's, which carry nothing. */
async function listenAsZtunnel(stack: AsyncDisposableStack, network: PodNetwork): Promise<void> {
  for (const port of [15001, 15006, 15008]) {
    await serve(stack, 'ztunnel', { host: '::', port, namespace: network.alpha, mark: 0x539 });
  }
}

/** Nothing leaves the first pod, although the second one answers. */
async function assertDenied(network: PodNetwork): Promise<void> {
  await using stack = new AsyncDisposableStack();
  await serve(stack, 'beta', { host: '::', port: 9090, namespace: network.beta });
  for (const family of families) {
    const out = { host: addresses.beta[family], port: 9090, namespace: network.alpha };
    const failed = await dial(stack, out).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    assert.match(failed ?? 'it answered', 'ECONNREFUSED');
  }
}

test('ends connections from before at once, but not those within the pod', async ({ stack }) => {
  const { network, feedPath, enrolment } = await scene(stack);
  await FakeZtunnel.connect(stack, feedPath);
  const { alpha, beta } = network;
  await serve(stack, 'alpha', { host: '::', port: 8080, namespace: alpha });
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: beta });
  const beyond = [];
  const within = [];
  for (const family of families) {
    const out = { host: addresses.beta[family], port: 8080, namespace: alpha };
    const into = { host: addresses.alpha[family], port: 8080, namespace: beta };
    for (const options of [out, into]) beyond.push((await dial(stack, options)).socket);
    for (const host of [addresses.alpha[family], loopback[family]]) {
      within.push((await dial(stack, { host, port: 8080, namespace: alpha })).socket);
    }
  }
  const ended = beyond.map(async (socket) => await once(socket, 'error'));
  await enrolment.join(joining(network), AbortSignal.timeout(5_000));
  await Promise.all(ended);
  for (const socket of within) {
    socket.write('still there');
    assert.is(await nextLine(socket), 'still there');
  }
});

test('finds the namespace that owns all addresses of a pod, and no other', async ({ stack }) => {
  const folder = `/run/netns/cni-${process.pid}-folder`;
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const network = await makePodNetwork(stack, folder);
  writeFileSync(path.join(folder, 'not-a-namespace'), '');
  const where = { folder, nodeId: network.node.id };
  const found = findPodNamespace(alphaAddresses, where);
  assert.is(found.file, network.paths.alpha);
  assert.is(stack.use(found.namespace).id, network.alpha.id);
  const codeFrom = (body: () => unknown): [string, string] => {
    try {
      body();
    } catch (error) {
      return [codeOf(error), String(error)];
    }
    return ['no error', ''];
  };
  const mixed = [alphaAddresses[0]!, parseIp(addresses.beta.ipv6)!];
  assert.is(codeFrom(() => findPodNamespace(mixed, where))[0], 'AMB1305');
  assert.is(codeFrom(() => findPodNamespace([], where))[0], 'AMB1305');
  const node = { folder, nodeId: network.alpha.id };
  assert.is(codeFrom(() => findPodNamespace(alphaAddresses, node))[0], 'AMB1305');

  const elsewhere = `/a/path/the/agent/does/not/see/${path.basename(network.paths.alpha)}`;
  const opened = openPodNamespace(elsewhere, where);
  assert.is(opened.file, network.paths.alpha);
  assert.is(stack.use(opened.namespace).id, network.alpha.id);
  const [code, words] = codeFrom(() => openPodNamespace(network.paths.alpha, node));
  assert.is(code, 'AMB1305');
  assert.match(words, /node itself/);
  assert.is(codeFrom(() => openPodNamespace(`${folder}/not-a-namespace`, where))[0], 'AMB1305');
});

test.run();
