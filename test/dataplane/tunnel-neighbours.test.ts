import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import type { ByteStream } from '../../src/dataplane/byte-stream.ts';
import { splice } from '../../src/dataplane/splice.ts';
import type { TunnelRequest } from '../../src/dataplane/tunnel/tunnel.ts';
import { TestAuthority } from '../support/certificates.ts';
import { suite } from '../support/suite.ts';
import {
  dial,
  identity,
  readAll,
  startPool,
  startTunnelServer,
  targetAt,
} from '../support/tunnels.ts';

const test = suite('streams that share a tunnel connection');
const server = identity('server');
const mebibyte = 1 << 20;
/** What one stream may have under way (protocol section 3.4), with the buffers around it. */
const mostPerStream = 5 * mebibyte;

/** Bytes in buffers that are reachable. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** Reads to the end and keeps nothing. */
async function countAll(stream: ByteStream): Promise<number> {
  let total = 0;
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
    total += bytes.length;
  }
  return total;
}

test('slow readers hold back their own senders only, with bounded memory', async ({ stack }) => {
  const authority = new TestAuthority();
  const slow: (() => Promise<number>)[] = [];
  const { endpoint, sockets } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => {
      const stream = request.accept();
      if (request.authority === 'slow:80') slow.push(async () => await countAll(stream));
      else void splice(stream, stream);
    },
  });
  const pool = startPool(stack, authority);
  const open = async (authorityName: string) => {
    const changes = { authority: authorityName };
    const result = await pool.open(targetAt(endpoint, [server], changes));
    if (result.kind !== 'open') throw new Error('refused');
    return result.stream;
  };
  const block = randomBytes(mebibyte / 4);
  // More than the window of the whole connection, 16 MiB, would let through for all together.
  const blocks = 32;
  const written: number[] = [];
  const before = heldBytes();
  const senders = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const stream = await open('slow:80');
      written[index] = 0;
      const send = async (): Promise<void> => {
        for (let count = 0; count < blocks; count++) {
          await stream.write(block);
          written[index] = (written[index] ?? 0) + block.length;
        }
        await stream.end();
      };
      return { stream, sent: send() };
    }),
  );
  const fast = await open('fast:80');
  const writing = (async () => {
    for (let count = 0; count < 100; count++) await fast.write(block);
    await fast.end();
  })();
  assert.is(await countAll(fast), 100 * block.length);
  await writing;
  assert.is(sockets.length, 1);
  for (const bytes of written) assert.ok(bytes < mostPerStream, `${bytes} were taken`);
  const grown = heldBytes() - before;
  assert.ok(grown < 8 * mostPerStream, `${grown} bytes are held`);
  const received = await Promise.all(slow.map(async (read) => await read()));
  assert.equal(
    received,
    senders.map(() => blocks * block.length),
  );
  await Promise.all(senders.map(async ({ sent }) => await sent));
});

test('no request fails while the peer is replaced', async ({ stack }) => {
  const authority = new TestAuthority();
  const served = { old: 0, successor: 0 };
  const start = (name: keyof typeof served) =>
    startTunnelServer(stack, {
      authority,
      identity: server,
      onRequest: (request: TunnelRequest) => {
        served[name]++;
        const stream = request.accept();
        void splice(stream, stream);
      },
    });
  const [old, successor] = [await start('old'), await start('successor')];
  let current = old.endpoint;
  const pool = startPool(stack, authority);
  const target = targetAt(old.endpoint, [server], { connect: () => dial(current) });
  const failures: unknown[] = [];
  const roundTrip = async (): Promise<void> => {
    const result = await pool.open(target);
    if (result.kind !== 'open') throw new Error('refused');
    await result.stream.write(Buffer.from('question'));
    await result.stream.end();
    assert.is((await readAll(result.stream)).toString(), 'question');
  };
  let left = 1_500;
  const workers = Array.from({ length: 30 }, async () => {
    while (left-- > 0) await roundTrip().catch((error: unknown) => failures.push(error));
  });
  while (served.old < 300) await new Promise(setImmediate);
  // As a node proxy does it: new connections go to the successor, then peers are told.
  current = successor.endpoint;
  await old.server.drain();
  await Promise.all(workers);
  assert.equal(failures, []);
  assert.ok(served.successor > 500);
});

test.run();
