import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { PacketCapture } from '../../src/linux/capture.ts';
import { LinuxError } from '../../src/linux/errors.ts';
import { setLink } from '../../src/linux/ip.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { openUdp } from '../../src/linux/udp.ts';
import { addresses, makePair, serve } from '../linux/fixture.ts';
import { suite } from '../support/suite.ts';

const test = suite('packet capture');

test('reads on the link what is sent in the clear, and counts it', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  const received = Promise.withResolvers<void>();
  await serve(stack, { host: '::', port: 80, namespace: server }, (socket) => {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes >= 300_008) received.resolve();
    });
  });
  const capture = stack.use(PacketCapture.open('eth0', server));
  capture.watchFor(['password', 'absent']);
  const to = { host: addresses.server.ipv4, port: 80, namespace: client };
  const socket = await connectTcp(to);
  stack.defer(() => void socket.destroy());
  socket.write('password');
  socket.write(Buffer.alloc(300_000, 'x'));
  await received.promise;
  const { totals } = capture;
  assert.is(totals.readable.get('password'), 1);
  assert.is(totals.readable.get('absent'), 0);
  // What a busy machine sends again counts again, but is not read twice.
  assert.ok(totals.payloadBytes >= 300_008 && totals.payloadBytes < 400_000);
  assert.ok(totals.bytes > totals.payloadBytes);
  assert.ok(totals.packets >= 5);
  assert.is(totals.dropped, 0);
  assert.match(String(capture.latestPayload), /^x+$/);
});

test('sees IPv6 and UDP, and on loopback every packet once', async ({ stack }) => {
  const { server } = await makePair(stack);
  const capture = stack.use(PacketCapture.open('lo', server));
  capture.watchFor(['question']);
  const udp = await openUdp({ host: '::1', port: 0, namespace: server });
  stack.defer(() => void udp.close());
  const message = once(udp, 'message');
  udp.send('question', udp.address().port, '::1');
  await message;
  await serve(stack, { host: '::1', port: 80, namespace: server }, (s) => void s.end('question'));
  const socket = await connectTcp({ host: '::1', port: 80, namespace: server });
  await once(socket, 'data');
  socket.destroy();
  assert.is(capture.totals.readable.get('question'), 2);
  assert.is(capture.totals.payloadBytes, 8);
});

test('admits what it lost', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  const capture = stack.use(PacketCapture.open('eth0', server));
  const sink = await openUdp({ host: addresses.server.ipv4, port: 9, namespace: server });
  stack.defer(() => void sink.close());
  const udp = await openUdp({ host: addresses.client.ipv4, port: 0, namespace: client });
  stack.defer(() => void udp.close());
  udp.connect(9, addresses.server.ipv4);
  await once(udp, 'connect');
  // All in one turn of the event loop, so that the capture cannot look in between.
  const packet = Buffer.alloc(1000);
  for (let sent = 0; sent < 60_000; sent++) udp.send(packet);
  const { packets, dropped } = capture.totals;
  assert.ok(dropped > 0, `${packets} packets, ${dropped} dropped`);
});

test('outlives the link going down and up', async ({ stack }) => {
  const { client, server } = await makePair(stack);
  const capture = stack.use(PacketCapture.open('eth0', server));
  await setLink('eth0', 'down', server);
  assert.is(capture.totals.payloadBytes, 0);
  await setLink('eth0', 'up', server);
  await serve(stack, { host: '::', port: 80, namespace: server }, (s) => void s.end('here'));
  const socket = await connectTcp({ host: addresses.server.ipv4, port: 80, namespace: client });
  await once(socket, 'data');
  socket.destroy();
  assert.is(capture.totals.payloadBytes, 4);
});

test('keeps what it saw when it ends', async ({ stack }) => {
  const { server } = await makePair(stack);
  const capture = PacketCapture.open('lo', server);
  await serve(stack, { host: '::1', port: 80, namespace: server }, (s) => void s.end('all'));
  const socket = await connectTcp({ host: '::1', port: 80, namespace: server });
  await once(socket, 'data');
  socket.destroy();
  capture[Symbol.dispose]();
  capture[Symbol.dispose]();
  assert.is(capture.totals.payloadBytes, 3);
});

test('names the interface that does not exist', async ({ stack }) => {
  const { server } = await makePair(stack);
  assert.throws(
    () => PacketCapture.open('eth9', server),
    (error: unknown) => error instanceof LinuxError && error.errno === 'ENODEV',
  );
});

test.run();
