import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { LinuxError } from '../../src/linux/errors.ts';
import { nft } from '../../src/linux/nft.ts';
import { bindUdp, openUdp } from '../../src/linux/udp.ts';
import { addresses, makeNamespace, makePair, until } from '../linux/fixture.ts';
import { suite } from '../support/suite.ts';

const test = suite('UDP sockets in network namespaces');

function keep(stack: AsyncDisposableStack, socket: Socket): Socket {
  stack.defer(() => new Promise<void>((resolve) => void socket.close(resolve)));
  return socket;
}

for (const family of ['ipv4', 'ipv6'] as const) {
  test(`answers redirected ${family} questions from the address that was asked`, async ({
    stack,
  }) => {
    // What the DNS capture needs: connection tracking undoes the redirect for the answer.
    const { client } = await makePair(stack);
    const loopback = family === 'ipv4' ? '127.0.0.1' : '::1';
    await nft(
      `table inet t { chain out { type nat hook output priority -100;
         udp dport 53 meta mark != 0x539 redirect to :15053; }; }`,
      client,
    );
    const dns = keep(stack, await openUdp({ host: loopback, port: 15053, namespace: client }));
    dns.on('message', (question, from) => {
      dns.send(`${String(question)}!`, from.port, from.address);
    });
    const host = family === 'ipv4' ? '0.0.0.0' : '::';
    const app = keep(stack, await openUdp({ host, port: 0, namespace: client }));
    const answered = once(app, 'message') as Promise<[Buffer, RemoteInfo]>;
    app.send('question', 53, addresses.server[family]);
    const [answer, from] = await answered;
    assert.is(String(answer), 'question!');
    assert.is(from.address, addresses.server[family]);
    assert.is(from.port, 53);
  });
}

test('marks what it sends, so that its own questions are not captured', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  await nft(
    `table inet t { chain out { type filter hook output priority 0;
       udp dport 53 meta mark != 0x539 drop; }; }`,
    client,
  );
  const upstream = keep(stack, await openUdp({ host: '::', port: 53, namespace: server }));
  const arrived = once(upstream, 'message') as Promise<[Buffer]>;
  const plain = keep(stack, await openUdp({ host: '0.0.0.0', port: 0, namespace: client }));
  const marked = keep(
    stack,
    await openUdp({ host: '0.0.0.0', port: 0, namespace: client, mark: 0x539 }),
  );
  // The dropped one fails with EPERM in the sender's own process.
  const [error] = await new Promise<[Error | null]>((resolve) => {
    plain.send('plain', 53, addresses.server.ipv4, (failure) => resolve([failure]));
  });
  assert.match(error?.message ?? '', 'EPERM');
  marked.send('marked', 53, addresses.server.ipv4);
  assert.is(String((await arrived)[0]), 'marked');
});

test('takes both families on ::, and can be handed over as a bare descriptor', async ({
  stack,
}) => {
  const { client, server } = await makePair(stack);
  const { fd, port } = bindUdp({ host: '::', port: 0, namespace: server });
  const socket = keep(stack, createSocket('udp6'));
  const listening = once(socket, 'listening'); // comes while bind runs
  socket.bind({ fd });
  await listening;
  assert.is(socket.address().port, port);
  for (const family of ['ipv4', 'ipv6'] as const) {
    const host = addresses.client[family];
    const sender = keep(stack, await openUdp({ host, port: 0, namespace: client }));
    const arrived = once(socket, 'message') as Promise<[Buffer, RemoteInfo]>;
    sender.send(family, port, addresses.server[family]);
    const [message, from] = await arrived;
    assert.is(String(message), family);
    assert.is(from.address, family === 'ipv4' ? `::ffff:${host}` : host);
  }
});

test('shares a port only when asked, and leaks no descriptor', async ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'udp');
  const count = (): number => readdirSync('/proc/self/fd').length;
  const options = { host: '127.0.0.1', port: 15053, namespace };
  const round = async (): Promise<void> => {
    const first = await openUdp({ ...options, reusePort: true });
    const second = await openUdp({ ...options, reusePort: true });
    assert.throws(
      () => bindUdp(options),
      (error: unknown) => error instanceof LinuxError && error.errno === 'EADDRINUSE',
    );
    first.close();
    second.close();
  };
  await round();
  const before = count();
  for (let i = 0; i < 5; i++) await round();
  await until(() => count() <= before, 'all sockets to close');
});

test.run();
