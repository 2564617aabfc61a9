import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { addresses, families } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import { nextRecord, startTwoPods } from './ztunnel-support.ts';

const test = suite('half-close through both hops', { deadlineMs: 60_000 });
const block = randomBytes(1 << 20);
const blocks = 64;
const size = blocks * block.length;
const digest = createHash('sha256');
for (let count = 0; count < blocks; count++) digest.update(block);
const whole = `${size} ${digest.digest('hex')}`;

async function sendAll(socket: Socket): Promise<void> {
  for (let count = 0; count < blocks; count++) {
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
}

/** Size and digest of everything up to the proper end. */
async function receiveAll(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  let total = 0;
  socket.on('data', (chunk: Buffer) => {
    total += chunk.length;
    hash.update(chunk);
  });
  await once(socket, 'end');
  return `${total} ${hash.digest('hex')}`;
}

/** Serves one connection in a pod. */
function serveOne(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  talk: (socket: Socket) => Promise<string>,
): Promise<string> {
  const { fd } = listenTcp({ host: '::', port: 8080, namespace });
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      talk(socket).then(resolve, reject);
    }).listen({ fd });
    stack.defer(() => void server.close());
  });
}

async function bothAtOnce(socket: Socket): Promise<string> {
  const [heard] = await Promise.all([receiveAll(socket), sendAll(socket)]);
  return heard;
}

const orders: readonly (readonly [
  string,
  { server: (socket: Socket) => Promise<string>; client: (socket: Socket) => Promise<string> },
])[] = [
  [
    'the client finishes first and then hears the whole answer',
    {
      client: async (socket) => {
        await sendAll(socket);
        return await receiveAll(socket);
      },
      server: async (socket) => {
        const heard = await receiveAll(socket);
        await sendAll(socket);
        return heard;
      },
    },
  ],
  [
    'the server finishes first and then hears everything',
    {
      client: async (socket) => {
        const heard = await receiveAll(socket);
        await sendAll(socket);
        return heard;
      },
      server: async (socket) => {
        await sendAll(socket);
        return await receiveAll(socket);
      },
    },
  ],
  ['both send at once', { client: bothAtOnce, server: bothAtOnce }],
];

for (const [family, what, { client, server }] of families.flatMap((one) =>
  orders.map((order) => [one, ...order] as const),
)) {
  test(`${what}, byte for byte over ${family}`, async ({ stack, signal }) => {
    const { network, proxies } = await startTwoPods(stack);
    const served = serveOne(stack, network.beta, server);
    const socket = await connectTcp({
      host: addresses.beta[family],
      port: 8080,
      namespace: network.alpha,
    });
    stack.defer(() => void socket.destroy());
    assert.is(await client(socket), whole);
    assert.is(await served, whole);
    for (const proxy of Object.values(proxies)) {
      const record = await nextRecord(proxy, () => true, signal);
      assert.is(record.verdict.outcome, 'forwarded');
      assert.is(record.transport, 'tunnel');
      assert.equal([record.bytesSent, record.bytesReceived], [size, size]);
    }
  });
}

test.run();
