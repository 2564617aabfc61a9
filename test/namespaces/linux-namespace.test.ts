import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { closeDescriptor, duplicateDescriptor } from '../../src/linux/descriptors.ts';
import { LinuxError } from '../../src/linux/errors.ts';
import { ip, ipJson } from '../../src/linux/ip.ts';
import { isMounted } from '../../src/linux/mounts.ts';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { nft, nftJson } from '../../src/linux/nft.ts';
import { processesIn } from '../../src/linux/processes.ts';
import { SeqpacketServer, type SeqpacketSocket } from '../../src/linux/seqpacket.ts';
import { getSysctl, setSysctl } from '../../src/linux/sysctl.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { makeNamespace, serve, until } from '../linux/fixture.ts';
import { suite } from '../support/suite.ts';

const test = suite('network namespaces');

/** Where each thread of this process is. */
function placesOfThreads(): Set<string> {
  const idOf = (task: string): string => {
    const { dev, ino } = statSync(`/proc/self/task/${task}/ns/net`);
    return `${dev}:${ino}`;
  };
  return new Set(readdirSync('/proc/self/task').map(idOf));
}

function hereId(): string {
  using here = NetworkNamespace.current();
  return here.id;
}

test('is entered and left again, also when the body throws and when nested', ({ stack }) => {
  const [outer] = makeNamespace(stack, 'outer');
  const [inner] = makeNamespace(stack, 'inner');
  const home = hereId();
  const seen = outer.run(() => [hereId(), inner.run(hereId), outer.run(hereId), hereId()]);
  assert.equal(seen, [outer.id, inner.id, outer.id, outer.id]);
  assert.is(hereId(), home);
  const boom = (): never => {
    throw new Error('boom');
  };
  assert.throws(() => outer.run(() => inner.run(boom)), /boom/);
  assert.is(hereId(), home);
});

test('can make another one and come home while inside one', ({ stack }) => {
  const [outer] = makeNamespace(stack, 'outer');
  const home = hereId();
  const [inner, place] = outer.run(() => [makeNamespace(stack, 'inner')[0], hereId()] as const);
  assert.is(place, outer.id);
  assert.is.not(inner.id, outer.id);
  assert.is(hereId(), home);
});

test('leaves every other thread of the process at home', async ({ stack }) => {
  // In a process of its own, whose thread pool has not been started by anything else.
  const [, file] = makeNamespace(stack, 'threads');
  const script = `
    import { NetworkNamespace } from '${path.resolve('src/linux/network-namespace.ts')}';
    import { readFile } from 'node:fs/promises';
    import { readdirSync, statSync } from 'node:fs';
    const namespace = NetworkNamespace.open('${file}');
    await namespace.run(() => readFile('/dev/null'));
    const places = readdirSync('/proc/self/task').map((t) => statSync('/proc/self/task/' + t + '/ns/net').ino);
    console.log(new Set(places).size, places.length > 4);`;
  const child = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    encoding: 'utf8',
  });
  assert.is(child.stdout, '1 true\n', child.stderr);
  await readFile('/dev/null');
  assert.is(placesOfThreads().size, 1);
});

test('ends the process rather than leave a thread in a foreign one', ({ stack }) => {
  const [, file] = makeNamespace(stack, 'lost');
  // Closes the descriptor that leads home while away.
  const script = `
    import { closeSync, readdirSync, readlinkSync } from 'node:fs';
    import { NetworkNamespace } from '${path.resolve('src/linux/network-namespace.ts')}';
    const home = readlinkSync('/proc/self/ns/net');
    const target = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } };
    NetworkNamespace.open('${file}').run(() => {
      for (const fd of readdirSync('/proc/self/fd')) if (target(fd) === home) closeSync(Number(fd));
    });
    console.log('still here');`;
  const node = [process.execPath, '--input-type=module-typescript', '-e', script];
  const child = spawnSync('/bin/sh', ['-c', 'ulimit -c 0; exec "$0" "$@"', ...node], {
    encoding: 'utf8',
  });
  assert.is(child.signal, 'SIGABRT');
  assert.is(child.stdout, '');
  assert.match(child.stderr, 'fatal: this thread cannot leave a foreign network namespace');
});

test('is entered by a worker thread without moving the others', async ({ stack }) => {
  const [namespace, file] = makeNamespace(stack, 'worker');
  const home = hereId();
  const code = `
    const { parentPort } = require('node:worker_threads');
    import('${path.resolve('src/linux/network-namespace.ts')}').then(({ NetworkNamespace }) => {
      const here = () => { using current = NetworkNamespace.current(); return current.id; };
      using namespace = NetworkNamespace.open('${file}');
      const before = here();
      const inside = namespace.run(() => {
        parentPort.postMessage('inside');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        return here();
      });
      parentPort.postMessage([before, inside, here()]);
    });`;
  const worker = new Worker(code, { eval: true });
  stack.defer(async () => void (await worker.terminate()));
  const [first] = (await once(worker, 'message')) as [string];
  assert.is(first, 'inside');
  assert.is(hereId(), home);
  assert.equal(await once(worker, 'message'), [[home, namespace.id, home]]);
});

test('is the same whichever way it is opened', ({ stack }) => {
  const [namespace, file] = makeNamespace(stack, 'same');
  using byPath = NetworkNamespace.open(file);
  using byDescriptor = NetworkNamespace.fromDescriptor(duplicateDescriptor(namespace.fd));
  assert.is(byPath.id, namespace.id);
  assert.is(byDescriptor.id, namespace.id);
  assert.is.not(hereId(), namespace.id);
});

test('comes with loopback up', async ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'lo');
  await serve(stack, { host: '127.0.0.1', port: 80, namespace }, (socket) => void socket.end('up'));
  const socket = await connectTcp({ host: '127.0.0.1', port: 80, namespace });
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  assert.is(String(data), 'up');
});

test('is home to the processes spawned inside, which can be found', async ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'home');
  assert.equal(processesIn(namespace.id), []);
  const child = namespace.run(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
  const ended = once(child, 'exit');
  await until(() => processesIn(namespace.id).length > 0, 'the process');
  assert.equal(processesIn(namespace.id), [child.pid]);
  child.kill();
  await ended;
  assert.equal(processesIn(namespace.id), []);
});

test('has kernel settings of its own', ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'sysctl');
  setSysctl('net/ipv4/ip_forward', 1, namespace);
  assert.is(getSysctl('net/ipv4/ip_forward', namespace), '1');
  const other = makeNamespace(stack, 'sysctl2')[0];
  setSysctl('net/ipv4/ip_forward', 0, other);
  assert.is(getSysctl('net/ipv4/ip_forward', namespace), '1');
  assert.throws(
    () => setSysctl('net/ipv4/no_such_setting', 1, namespace),
    (error: unknown) => error instanceof LinuxError,
  );
});

test('lives on through a descriptor passed to another process, without its path', async ({
  stack,
}) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'linux-namespace-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const server = stack.use(SeqpacketServer.listen(path.join(folder, 'zds')));
  const script = `
    import { NetworkNamespace } from '${path.resolve('src/linux/network-namespace.ts')}';
    import { SeqpacketSocket } from '${path.resolve('src/linux/seqpacket.ts')}';
    import { listenTcp } from '${path.resolve('src/linux/tcp.ts')}';
    import { createServer } from 'node:net';
    const agent = await SeqpacketSocket.connect('${path.join(folder, 'zds')}');
    const message = await agent.receive();
    using namespace = NetworkNamespace.fromDescriptor(message.descriptors[0]);
    const { fd } = listenTcp({ host: '::', port: 15008, namespace, mark: 0x539, reusePort: true, transparent: true });
    const pod = createServer((socket) => socket.end(namespace.id));
    pod.listen({ fd, backlog: 128 }, () => agent.send(Buffer.from('ack')));
    await agent.receive();
    pod.close();`;
  const proxy = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(proxy, 'exit');
  const [namespace, file] = makeNamespace(stack, 'passed');
  const connection = stack.use((await server.accept()) as SeqpacketSocket);
  await connection.send(Buffer.from('add'), [namespace.fd]);
  removeNamespaceMount(file);
  assert.is(String((await connection.receive())?.bytes), 'ack');
  const socket = await connectTcp({ host: '127.0.0.1', port: 15008, namespace });
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  assert.is(String(data), namespace.id);
  connection.close();
  assert.equal(await ended, [0, null]);
});

test('goes away with its mount, which may be missing', () => {
  const file = `/run/netns/linux-${process.pid}-gone`;
  const namespace = NetworkNamespace.create(file);
  assert.ok(isMounted(file));
  assert.throws(
    () => NetworkNamespace.create(file),
    (error: unknown) => error instanceof LinuxError && error.errno === 'EEXIST',
  );
  namespace[Symbol.dispose]();
  namespace[Symbol.dispose]();
  assert.throws(() => namespace.run(() => 0), /disposed/);
  removeNamespaceMount(file);
  assert.not(existsSync(file));
  removeNamespaceMount(file);
});

test('leaks no descriptor', async ({ stack }) => {
  const [namespace, file] = makeNamespace(stack, 'leak');
  const count = (): number => readdirSync('/proc/self/fd').length;
  const round = async (): Promise<void> => {
    using again = NetworkNamespace.open(file);
    again.run(hereId);
    assert.throws(() => NetworkNamespace.open(`${file}-missing`));
    const [made, madeFile] = [NetworkNamespace.create(`${file}-more`), `${file}-more`];
    made[Symbol.dispose]();
    removeNamespaceMount(madeFile);
    const fd = duplicateDescriptor(namespace.fd);
    closeDescriptor(fd);
    await ipJson(['link', 'show'], namespace);
  };
  await round();
  const before = count();
  for (let i = 0; i < 5; i++) await round();
  await until(() => count() <= before, 'all descriptors to close');
});

test('ip reports what failed and with which words', async ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'ip');
  try {
    await ip(['link set dev lo up', 'link set dev eth7 up'], namespace);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LinuxError);
    assert.is((error as LinuxError).errno, 'ENODEV');
    assert.match((error as LinuxError).message, 'eth7');
  }
  await ip([], namespace);
  const links = (await ipJson(['link', 'show'], namespace)) as { ifname: string }[];
  assert.equal(
    links.map((link) => link.ifname).filter((name) => name === 'lo'),
    ['lo'],
  );
  assert.match(readFileSync('/proc/self/net/dev', 'utf8'), 'lo:');
});

test('nft applies a script as a whole or not at all', async ({ stack }) => {
  const [namespace] = makeNamespace(stack, 'nft');
  const broken = 'table inet one { }\nadd rule inet missing chain accept\n';
  await nft(broken, namespace).then(
    () => assert.unreachable(),
    (error: LinuxError) => assert.match(error.stderr ?? '', 'add rule inet missing'),
  );
  await nft('table inet two { }', namespace);
  const { nftables } = (await nftJson(['list', 'tables'], namespace)) as {
    nftables: { table?: { name: string } }[];
  };
  assert.equal(
    nftables.flatMap(({ table }) => (table === undefined ? [] : [table.name])),
    ['two'],
  );
});

test.run();
