// A peer with a valid certificate that does what HTTP/2 forbids: its own connection suffers, nobody else's.

import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { splice } from '../../src/dataplane/splice.ts';
import type { TunnelRequest } from '../../src/dataplane/tunnel/tunnel.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { TestAuthority } from '../support/certificates.ts';
import {
  connectFrame,
  endHeaders,
  fields,
  firstFlag,
  frame,
  frameTypes,
  RawHttp2,
} from '../support/raw-http2.ts';
import { suite } from '../support/suite.ts';
import { identity, readAll, startPool, startTunnelServer, targetAt } from '../support/tunnels.ts';

const test = suite('peers that break the rules of HTTP/2');
const server = identity('server');
const authorityName = '10.0.0.1:80';

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function times(count: number, make: (index: number) => Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** A server that echoes for `10.0.0.1:80` and never answers others, with a good tunnel on it. */
async function startScene(stack: AsyncDisposableStack) {
  const authority = new TestAuthority();
  const refused: string[] = [];
  const requests: TunnelRequest[] = [];
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => {
      requests.push(request);
      if (request.authority !== authorityName) return;
      const stream = request.accept();
      void splice(stream, stream);
    },
    onRefusedPeer: (error) => refused.push(error.code),
  });
  const pool = startPool(stack, authority);
  const good = await pool.open(targetAt(endpoint, [server]));
  if (good.kind !== 'open') throw new Error('refused');
  const peer = stack.use(await RawHttp2.open(endpoint, await authority.issue(identity('client'))));
  /** The other connection carries bytes, both ways, and so does a new one. */
  const othersAreWell = async (): Promise<void> => {
    const block = randomBytes(300_000);
    await good.stream.write(block);
    await good.stream.end();
    assert.is(Buffer.compare(await readAll(good.stream), block), 0);
    const another = await pool.open(targetAt(endpoint, [server], { poolScope: 'another' }));
    if (another.kind !== 'open') throw new Error('refused');
    await another.stream.end();
    await readAll(another.stream);
  };
  return { peer, refused, requests, othersAreWell };
}

const ends: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ['HTTP/1.1', [Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')]],
  ['a frame larger than announced', [frame(frameTypes.data, 0, 1, Buffer.alloc(2 << 20))]],
  ['data on a stream that it did not open', [frame(frameTypes.data, 0, 5, Buffer.alloc(10))]],
  ['a stream with an even number', [connectFrame(2, authorityName)]],
  ['headers of 100 kB', [frame(1, endHeaders, 1, fields(['x', 'y'.repeat(100_000)]))]],
  [
    'headers that do not end',
    [frame(1, 0, 1, fields(['x', 'y'])), ...times(5_000, () => frame(9, 0, 1, fields(['x', 'y'])))],
  ],
  ['a flood of settings', times(20_000, () => frame(frameTypes.settings, 0, 0, Buffer.alloc(0)))],
  ['a flood of pings', times(20_000, () => frame(frameTypes.ping, 0, 0, Buffer.alloc(8)))],
  [
    'a flood of empty data',
    [connectFrame(1, authorityName), ...times(20_000, () => frame(frameTypes.data, 0, 1))],
  ],
  ['a window of nothing', [frame(frameTypes.windowUpdate, 0, 0, number(0))]],
  ['a window beyond all bounds', times(2, () => frame(8, 0, 0, number(0x7f_ff_ff_ff)))],
  [
    'requests that it gives up as fast as it can',
    times(2_000, (index) =>
      Buffer.concat([
        connectFrame(1 + 2 * index, 'never:80'),
        frame(frameTypes.reset, 0, 1 + 2 * index, number(8)),
      ]),
    ),
  ],
  [
    'malformed requests without end',
    times(2_000, (index) => frame(1, endHeaders, 1 + 2 * index, fields([':method', 'CONNECT']))),
  ],
];

for (const [what, frames] of ends) {
  test(`${what} ends its connection with one code, and no other's`, async ({ stack }) => {
    const { peer, refused, othersAreWell } = await startScene(stack);
    peer.write(...frames);
    await peer.closed;
    await othersAreWell();
    assert.equal(refused, ['AMB1512']);
  });
}

const streams: readonly (readonly [string, Buffer])[] = [
  ['without an authority', fields([':method', 'CONNECT'])],
  ['with an empty authority', fields([':method', 'CONNECT'], [':authority', ''])],
  [
    'with two methods',
    fields([':method', 'CONNECT'], [':method', 'CONNECT'], [':authority', 'a:1']),
  ],
  ['with a path', fields([':method', 'CONNECT'], [':path', '/'], [':authority', 'a:1'])],
  ['with a field in capitals', fields([':method', 'CONNECT'], [':authority', 'a:1'], ['X', 'y'])],
];

for (const [what, block] of streams) {
  test(`a request ${what} is reset, and the next on its connection served`, async ({ stack }) => {
    const { peer, requests } = await startScene(stack);
    const before = requests.length;
    peer.write(frame(frameTypes.headers, endHeaders, 1, block));
    const reset = await peer.next(({ type, stream }) => type === frameTypes.reset && stream === 1);
    assert.is(reset?.payload.readUInt32BE(0), 1, 'PROTOCOL_ERROR');
    peer.write(connectFrame(3, authorityName));
    await peer.next(({ type, stream }) => type === frameTypes.headers && stream === 3);
    assert.is(requests.length, before + 1);
  });
}

test('more header fields than allowed are too much for one stream only', async ({ stack }) => {
  const { peer, requests } = await startScene(stack);
  const many = Array.from({ length: 100 }, (_, index) => [`x${index}`, 'y'] as const);
  const block = fields([':method', 'CONNECT'], [':authority', authorityName], ...many);
  peer.write(frame(frameTypes.headers, endHeaders, 1, block));
  const reset = await peer.next(({ type }) => type === frameTypes.reset);
  assert.is(reset?.payload.readUInt32BE(0), 11, 'ENHANCE_YOUR_CALM');
  assert.is(requests.length, 1);
});

test('another method than CONNECT is answered 400 and counted', async ({ stack }) => {
  const { peer, refused, requests, othersAreWell } = await startScene(stack);
  const get = fields(
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/'],
    [':authority', 'a:1'],
  );
  peer.write(frame(frameTypes.headers, endHeaders | firstFlag, 1, get));
  const answer = await peer.next(({ type, stream }) => type === frameTypes.headers && stream === 1);
  assert.is((answer?.flags ?? 0) & firstFlag, firstFlag, 'the stream has ended');
  assert.ok(answer?.payload.toString('latin1').length);
  await othersAreWell();
  assert.equal(refused, ['AMB1414']);
  assert.is(requests.filter(({ authority }) => authority === 'a:1').length, 0);
});

test('what follows a request before its answer is kept, within the window, and delivered', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  let held: TunnelRequest | undefined;
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => {
      held = request;
    },
  });
  const peer = stack.use(await RawHttp2.open(endpoint, await authority.issue(identity('client'))));
  const early = randomBytes(10_000);
  peer.write(connectFrame(1, authorityName), frame(frameTypes.data, firstFlag, 1, early));
  while (held === undefined) await systemClock.wait(5);
  const stream = held.accept();
  assert.is(Buffer.compare(await readAll(stream), early), 0);
});

test('streams beyond the limit are refused one by one, and those within it stay', async ({
  stack,
}) => {
  const { peer, requests } = await startScene(stack);
  peer.write(...times(260, (index) => connectFrame(1 + 2 * index, authorityName)));
  const last = 1 + 2 * 259;
  const reset = await peer.next(({ type, stream }) => type === frameTypes.reset && stream === last);
  assert.is(reset?.payload.readUInt32BE(0), 7, 'REFUSED_STREAM');
  assert.is(requests.length, 1 + 200);
  peer.write(frame(frameTypes.data, 0, 1, Buffer.from('still here')));
  const back = await peer.next(({ type, stream }) => type === frameTypes.data && stream === 1);
  assert.is(String(back?.payload), 'still here');
});

test.run();
