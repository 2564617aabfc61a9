import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { addresses, dial, families, serve } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import { nextRecord, serviceAddresses, startTwoPods } from './ztunnel-support.ts';

const test = suite('flow of bytes through both node proxies', { deadlineMs: 60_000 });
const mebibyte = 1 << 20;

/** Takes connections and gives them as they come; nothing is read before somebody does. */
async function acceptSlowly(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const { fd } = listenTcp({ host: '::', port: 8080, namespace });
  const options = { allowHalfOpen: true, pauseOnConnect: true };
  const server = createServer(options, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  server.listen({ fd });
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return sockets;
}

async function countAll(socket: Socket): Promise<number> {
  let total = 0;
  for await (const chunk of socket) total += (chunk as Buffer).length;
  return total;
}

for (const family of families) {
  test(`a slow reader over ${family} holds back its sender, and no neighbour on the same tunnel`, async ({
    stack,
    signal,
  }) => {
    const { network } = await startTwoPods(stack);
    const accepted = await acceptSlowly(stack, network.beta);
    const target = { host: addresses.beta[family], port: 8080, namespace: network.alpha };
    const offered = 96 * mebibyte;
    // Windows of 4 MiB and what kernels keep in three sockets in a row, far below what is offered.
    const most = 48 * mebibyte;
    const block = randomBytes(mebibyte);
    const slow = await connectTcp(target);
    stack.defer(() => void slow.destroy());
    let taken = 0;
    const sending = (async () => {
      for (let sent = 0; sent < offered; sent += block.length) {
        const more = slow.write(block);
        taken = sent;
        if (!more) await once(slow, 'drain', { signal });
      }
      slow.end();
    })();
    while (accepted.length < 1) await systemClock.wait(5, signal);
    const neighbour = await connectTcp(target);
    stack.defer(() => void neighbour.destroy());
    while (accepted.length < 2) await systemClock.wait(5, signal);
    const received = countAll(accepted[1]!);
    for (let sent = 0; sent < 32; sent++) {
      if (!neighbour.write(block)) await once(neighbour, 'drain', { signal });
    }
    neighbour.end();
    assert.is(await received, 32 * mebibyte);
    assert.ok(taken < most, `${taken} bytes of the held connection were taken`);
    assert.is(await countAll(accepted[0]!), offered, 'the rest comes once it is read');
    await sending;
  });

  test(`an application that speaks first is heard over ${family} before its client says a word`, async ({
    stack,
  }) => {
    const { network } = await startTwoPods(stack);
    await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
    for (const host of [addresses.beta[family], serviceAddresses[family]]) {
      const port = host === serviceAddresses[family] ? 80 : 8080;
      const { arrival } = await dial(stack, { host, port, namespace: network.alpha });
      assert.is(arrival.name, 'beta');
    }
  });

  test(`a pod reaches itself over ${family}, by its address and through its own service`, async ({
    stack,
    signal,
  }) => {
    const { network, proxies } = await startTwoPods(stack);
    await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
    const direct = { host: addresses.beta[family], port: 8080, namespace: network.beta };
    const own = await dial(stack, direct);
    assert.is(own.arrival.source, addresses.beta[family]);
    own.socket.end();
    const service = { host: serviceAddresses[family], port: 80, namespace: network.beta };
    const { arrival, socket } = await dial(stack, service);
    assert.is(arrival.name, 'beta');
    socket.end('hello me');
    assert.is(String((await once(socket, 'data'))[0]), 'hello me');
    const record = await nextRecord(
      proxies.beta,
      ({ direction, destination }) => direction === 'inbound' && destination.service !== undefined,
      signal,
    );
    assert.is(record.source.identity, 'spiffe://cluster.local/ns/default/sa/beta');
    assert.is(record.verdict.outcome, 'forwarded');
  });
}

test('400 connections stay open without a word, and each still works', async ({
  stack,
  signal,
}) => {
  const { network, proxies } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const targets = families.map((family) => addresses.beta[family]);
  const open: Socket[] = [];
  for (let count = 0; count < 400; count += 50) {
    const more = Array.from({ length: 50 }, (_, index) => {
      const host = targets[index % targets.length] ?? targets[0]!;
      return dial(stack, { host, port: 8080, namespace: network.alpha, timeoutMs: 20_000 });
    });
    open.push(...(await Promise.all(more)).map(({ socket }) => socket));
  }
  assert.is(proxies.alpha.open.size, 400);
  assert.is(proxies.beta.open.size, 400);
  const echoed = open.map(async (socket, index) => {
    socket.write(`still ${index}`);
    return String((await once(socket, 'data', { signal }))[0]);
  });
  assert.equal(
    await Promise.all(echoed),
    open.map((_, index) => `still ${index}`),
  );
  for (const socket of open) socket.end();
  while (proxies.alpha.open.size + proxies.beta.open.size > 0) await systemClock.wait(10, signal);
});

test.run();
