import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { SeqpacketServer, type SeqpacketSocket } from '../../src/linux/seqpacket.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import {
  decodeZdsAck,
  decodeZdsHello,
  encodeZdsRequest,
  type ZdsRequest,
} from '../../src/wire/zds.ts';
import { followPodFeed } from '../../src/ztunnel/pods/pod-feed-client.ts';
import { PodSet } from '../../src/ztunnel/pods/pod-set.ts';
import { suite } from '../support/suite.ts';

const test = suite('pod feed');

/** Waits shortly, whatever was asked. */
const hurriedClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  wait: (_ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, 5);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};

const pod = (uid: string): ZdsRequest & { kind: 'add' } => ({
  kind: 'add',
  uid,
  name: `name-${uid}`,
  namespace: 'default',
  serviceAccount: 'sa',
});

/** A node agent that the test drives. */
class Agent {
  readonly socket: SeqpacketSocket;

  constructor(socket: SeqpacketSocket) {
    this.socket = socket;
  }

  /** Sends one request and answers what the proxy said: empty when all is well. */
  async ask(
    request: ZdsRequest | Uint8Array,
    namespaces = 0,
    which: number | 'self' = 'self',
  ): Promise<string | undefined> {
    const file = which === 'self' ? '/proc/self/ns/net' : `/proc/self/fd/${which}`;
    const descriptors = Array.from({ length: namespaces }, () => openSync(file, 'r'));
    try {
      const bytes = request instanceof Uint8Array ? request : encodeZdsRequest(request);
      await this.socket.send(bytes, descriptors);
    } finally {
      for (const descriptor of descriptors) closeSync(descriptor);
    }
    const answer = await this.socket.receive();
    if (answer === undefined) return undefined;
    const ack = decodeZdsAck(answer.bytes);
    return ack.kind === 'ok' ? ack.value.error : ack.problem;
  }
}

interface Started {
  readonly pods: PodSet;
  readonly synced: boolean[];
  readonly ended: string[];
  /** Pods that can not be started. */
  readonly broken: Set<string>;
  /** The next connection of the proxy, past its hello. */
  connection(): Promise<Agent>;
}

function start(stack: AsyncDisposableStack): Started {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-zds-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = path.join(folder, 'ztunnel.sock');
  const ended: string[] = [];
  const broken = new Set<string>();
  const served = (uid: string, network: NetworkNamespace) => ({
    networkId: network.id,
    connections: 0,
    drain: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => {
      ended.push(uid);
      network[Symbol.dispose]();
      return Promise.resolve();
    },
  });
  const pods = stack.use(
    new PodSet({
      start: ({ uid }, network) => {
        if (broken.has(uid)) throw new AmbitError('AMB1418', 'port 15001');
        return served(uid, network);
      },
      onChange: () => undefined,
      clock: hurriedClock,
      log: silentLogger,
    }),
  );
  const server = stack.use(SeqpacketServer.listen(socketPath));
  const end = new AbortController();
  const synced: boolean[] = [];
  const following = followPodFeed(
    {
      path: socketPath,
      pods,
      onSynced: (value) => synced.push(value),
      clock: hurriedClock,
      log: silentLogger,
    },
    end.signal,
  );
  stack.defer(async () => {
    end.abort(new Error('the test is over'));
    await following;
  });
  const connection = async (): Promise<Agent> => {
    const socket = await server.accept();
    if (socket === undefined) throw new Error('the server was closed');
    stack.defer(() => socket.close());
    const hello = await socket.receive();
    assert.equal(decodeZdsHello(hello!.bytes), { kind: 'ok', value: 1 });
    return new Agent(socket);
  };
  return { pods, synced, ended, broken, connection };
}

const uids = ({ pods }: Started): string[] => pods.list().map((one) => one.pod.uid);

test('takes the snapshot, then single pods, and acknowledges each', async ({ stack }) => {
  const started = start(stack);
  const agent = await started.connection();
  assert.is(await agent.ask(pod('a'), 1), '');
  assert.is(await agent.ask({ kind: 'keep', uid: 'unknown' }), '');
  assert.equal(started.synced, []);
  assert.is(await agent.ask({ kind: 'snapshot-sent' }), '');
  assert.is(await agent.ask(pod('b'), 1), '');
  assert.equal(uids(started), ['a', 'b']);
  assert.is(await agent.ask({ kind: 'del', uid: 'a' }), '');
  assert.is(await agent.ask({ kind: 'del', uid: 'never seen' }), '');
  assert.equal(uids(started), ['b']);
  assert.equal(started.ended, ['a']);
  assert.ok(started.synced.length > 0 && started.synced.every(Boolean));
});

test('does nothing for a pod that it serves already', async ({ stack }) => {
  const started = start(stack);
  const agent = await started.connection();
  await agent.ask(pod('a'), 1);
  await agent.ask({ kind: 'snapshot-sent' });
  assert.is(await agent.ask(pod('a'), 1), '');
  assert.equal(started.ended, []);
});

test('keeps serving while the agent is away, and drops what its next snapshot does not name', async ({
  stack,
}) => {
  const started = start(stack);
  const first = await started.connection();
  for (const uid of ['a', 'b', 'c']) await first.ask(pod(uid), 1);
  await first.ask({ kind: 'snapshot-sent' });
  first.socket.close();
  const second = await started.connection();
  assert.equal(uids(started), ['a', 'b', 'c']);
  assert.is(started.synced.at(-1), false);
  await second.ask({ kind: 'keep', uid: 'a' });
  await second.ask(pod('b'), 1);
  await second.ask({ kind: 'snapshot-sent' });
  assert.equal(uids(started), ['a', 'b']);
  assert.equal(started.ended, ['c']);
  assert.is(started.synced.at(-1), true);
});

test('refuses a pod that can not be started, keeps wanting it, and starts it later', async ({
  stack,
  signal,
}) => {
  const started = start(stack);
  const agent = await started.connection();
  started.broken.add('a');
  assert.match((await agent.ask(pod('a'), 1)) ?? '', /AMB1418/);
  assert.is(await agent.ask(pod('b'), 1), '');
  assert.is(await agent.ask({ kind: 'snapshot-sent' }), '');
  assert.is(started.pods.pending, 1);
  started.broken.clear();
  while (started.pods.pending > 0) await hurriedClock.wait(0, signal);
  assert.equal(
    started.pods.list().map(({ state }) => state),
    ['Up', 'Up'],
  );
});

test('starts a pod anew in another namespace, and ends its service in the old one', async ({
  stack,
}) => {
  const started = start(stack);
  const agent = await started.connection();
  await agent.ask(pod('a'), 1);
  await agent.ask({ kind: 'snapshot-sent' });
  const file = `/run/netns/zds-${process.pid}-other`;
  stack.defer(() => removeNamespaceMount(file));
  using other = NetworkNamespace.create(file);
  assert.is(await agent.ask(pod('a'), 1, other.fd), '');
  assert.equal(started.ended, ['a']);
  assert.equal(uids(started), ['a']);
});

test('forgets a pod that leaves before the snapshot is whole', async ({ stack }) => {
  const started = start(stack);
  const agent = await started.connection();
  started.broken.add('b');
  await agent.ask(pod('a'), 1);
  await agent.ask(pod('b'), 1);
  assert.is(await agent.ask({ kind: 'del', uid: 'a' }), '');
  assert.is(await agent.ask({ kind: 'del', uid: 'b' }), '');
  assert.is(started.pods.pending, 0);
  await agent.ask({ kind: 'snapshot-sent' });
  assert.equal(uids(started), []);
});

const violations: readonly (readonly [string, ZdsRequest | Uint8Array, number])[] = [
  ['a pod without its namespace', pod('x'), 0],
  ['a namespace without a pod', { kind: 'keep', uid: 'x' }, 1],
  ['bytes that say nothing', Buffer.from('ff', 'hex'), 0],
];

for (const [what, request, namespaces] of violations) {
  test(`answers ${what} with what is wrong and starts over`, async ({ stack }) => {
    const started = start(stack);
    const agent = await started.connection();
    const before = readdirSync('/proc/self/fd').length;
    assert.match((await agent.ask(request, namespaces)) ?? '', /AMB1419/);
    assert.is(await agent.socket.receive(), undefined);
    const again = await started.connection();
    assert.is(await again.ask(pod('a'), 1), '');
    assert.is(await again.ask({ kind: 'snapshot-sent' }), '');
    assert.equal(uids(started), ['a']);
    // One descriptor for the pod; nothing of what was refused stays open.
    assert.ok(readdirSync('/proc/self/fd').length <= before + 2);
  });
}

for (const [what, late] of [
  ['a second end of the snapshot', { kind: 'snapshot-sent' }],
  ['a keep after the snapshot', { kind: 'keep', uid: 'a' }],
] as const) {
  test(`answers ${what} with what is wrong and starts over`, async ({ stack }) => {
    const started = start(stack);
    const agent = await started.connection();
    await agent.ask(pod('a'), 1);
    await agent.ask({ kind: 'snapshot-sent' });
    assert.match((await agent.ask(late)) ?? '', /AMB1419/);
    await started.connection();
    assert.equal(uids(started), ['a']);
  });
}

test.run();
