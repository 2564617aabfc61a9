import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { Enrolment } from '../../src/cni/agent/enrol.ts';
import { Members } from '../../src/cni/agent/members.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp, originalDestination } from '../../src/linux/tcp.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { until } from '../cni/fake-ztunnel.ts';
import { addresses, makePodNetwork, serve, usualSettings } from '../cni/pod-network.ts';
import { aPod, RecordedStatus } from '../cni/pods.ts';
import { suite } from '../support/suite.ts';

const test = suite('joining under load');

const mark = 0x539;

/** Carries what the rules send it as the node's proxy does: marked, inbound in the client's name. */
async function carry(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  port: 15001 | 15006,
): Promise<void> {
  const { fd } = listenTcp({ host: '::', port, namespace, mark, transparent: true, backlog: 512 });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    const to = originalDestination(socket);
    const client = socket.remoteAddress?.replace('::ffff:', '');
    if (to === undefined || client === undefined) return socket.destroy();
    const spoof = port === 15006 ? { localAddress: client } : {};
    connectTcp({ host: to.address, port: to.port, namespace, mark, ...spoof }).then(
      (upstream) => {
        sockets.add(upstream.on('error', () => undefined));
        socket.pipe(upstream).pipe(socket);
        upstream.on('close', () => socket.destroy());
        socket.on('close', () => upstream.destroy());
      },
      () => socket.destroy(),
    );
    return undefined;
  });
  stack.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  server.listen({ fd });
  await once(server, 'listening');
}

/** What became of one connection: greeted, or ended. */
interface Attempt {
  state: 'waiting' | 'greeted' | 'ended';
  socket?: Socket;
}

function dialAll(
  stack: AsyncDisposableStack,
  from: NetworkNamespace,
  host: string,
): { attempts: Attempt[]; one: () => void } {
  const attempts: Attempt[] = [];
  const one = (): void => {
    const attempt: Attempt = { state: 'waiting' };
    attempts.push(attempt);
    connectTcp({ host, port: 8080, namespace: from, timeoutMs: 10_000 }).then(
      (socket) => {
        attempt.socket = socket;
        stack.defer(() => void socket.destroy());
        socket.on('data', () => (attempt.state = 'greeted'));
        for (const event of ['error', 'close', 'end']) {
          socket.on(event, () => (attempt.state = 'ended'));
        }
      },
      () => (attempt.state = 'ended'),
    );
  };
  return { attempts, one };
}

test('a connection made at any moment of an enrolment works or is ended, and none hangs', async ({
  stack,
}) => {
  const network = await makePodNetwork(stack);
  const { alpha, beta } = network;
  const folder = mkdtempSync(path.join(tmpdir(), 'cni-race-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  for (const port of [15001, 15006] as const) await carry(stack, alpha, port);
  for (const namespace of [alpha, beta]) {
    await serve(stack, 'app', { host: '::', port: 8080, namespace, backlog: 512 });
  }
  const members = stack.use(new Members());
  const nothing = async (): Promise<void> => undefined;
  const enrolment = new Enrolment({
    members,
    feed: { add: nothing, remove: nothing },
    probes: { set: nothing, remove: nothing },
    status: new RecordedStatus(),
    log: silentLogger,
    clock: systemClock,
  });
  const directions = [
    dialAll(stack, alpha, addresses.beta.ipv4),
    dialAll(stack, alpha, addresses.beta.ipv6),
    dialAll(stack, beta, addresses.alpha.ipv4),
    dialAll(stack, beta, addresses.alpha.ipv6),
  ];
  const all = () => directions.flatMap(({ attempts }) => attempts);
  const load = setInterval(() => {
    for (const { one } of directions) one();
  }, 1);
  stack.defer(() => clearInterval(load));
  await until(() => all().filter(({ state }) => state === 'greeted').length > 40, 'first traffic');
  const before = all().length;
  const netns = NetworkNamespace.open(network.paths.alpha);
  const joining = { pod: aPod(), netns, addresses: [], settings: usualSettings, reason: 'a test' };
  await enrolment.join(joining, AbortSignal.timeout(10_000));
  const joined = all().length;
  await until(() => all().length > joined + 40, 'traffic afterwards');
  clearInterval(load);
  await until(() => all().every(({ state }) => state !== 'waiting'), 'an end for every attempt');
  assert.ok(joined > before, 'connections were made meanwhile');

  // Those that seem to live must answer: one that was made past the proxy would not.
  const living = all().filter(({ state }) => state === 'greeted');
  const answered = new Set<Attempt>();
  for (const attempt of living) {
    attempt.socket?.once('data', () => answered.add(attempt));
    attempt.socket?.write('still there?');
  }
  await until(
    () => living.every((attempt) => answered.has(attempt) || attempt.state === 'ended'),
    'an answer or an end on every connection',
  );
  const last = all().slice(-1)[0];
  assert.is(last?.state, 'greeted');
  const old = directions.map(({ attempts }) => attempts[0]?.state);
  assert.equal(old, ['ended', 'ended', 'ended', 'ended']);
  const afterwards = directions.flatMap(({ attempts }) => attempts.slice(-5));
  assert.ok(
    afterwards.every(({ state }) => state === 'greeted'),
    'the newest go through',
  );
});

test.run();
