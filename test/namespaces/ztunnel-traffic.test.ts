import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { PacketCapture } from '../../src/linux/capture.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { addresses, dial, families, serve } from '../cni/pod-network.ts';
import { aPolicy, aWorkload, ipAddress, strictPolicy } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { nextRecord, serviceAddresses, startTwoPods } from './ztunnel-support.ts';

// 3,000 connections take a few seconds, and longer on a busy machine.
const test = suite('node proxy on real redirection', { deadlineMs: 120_000 });

/** How a connection ended that nobody should get through. */
async function outcomeOf(host: string, port: number, namespace: NetworkNamespace): Promise<string> {
  try {
    const socket = await connectTcp({ host, port, namespace, timeoutMs: 5_000 });
    return await endOf(socket);
  } catch (error) {
    return (error as { errno: string }).errno;
  }
}

/** Listeners go on for a moment, for what was on its way. */
async function untilRefused(
  host: string,
  namespace: NetworkNamespace,
  signal: AbortSignal,
): Promise<void> {
  for (let refused = false; !refused; ) {
    signal.throwIfAborted();
    await connectTcp({ host, port: 8080, namespace }).then(
      (socket) => socket.destroy(),
      () => {
        refused = true;
      },
    );
  }
}

function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('end', () => {
      socket.destroy();
      resolve(`end after ${received}`);
    });
  });
}

for (const family of families) {
  test(`carries ${family} to a pod by tunnel and shows the client's address`, async ({
    stack,
    signal,
  }) => {
    const { network, proxies } = await startTwoPods(stack);
    await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
    const { arrival, socket } = await dial(stack, {
      host: addresses.beta[family],
      port: 8080,
      namespace: network.alpha,
    });
    assert.is(arrival.source, addresses.alpha[family]);
    socket.write('ping');
    assert.is(String((await once(socket, 'data'))[0]), 'ping');
    socket.end();
    const out = await nextRecord(proxies.alpha, () => true, signal);
    const into = await nextRecord(proxies.beta, () => true, signal);
    assert.is(out.transport, 'tunnel');
    assert.is(out.verdict.outcome, 'forwarded');
    assert.is(out.traceId, into.traceId);
    assert.is(into.source.identity, 'spiffe://cluster.local/ns/default/sa/alpha');
    assert.is(into.source.workload, 'alpha');
    assert.is(into.destination.identity, 'spiffe://cluster.local/ns/default/sa/beta');
    assert.is(into.direction, 'inbound');
    assert.is(out.bytesSent, 4);
    assert.is(into.bytesSent, 4);
    assert.is(out.bytesReceived, into.bytesReceived);
    assert.is(out.configVersion, 'c0ffee');
  });

  test(`carries ${family} to a service by its virtual address`, async ({ stack, signal }) => {
    const { network, proxies, registries } = await startTwoPods(stack);
    await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
    const { arrival, socket } = await dial(stack, {
      host: serviceAddresses[family],
      port: 80,
      namespace: network.alpha,
    });
    assert.is(arrival.source, addresses.alpha[family]);
    socket.end();
    const out = await nextRecord(proxies.alpha, () => true, signal);
    assert.is(out.destination.service, 'default/echo.default.svc.cluster.local');
    assert.is(out.destination.workload, 'beta');
    const into = await nextRecord(proxies.beta, () => true, signal);
    assert.is(into.destination.service, 'default/echo.default.svc.cluster.local');
    const metrics = await registries.beta.text();
    assert.match(metrics, /istio_tcp_connections_opened_total\{[^}]*source_workload="alpha"/);
  });

  test(`shows nothing readable of ${family} on the wire`, async ({ stack }) => {
    const { network } = await startTwoPods(stack);
    await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
    const capture = stack.use(PacketCapture.open('veth-beta', network.node));
    const secret = `secret ${randomBytes(16).toString('hex')}`;
    capture.watchFor([secret]);
    const host = addresses.beta[family];
    const { socket } = await dial(stack, { host, port: 8080, namespace: network.alpha });
    socket.write(secret);
    assert.is(String((await once(socket, 'data'))[0]), secret);
    socket.end();
    await once(socket, 'end');
    assert.ok(capture.totals.payloadBytes > 500, 'the capture saw the connection');
    assert.is(capture.totals.readable.get(secret) ?? 0, 0);
  });
}

test('passes 50 MB through two proxies and a half-close without a changed byte', async ({
  stack,
}) => {
  const { network } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const host = addresses.beta.ipv4;
  const socket = await connectTcp({ host, port: 8080, namespace: network.alpha });
  stack.defer(() => void socket.destroy());
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const block = randomBytes(1 << 20);
  let total = 0;
  let greeted = false;
  socket.on('data', (chunk: Buffer) => {
    const rest = greeted ? chunk : chunk.subarray(chunk.indexOf('\n') + 1);
    greeted = true;
    total += rest.length;
    received.update(rest);
  });
  for (let count = 0; count < 50; count++) {
    sent.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'end');
  assert.is(total, 50 << 20);
  assert.is(received.digest('hex'), sent.digest('hex'));
});

test('serves 3,000 short connections and keeps nothing of them', async ({ stack, signal }) => {
  const { network, proxies } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const target = { host: addresses.beta.ipv4, port: 8080, namespace: network.alpha };
  const roundTrip = async (): Promise<void> => {
    const socket = await connectTcp(target);
    socket.end('question');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /question$/);
  };
  await roundTrip();
  const total = 3_000;
  let left = total - 1;
  const descriptors = readdirSync('/proc/self/fd').length;
  const workers = Array.from({ length: 64 }, async () => {
    while (left-- > 0) await roundTrip();
  });
  await Promise.all(workers);
  for (const proxy of Object.values(proxies)) {
    const served = () => proxy.decisions.find({ limit: 10_000 });
    while (served().length < total) await systemClock.wait(10, signal);
    assert.ok(served().every(({ verdict }) => verdict.outcome === 'forwarded'));
    assert.is(served()[0]?.bytesSent, 8);
    while (proxy.pods.list().some(({ connections }) => connections > 0)) {
      await systemClock.wait(10, signal);
    }
  }
  while (readdirSync('/proc/self/fd').length > descriptors) await systemClock.wait(10, signal);
});

test('passes connections to unknown destinations on as they are', async ({ stack, signal }) => {
  const { network, proxies } = await startTwoPods(stack);
  await serve(stack, 'outside', { host: '::', port: 9000, namespace: network.node });
  for (const family of families) {
    const { arrival, socket } = await dial(stack, {
      host: addresses.node[family],
      port: 9000,
      namespace: network.alpha,
    });
    assert.is(arrival.name, 'outside');
    assert.is(arrival.source, addresses.alpha[family]);
    socket.end();
    const record = await nextRecord(
      proxies.alpha,
      ({ destination }) => destination.address.includes(addresses.node[family]),
      signal,
    );
    assert.is(record.transport, 'plain');
    assert.is(record.verdict.outcome, 'forwarded');
  }
});

test('denies by policy, and both sides say which and share the trace', async ({
  stack,
  signal,
}) => {
  const { network, proxies, publish } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const principal = 'cluster.local/ns/default/sa/somebody';
  const policy = aPolicy('only-somebody', 'allow', [
    { principals: [{ kind: 'exact', value: principal }] },
  ]);
  publish({ policies: [policy] });
  const host = addresses.beta.ipv4;
  assert.is(await outcomeOf(host, 8080, network.alpha), 'ECONNRESET');
  const out = await nextRecord(proxies.alpha, () => true, signal);
  const into = await nextRecord(proxies.beta, () => true, signal);
  assert.is(into.verdict.outcome, 'denied');
  assert.is(into.verdict.code, 'AMB1401');
  assert.match(into.verdict.reason, /default\/only-somebody/);
  assert.is(out.verdict.outcome, 'denied');
  assert.is(out.verdict.code, 'AMB1401');
  assert.ok(out.verdict.reason.includes(into.id));
  assert.is(out.traceId, into.traceId);
});

test('lets plain text in until policy demands mutual TLS', async ({ stack, signal }) => {
  const { network, proxies, publish, workloads } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  for (const family of families) {
    const { arrival, socket } = await dial(stack, {
      host: addresses.beta[family],
      port: 8080,
      namespace: network.node,
    });
    assert.is(arrival.source, addresses.node[family]);
    socket.on('error', () => undefined);
    socket.end();
  }
  const beta = {
    ...workloads.beta,
    authorizationPolicies: ['istio-system/istio_converted_static_strict'],
  };
  publish({ workloads: [beta], policies: [strictPolicy] });
  for (const family of families) {
    const outcome = await outcomeOf(addresses.beta[family], 8080, network.node);
    assert.is(outcome, 'ECONNRESET');
  }
  const record = await nextRecord(
    proxies.beta,
    ({ verdict }) => verdict.code === 'AMB1402',
    signal,
  );
  assert.is(record.transport, 'plain');
  assert.is(record.verdict.policy, 'istio-system/istio_converted_static_strict');
  const { arrival } = await dial(stack, {
    host: addresses.beta.ipv4,
    port: 8080,
    namespace: network.alpha,
  });
  assert.is(arrival.source, addresses.alpha.ipv4);
});

test('denies when a policy that selects the pod is not known', async ({ stack, signal }) => {
  const { network, proxies, publish, workloads } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  publish({ workloads: [{ ...workloads.beta, authorizationPolicies: ['default/not-here'] }] });
  assert.is(await outcomeOf(addresses.beta.ipv4, 8080, network.alpha), 'ECONNRESET');
  const record = await nextRecord(proxies.beta, () => true, signal);
  assert.is(record.verdict.code, 'AMB1403');
});

test('closes open connections that a new policy does not allow', async ({ stack, signal }) => {
  const { network, proxies, publish } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const open = await dial(stack, {
    host: addresses.beta.ipv4,
    port: 8080,
    namespace: network.alpha,
  });
  const plain = await dial(stack, {
    host: addresses.beta.ipv4,
    port: 8080,
    namespace: network.node,
  });
  const ends = Promise.all([endOf(open.socket), endOf(plain.socket)]);
  const notNamespaces = [{ kind: 'exact', value: 'elsewhere' }] as const;
  publish({ policies: [aPolicy('close-all', 'deny', [{ notNamespaces }])] });
  assert.equal(await ends, ['ECONNRESET', 'ECONNRESET']);
  const record = await nextRecord(
    proxies.beta,
    ({ verdict, source }) => verdict.code === 'AMB1411' && source.workload === 'alpha',
    signal,
  );
  assert.is(record.verdict.policy, 'default/close-all');
});

test('names what is wrong when nothing answers', async ({ stack, signal }) => {
  const { network, proxies, publish, service } = await startTwoPods(stack);
  const host = addresses.beta.ipv4;
  assert.is(await outcomeOf(host, 8080, network.alpha), 'ECONNRESET');
  const refused = await nextRecord(proxies.alpha, () => true, signal);
  assert.is(refused.verdict.code, 'AMB1409');
  assert.is(await outcomeOf(serviceAddresses.ipv4, 81, network.alpha), 'ECONNRESET');
  await nextRecord(proxies.alpha, ({ verdict }) => verdict.code === 'AMB1406', signal);
  const destination = {
    kind: 'hostname',
    namespace: 'default',
    hostname: 'waypoint.default.svc.cluster.local',
  } as const;
  publish({ services: [{ ...service, waypoint: { destination, hbonePort: 15_008 } }] });
  assert.is(await outcomeOf(serviceAddresses.ipv4, 80, network.alpha), 'ECONNRESET');
  await nextRecord(proxies.alpha, ({ verdict }) => verdict.code === 'AMB1407', signal);
  // A workload that should be behind an address where nobody serves tunnels.
  const ghost = aWorkload('ghost', { addresses: [ipAddress(addresses.node.ipv4)] });
  publish({ workloads: [ghost] });
  assert.is(await outcomeOf(addresses.node.ipv4, 80, network.alpha), 'ECONNRESET');
  await nextRecord(proxies.alpha, ({ verdict }) => verdict.code === 'AMB1502', signal);
});

test('does not let a client reach ports of the mesh itself', async ({ stack, signal }) => {
  const { network, proxies } = await startTwoPods(stack);
  for (const port of [15_001, 15_006]) {
    assert.is(await outcomeOf(addresses.beta.ipv4, port, network.node), 'ECONNRESET');
    assert.is(await outcomeOf('127.0.0.1', port, network.alpha), 'ECONNRESET');
  }
  assert.is(await outcomeOf(addresses.beta.ipv4, 15_006, network.alpha), 'ECONNRESET');
  await nextRecord(proxies.beta, ({ verdict }) => verdict.code === 'AMB1408', signal);
  await nextRecord(proxies.alpha, ({ verdict }) => verdict.code === 'AMB1408', signal);
});

test('drains: open connections go on until the deadline, then end with its code', async ({
  stack,
  signal,
}) => {
  const { network, proxies } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const host = addresses.beta.ipv4;
  const { socket } = await dial(stack, { host, port: 8080, namespace: network.alpha });
  const deadline = new AbortController();
  const drained = proxies.beta.drain(deadline.signal);
  await untilRefused(host, network.node, signal);
  assert.is(await outcomeOf(host, 8080, network.alpha), 'ECONNRESET');
  socket.write('still here');
  assert.is(String((await once(socket, 'data'))[0]), 'still here');
  const end = endOf(socket);
  deadline.abort(new Error('the time is up'));
  assert.is(await end, 'ECONNRESET');
  await drained;
  const record = await nextRecord(proxies.beta, () => true, signal);
  assert.is(record.verdict.code, 'AMB1412');
});

test('a pod that leaves takes its listeners and connections with it', async ({ stack }) => {
  const { network, proxies } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const { socket } = await dial(stack, {
    host: addresses.beta.ipv4,
    port: 8080,
    namespace: network.alpha,
  });
  const end = endOf(socket);
  proxies.beta.pods.remove('uid-beta');
  assert.is(await end, 'ECONNRESET');
  assert.is(proxies.beta.pods.list().length, 0);
  assert.is(await outcomeOf(addresses.beta.ipv4, 8080, network.node), 'ECONNREFUSED');
});

test.run();
