import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { sendPacket } from '../../src/linux/ancillary.ts';
import { closeDescriptor } from '../../src/linux/descriptors.ts';
import { LinuxError } from '../../src/linux/errors.ts';
import { call } from '../../src/linux/libc.ts';
import {
  maxPacketBytes,
  maxQueuedPackets,
  SeqpacketServer,
  SeqpacketSocket,
} from '../../src/linux/seqpacket.ts';
import { withUnixAddress } from '../../src/linux/unix-address.ts';
import { suite } from '../support/suite.ts';
import { until } from './fixture.ts';

const test = suite('SEQPACKET sockets');

function makeFolder(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'linux-seqpacket-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function connected(
  stack: AsyncDisposableStack,
): Promise<{ agent: SeqpacketSocket; proxy: SeqpacketSocket; folder: string }> {
  const folder = makeFolder(stack);
  const server = stack.use(SeqpacketServer.listen(path.join(folder, 's')));
  const accepted = server.accept();
  const proxy = stack.use(await SeqpacketSocket.connect(path.join(folder, 's')));
  const agent = await accepted;
  assert.ok(agent);
  stack.use(agent as SeqpacketSocket);
  return { agent: agent as SeqpacketSocket, proxy, folder };
}

async function errnoOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, LinuxError);
    return (error as LinuxError).errno;
  }
  return 'no error';
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;
const bytes = (text: string): Buffer => Buffer.from(text);

test('keeps packets apart and in order, both ways', async ({ stack }) => {
  const { agent, proxy } = await connected(stack);
  await Promise.all(['one', 'two', 'three'].map((word) => agent.send(bytes(word))));
  const words: string[] = [];
  for (let i = 0; i < 3; i++) words.push(String((await proxy.receive())?.bytes));
  assert.equal(words, ['one', 'two', 'three']);
  const waiting = agent.receive();
  await proxy.send(bytes('ack'));
  assert.is(String((await waiting)?.bytes), 'ack');
});

test('passes an open file, close-on-exec, that outlives the one sent', async ({ stack }) => {
  const { agent, proxy, folder } = await connected(stack);
  writeFileSync(path.join(folder, 'f'), 'through the wall');
  const fd = openSync(path.join(folder, 'f'), 'r');
  await agent.send(bytes('file'), [fd]);
  closeDescriptor(fd);
  const message = await proxy.receive();
  assert.is(message?.descriptors.length, 1);
  const received = message?.descriptors[0] as number;
  stack.defer(() => closeDescriptor(received));
  assert.is(readFileSync(received, 'utf8'), 'through the wall');
  assert.match(readFileSync(`/proc/self/fdinfo/${received}`, 'utf8'), /flags:\s+0?2/);
});

test('wakes up for a packet of another process without anything else going on', async ({
  stack,
}) => {
  const folder = makeFolder(stack);
  const file = path.join(folder, 's');
  const server = stack.use(SeqpacketServer.listen(file));
  const accepted = server.accept();
  const child = spawn(process.execPath, [
    '--input-type=module-typescript',
    '-e',
    `import { SeqpacketSocket } from '${path.resolve('src/linux/seqpacket.ts')}';
     const socket = await SeqpacketSocket.connect('${file}');
     for (;;) {
       const message = await socket.receive();
       if (message === undefined) break;
       await socket.send(Buffer.from(String(message.bytes).toUpperCase()));
     }
     console.log('bye');`,
  ]);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(child, 'close');
  const agent = (await accepted) as SeqpacketSocket;
  for (const word of ['one', 'two', 'three']) {
    await agent.send(bytes(word));
    assert.is(String((await agent.receive())?.bytes), word.toUpperCase());
  }
  agent.close();
  assert.equal(await closed, [0, null], said);
  assert.is(said, 'bye\n');
});

test('tells that the peer has closed', async ({ stack }) => {
  const { agent, proxy } = await connected(stack);
  const waiting = agent.receive();
  proxy.close();
  assert.is(await waiting, undefined);
  assert.is(await agent.receive(), undefined);
  assert.is(await errnoOf(agent.send(bytes('late'))), 'EPIPE');
});

test('closing ends a pending receive and a pending accept', async ({ stack }) => {
  const { agent } = await connected(stack);
  const receiving = agent.receive();
  agent.close();
  agent.close();
  assert.is(await receiving, undefined);
  assert.is(await errnoOf(agent.send(bytes('late'))), 'EPIPE');
  const file = path.join(makeFolder(stack), 's');
  const server = SeqpacketServer.listen(file);
  const accepting = server.accept();
  server.close();
  assert.is(await accepting, undefined);
  assert.is(existsSync(file), false);
});

test('a signal ends a wait, and nothing is lost by it', async ({ stack }) => {
  const { agent, proxy } = await connected(stack);
  assert.is(await errnoOf(agent.receive(AbortSignal.timeout(5))), 'ECANCELED');
  await proxy.send(bytes('after'));
  assert.is(String((await agent.receive())?.bytes), 'after');
});

test('survives a late signal after everything is closed', async ({ stack }) => {
  const { agent } = await connected(stack);
  const waiting = agent.receive();
  agent.close();
  await waiting;
  // Without a listener the kernel would end this process here.
  process.kill(process.pid, 'SIGIO');
  await once(process, 'SIGIO');
});

test('refuses packets that are too long, on both sides', async ({ stack }) => {
  const file = path.join(makeFolder(stack), 's');
  const server = stack.use(SeqpacketServer.listen(file));
  const fd = call('socket', [1, 5, 0]);
  withUnixAddress(file, (address) => call('connect', [fd, address, address.length]));
  const agent = stack.use(new SeqpacketSocket(fd));
  const proxy = stack.use((await server.accept()) as SeqpacketSocket);
  assert.is(await errnoOf(agent.send(Buffer.alloc(maxPacketBytes + 1))), 'EMSGSIZE');
  await agent.send(Buffer.alloc(maxPacketBytes, 1));
  assert.is((await proxy.receive())?.bytes.length, maxPacketBytes);
  sendPacket(fd, Buffer.alloc(maxPacketBytes + 1), []);
  assert.is(await errnoOf(proxy.receive()), 'EMSGSIZE');
});

test('closes every descriptor of a packet that brings more than one', async ({ stack }) => {
  const { agent, proxy } = await connected(stack);
  const before = openDescriptors();
  await agent.send(bytes('two'), [0, 1]);
  assert.is(await errnoOf(proxy.receive()), 'EPROTO');
  await agent.send(
    bytes('many'),
    Array.from({ length: 20 }, () => 0),
  );
  assert.is(await errnoOf(proxy.receive()), 'EMSGSIZE');
  assert.is(openDescriptors(), before);
  await agent.send(bytes('none'));
  assert.equal((await proxy.receive())?.descriptors, []);
});

test('waits for room when the peer does not read, up to a limit', async ({ stack }) => {
  const { agent, proxy } = await connected(stack);
  const packet = Buffer.alloc(maxPacketBytes, 7);
  let sent = 0;
  let full = false;
  const sending: Promise<unknown>[] = [];
  // The kernel's buffer fills first, then the queue here.
  while (!full) {
    const batch = Array.from({ length: maxQueuedPackets }, () =>
      agent.send(packet).then(
        () => sent++,
        (error: LinuxError) => (full ||= error.errno === 'ENOBUFS'),
      ),
    );
    sending.push(...batch);
    await Promise.race([Promise.all(batch), new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  const accepted = sending.length;
  let received = 0;
  const end = new AbortController();
  const reading = (async () => {
    for (;;) {
      const message = await proxy.receive(end.signal).catch(() => undefined);
      if (message === undefined) return;
      received++;
    }
  })();
  await Promise.all(sending);
  await until(() => received === sent, `${sent} packets`);
  end.abort();
  await reading;
  assert.ok(sent > maxQueuedPackets && sent < accepted);
});

test('leaves the thread pool to others while many sockets wait', async ({ stack }) => {
  const pairs = await Promise.all(Array.from({ length: 8 }, () => connected(stack)));
  const waiting = pairs.map(({ agent }) => agent.receive());
  assert.match(await readFile('/proc/self/stat', 'utf8'), String(process.pid));
  for (const { proxy } of pairs) await proxy.send(bytes('x'));
  for (const message of await Promise.all(waiting)) assert.is(String(message?.bytes), 'x');
});

test('reaches a socket whose path is longer than the kernel takes', async ({ stack }) => {
  const folder = path.join(makeFolder(stack), 'long'.repeat(30));
  execFileSync('mkdir', [folder]);
  const server = stack.use(SeqpacketServer.listen(path.join(folder, 's')));
  stack.use(await SeqpacketSocket.connect(path.join(folder, 's')));
  stack.use((await server.accept()) as SeqpacketSocket);
  assert.is(await errnoOf(SeqpacketSocket.connect(path.join(folder, 't'))), 'ENOENT');
});

test('takes over a path that an old server left, which then leaves the new one alone', async ({
  stack,
}) => {
  const file = path.join(makeFolder(stack), 's');
  const old = SeqpacketServer.listen(file);
  const fresh = stack.use(SeqpacketServer.listen(file));
  old.close();
  stack.use(await SeqpacketSocket.connect(file));
  const connections = fresh[Symbol.asyncIterator]();
  const first = await connections.next();
  assert.is(first.done, false);
  stack.use(first.value as SeqpacketSocket);
  const last = connections.next();
  fresh.close();
  assert.is((await last).done, true);
});

test.run();
