import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { closeDescriptor } from '../../src/linux/descriptors.ts';
import { LinuxError } from '../../src/linux/errors.ts';
import { ip } from '../../src/linux/ip.ts';
import { nft, nftJson } from '../../src/linux/nft.ts';
import { setSysctl } from '../../src/linux/sysctl.ts';
import { connectTcp, listenTcp, originalDestination, resetTcp } from '../../src/linux/tcp.ts';
import { addresses, makeNamespace, makePair, serve, until } from '../linux/fixture.ts';
import { suite } from '../support/suite.ts';

const test = suite('TCP sockets in network namespaces');

async function errnoOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, LinuxError);
    return (error as LinuxError).errno;
  }
  return 'no error';
}

for (const family of ['ipv4', 'ipv6'] as const) {
  test(`tells where a redirected ${family} client wanted to go`, async ({ stack }) => {
    const { client, server } = await makePair(stack);
    await nft(
      `table inet t { chain pre { type nat hook prerouting priority dstnat;
         tcp dport 80 redirect to :15006; }; }`,
      server,
    );
    const got = Promise.withResolvers<Socket>();
    await serve(stack, { host: '::', port: 15006, namespace: server }, (peer) => got.resolve(peer));
    const socket = await connectTcp({
      host: addresses.server[family],
      port: 80,
      namespace: client,
    });
    stack.defer(() => void socket.destroy());
    const peer = await got.promise;
    assert.equal(originalDestination(peer), { address: addresses.server[family], port: 80 });
    assert.is(peer.localPort, 15006);
  });

  test(`shows the ${family} source address it is told to`, async ({ stack }) => {
    // The listener sees a foreign address from a connection within its own pod.
    const { client, server } = await makePair(stack);
    await nft(transparentReturn, server);
    await ip(
      [
        '-4 rule add fwmark 0x111 lookup 100',
        '-4 route add local default dev lo table 100',
        '-6 rule add fwmark 0x111 lookup 100',
        '-6 route add local default dev lo table 100',
      ],
      server,
    );
    const got = Promise.withResolvers<Socket>();
    await serve(stack, { host: '::', port: 8080, namespace: server }, (peer) => got.resolve(peer));
    const socket = await connectTcp({
      host: addresses.server[family],
      port: 8080,
      namespace: server,
      mark: 0x539,
      localAddress: addresses.client[family],
    });
    stack.defer(() => void socket.destroy());
    const peer = await got.promise;
    assert.ok(peer.remoteAddress?.endsWith(addresses.client[family]), peer.remoteAddress);
    peer.end('seen');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.is(chunk.toString(), 'seen');
    assert.is(client.id === server.id, false);
  });
}

const transparentReturn = `table inet t {
  chain pre { type filter hook prerouting priority mangle; meta mark 0x539 ct mark set 0x111; }
  chain out { type route hook output priority mangle; ct mark 0x111 meta mark != 0x539 meta mark set ct mark; }
}`;

test('puts its mark on every packet it sends', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  await nft(
    `table inet t { counter marked { }
       chain out { type filter hook output priority 0; meta mark 0x539 counter name marked; }; }`,
    client,
  );
  await serve(
    stack,
    { host: '::', port: 8080, namespace: server },
    (socket) => void socket.end('x'),
  );
  const read = async (): Promise<number> => {
    const answer = (await nftJson(['list', 'counter', 'inet', 't', 'marked'], client)) as {
      nftables: { counter?: { packets: number } }[];
    };
    return answer.nftables.find((one) => one.counter !== undefined)?.counter?.packets ?? -1;
  };
  const target = { host: addresses.server.ipv4, port: 8080, namespace: client };
  for (const [mark, expected] of [
    [undefined, (packets: number) => packets === 0],
    [0x539, (packets: number) => packets >= 2],
  ] as const) {
    const socket = await connectTcp(mark === undefined ? target : { ...target, mark });
    await once(socket, 'data');
    socket.destroy();
    const packets = await read();
    assert.ok(expected(packets), `${packets} packets with mark ${mark}`);
  }
});

test('says how a connection failed', async ({ stack, signal }) => {
  const { client, server } = await makePair(stack);
  await nft(
    `table inet t { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }`,
    server,
  );
  const to = (host: string, port: number) => ({ host, port, namespace: client });
  assert.is(await errnoOf(connectTcp(to(addresses.server.ipv4, 7))), 'ECONNREFUSED');
  assert.is(await errnoOf(connectTcp(to(addresses.server.ipv6, 7))), 'ECONNREFUSED');
  assert.is(await errnoOf(connectTcp(to('192.0.2.1', 7))), 'ENETUNREACH');
  assert.is(
    await errnoOf(connectTcp({ ...to(addresses.server.ipv4, 9), timeoutMs: 100 })),
    'ETIMEDOUT',
  );
  const controller = new AbortController();
  const canceled = errnoOf(
    connectTcp({ ...to(addresses.server.ipv4, 9), signal: controller.signal }),
  );
  setImmediate(() => controller.abort());
  assert.is(await canceled, 'ECANCELED');
  assert.is(
    await errnoOf(connectTcp({ ...to('::1', 7), localAddress: '10.0.0.1' })),
    'EAFNOSUPPORT',
  );
  assert.is(await errnoOf(connectTcp(to('localhost', 7))), 'EINVAL');
  signal.throwIfAborted();
});

test('listens for both families on ::, and for one on request', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  const peers: (string | undefined)[] = [];
  await serve(stack, { host: '::', port: 1, namespace: server }, (s) => {
    peers.push(s.remoteAddress);
    s.end('.');
  });
  await serve(
    stack,
    { host: '::', port: 2, namespace: server, ipv6Only: true },
    (s) => void s.end(),
  );
  for (const host of [
    addresses.server.ipv4,
    `::ffff:${addresses.server.ipv4}`,
    addresses.server.ipv6,
  ]) {
    const socket = await connectTcp({ host, port: 1, namespace: client });
    await once(socket, 'data');
    socket.destroy();
  }
  assert.equal(peers, ['::ffff:10.77.0.1', '::ffff:10.77.0.1', 'fd77::1']);
  const refused = connectTcp({ host: addresses.server.ipv4, port: 2, namespace: client });
  assert.is(await errnoOf(refused), 'ECONNREFUSED');
});

test('serves IPv4 on :: where IPv6 addresses are switched off, and refuses ::1 there', ({
  stack,
}) => {
  const [namespace] = makeNamespace(stack, 'no6');
  setSysctl('net/ipv6/conf/all/disable_ipv6', 1, namespace);
  assert.throws(
    () => listenTcp({ host: '::1', port: 0, namespace }),
    (error: unknown) => error instanceof LinuxError && error.errno === 'EADDRNOTAVAIL',
  );
});

test('shares a port between listeners that ask for it, and only then', ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'share');
  const options = { host: '::', port: 15001, namespace };
  const first = listenTcp({ ...options, reusePort: true });
  const second = listenTcp({ ...options, reusePort: true, transparent: true, mark: 0x539 });
  stack.defer(() => {
    closeDescriptor(first.fd);
    closeDescriptor(second.fd);
  });
  assert.throws(
    () => listenTcp(options),
    (error: unknown) => error instanceof LinuxError && error.errno === 'EADDRINUSE',
  );
});

test('connects many at once, and keeps the half that is still open', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  await serve(stack, { host: '::', port: 80, namespace: server }, (socket) => {
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end('!'));
  });
  const one = async (index: number): Promise<string> => {
    const host = addresses.server[index % 2 === 0 ? 'ipv4' : 'ipv6'];
    const localAddress = addresses.client[index % 2 === 0 ? 'ipv4' : 'ipv6'];
    const socket = await connectTcp({
      host,
      port: 80,
      namespace: client,
      localAddress,
      mark: 0x539,
    });
    socket.end(String(index));
    let said = '';
    for await (const chunk of socket) said += String(chunk);
    return said;
  };
  const all = Array.from({ length: 200 }, (_, index) => index);
  assert.equal(
    await Promise.all(all.map(one)),
    all.map((index) => `${index}!`),
  );
});

test('can end a connection so that the peer sees a failure', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  const failure = Promise.withResolvers<string | undefined>();
  await serve(stack, { host: '::', port: 80, namespace: server }, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => failure.resolve(error.code));
    socket.on('close', () => failure.resolve('closed without error'));
    socket.resume();
  });
  const to = { host: addresses.server.ipv4, port: 80, namespace: client };
  const socket = await connectTcp(to);
  socket.write('half a request');
  resetTcp(socket);
  assert.is(await failure.promise, 'ECONNRESET');
});

test('knows no original destination of a connection that is gone or not tracked', async ({
  stack,
}) => {
  const { client, server } = await makePair(stack);
  await nft(
    `table inet t { chain pre { type filter hook prerouting priority raw; notrack; }; 
       chain out { type filter hook output priority raw; notrack; }; }`,
    server,
  );
  for (const host of ['::', '0.0.0.0']) {
    const got = Promise.withResolvers<Socket>();
    const { port } = await serve(stack, { host, port: 0, namespace: server }, (peer) =>
      got.resolve(peer),
    );
    const socket = await connectTcp({ host: addresses.server.ipv4, port, namespace: client });
    const peer = await got.promise;
    assert.is(originalDestination(peer), undefined);
    socket.destroy();
    assert.is(originalDestination(socket), undefined);
  }
});

test('leaks no descriptor, whatever becomes of connections', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  await serve(
    stack,
    { host: '::', port: 8080, namespace: server },
    (socket) => void socket.end('x'),
  );
  const open = (): number => readdirSync('/proc/self/fd').length;
  const round = async (): Promise<void> => {
    const to = { host: addresses.server.ipv4, namespace: client };
    await errnoOf(connectTcp({ ...to, port: 7 }));
    await errnoOf(
      connectTcp({ ...to, port: 7, localAddress: addresses.server.ipv4, timeoutMs: 20 }),
    );
    assert.throws(() => listenTcp({ host: '192.0.2.1', port: 1, namespace: client }));
    const socket = await connectTcp({ ...to, port: 8080 });
    await once(socket, 'data');
    socket.end();
    await once(socket, 'close');
  };
  await round();
  const before = open();
  for (let i = 0; i < 20; i++) await round();
  await until(() => open() <= before, `${before} descriptors`);
});
test.run();
