import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { feedDeadlineMs, maxQueuedUpdates } from '../../src/cni/agent/pod-feed-connection.ts';
import {
  acceptIntervalMs,
  type FeedEntry,
  PodFeedServer,
} from '../../src/cni/agent/pod-feed-server.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { SeqpacketSocket } from '../../src/linux/seqpacket.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { suite } from '../support/suite.ts';
import { FakeZtunnel, until } from './fake-ztunnel.ts';
import { aPod } from './pods.ts';

const test = suite('pod feed');

/** Deadlines come at once when the test says so; other waits are real. */
class DeadlineClock implements Clock {
  readonly now = (): number => systemClock.now();
  readonly monotonic = (): number => systemClock.monotonic();
  readonly #expire = new Set<() => void>();

  /** The way out of each wait between two connections, while they are held. */
  held: (() => void)[] | undefined;

  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms === acceptIntervalMs && this.held !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.held.push(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
      return await promise;
    }
    if (ms !== feedDeadlineMs) return await systemClock.wait(Math.min(ms, 1), signal);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#expire.add(resolve);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    await promise;
  }

  expire(): void {
    for (const resolve of this.#expire) resolve();
  }
}

interface Feed {
  readonly server: PodFeedServer;
  readonly file: string;
  readonly entries: FeedEntry[];
  readonly counts: number[];
  readonly clock: DeadlineClock;
  readonly netns: NetworkNamespace;
}

function startFeed(stack: AsyncDisposableStack, entries: FeedEntry[] = []): Feed {
  const folder = mkdtempSync(path.join(tmpdir(), 'cni-feed-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'ztunnel.sock');
  const counts: number[] = [];
  const clock = new DeadlineClock();
  const server = stack.use(
    new PodFeedServer({
      path: file,
      snapshot: () => entries,
      onConnections: (count) => counts.push(count),
      clock,
      log: silentLogger,
    }),
  );
  const netns = stack.use(NetworkNamespace.current());
  return { server, file, entries, counts, clock, netns };
}

async function codeFrom(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return codeOf(error);
  }
  return 'no error';
}

const soon = (): AbortSignal => AbortSignal.timeout(50);
const later = (): AbortSignal => AbortSignal.timeout(10_000);

test('sends the snapshot after hello, then what comes, each after the answer to the one before', async ({
  stack,
}) => {
  const feed = startFeed(stack);
  feed.entries.push(
    { pod: aPod({ uid: 'a' }), netns: feed.netns },
    { pod: aPod({ uid: 'b' }), netns: undefined },
  );
  const ztunnel = await FakeZtunnel.connect(stack, feed.file);
  await feed.server.add(aPod({ uid: 'c', name: 'c' }), feed.netns, later());
  await feed.server.remove('a');
  assert.equal(ztunnel.words, ['add a', 'keep b', 'snapshot-sent', 'add c', 'del a']);
  assert.is(ztunnel.namespaces.get('c'), feed.netns.id);
  assert.equal(ztunnel.requests[3], {
    kind: 'add',
    uid: 'c',
    name: 'c',
    namespace: 'shop',
    serviceAccount: 'cart-account',
  });
});

test('waits for a ztunnel to come, and says when none did', async ({ stack }) => {
  const feed = startFeed(stack);
  assert.is(await codeFrom(feed.server.add(aPod(), feed.netns, soon())), 'AMB1306');
  const adding = feed.server.add(aPod(), feed.netns, later());
  await FakeZtunnel.connect(stack, feed.file);
  await adding;
});

test('passes on why ztunnel refuses a pod, and keeps the connection', async ({ stack }) => {
  const feed = startFeed(stack);
  const ztunnel = await FakeZtunnel.connect(stack, feed.file);
  ztunnel.answer = ({ kind }) => (kind === 'add' ? 'port 15008 is taken' : '');
  const refused = feed.server.add(aPod(), feed.netns, later());
  assert.is(await codeFrom(refused), 'AMB1307');
  await refused.catch((error: unknown) => assert.match(String(error), /port 15008 is taken/));
  ztunnel.answer = () => '';
  await feed.server.add(aPod(), feed.netns, later());
  assert.equal(feed.counts, [1]);
});

test('gives up on a ztunnel that does not answer, and takes the next', async ({ stack }) => {
  const feed = startFeed(stack);
  const mute = await FakeZtunnel.connect(stack, feed.file);
  mute.answer = ({ kind }) => (kind === 'snapshot-sent' ? '' : undefined);
  const first = feed.server.add(aPod({ uid: 'first' }), feed.netns, later());
  const second = feed.server.add(aPod({ uid: 'second' }), feed.netns, later());
  await until(() => mute.words.includes('add first'), 'the first add');
  feed.clock.expire();
  assert.is(await codeFrom(first), 'AMB1307');
  assert.is(await codeFrom(second), 'AMB1306');
  await mute.done;
  assert.not.ok(mute.words.includes('add second'));
  await FakeZtunnel.connect(stack, feed.file);
  await feed.server.add(aPod(), feed.netns, later());
});

test('does not send what nobody waits for any more', async ({ stack }) => {
  const feed = startFeed(stack);
  const slow = await FakeZtunnel.connect(stack, feed.file);
  await until(() => slow.words.includes('snapshot-sent'), 'the snapshot');
  const held = Promise.withResolvers<void>();
  slow.answer = ({ kind }) => (kind === 'add' ? undefined : '');
  slow.onRequest = () => held.resolve();
  const first = feed.server.add(aPod({ uid: 'first' }), feed.netns, later());
  await held.promise;
  assert.is(await codeFrom(feed.server.add(aPod({ uid: 'late' }), feed.netns, soon())), 'AMB1307');
  const deleting = feed.server.remove('other');
  slow.socket.close();
  assert.is(await codeFrom(first), 'AMB1306');
  await deleting;
  assert.not.ok(slow.words.includes('add late'));
});

test('tells the newest of pods that join and all of pods that leave', async ({ stack }) => {
  const feed = startFeed(stack);
  const older = await FakeZtunnel.connect(stack, feed.file);
  await until(() => feed.counts.includes(1), 'the older');
  const newer = await FakeZtunnel.connect(stack, feed.file);
  await until(() => feed.counts.includes(2), 'the newer');
  await feed.server.add(aPod({ uid: 'x' }), feed.netns, later());
  await feed.server.remove('y');
  assert.equal(older.words, ['snapshot-sent', 'del y']);
  assert.equal(newer.words, ['snapshot-sent', 'add x', 'del y']);
  newer.socket.close();
  await until(() => feed.counts.at(-1) === 1, 'the newer to be missed');
  await feed.server.add(aPod({ uid: 'z' }), feed.netns, later());
  assert.ok(older.words.includes('add z'));
});

test('drops whoever does not begin with hello, or speaks unasked', async ({ stack }) => {
  const feed = startFeed(stack);
  const rude = await FakeZtunnel.connect(stack, feed.file, Uint8Array.of(0xff, 0xff));
  await rude.done;
  const silent = await SeqpacketSocket.connect(feed.file);
  stack.defer(() => silent.close());
  const waiting = silent.receive();
  let ended = false;
  const expiring = until(() => {
    feed.clock.expire();
    return ended;
  }, 'the end of the silent one');
  assert.is(await waiting, undefined);
  ended = true;
  await expiring;
  assert.equal(feed.counts, []);

  const chatty = await FakeZtunnel.connect(stack, feed.file);
  await until(() => chatty.words.includes('snapshot-sent'), 'the snapshot');
  await chatty.socket.send(Uint8Array.of(0x0a, 0x00));
  await chatty.done;
  await until(() => feed.counts.at(-1) === 0, 'the chatty to be gone');
});

test('gives each ztunnel a snapshot of its own, with what joined meanwhile', async ({ stack }) => {
  const feed = startFeed(stack);
  feed.entries.push({ pod: aPod({ uid: 'a' }), netns: feed.netns });
  const older = await FakeZtunnel.connect(stack, feed.file);
  await until(() => older.words.includes('snapshot-sent'), 'the first snapshot');
  feed.entries.push({ pod: aPod({ uid: 'b' }), netns: undefined });
  const newer = await FakeZtunnel.connect(stack, feed.file);
  await until(() => newer.words.includes('snapshot-sent'), 'the second snapshot');
  assert.equal(older.words, ['add a', 'snapshot-sent']);
  assert.equal(newer.words, ['add a', 'keep b', 'snapshot-sent']);
});

test('goes on with the snapshot when ztunnel refuses one of it', async ({ stack }) => {
  const feed = startFeed(stack);
  for (const uid of ['a', 'b']) feed.entries.push({ pod: aPod({ uid }), netns: feed.netns });
  const ztunnel = await FakeZtunnel.connect(stack, feed.file);
  ztunnel.answer = (request) => ('uid' in request && request.uid === 'a' ? 'no' : '');
  await until(() => ztunnel.words.includes('snapshot-sent'), 'the snapshot');
  assert.equal(ztunnel.words, ['add a', 'add b', 'snapshot-sent']);
});

test('takes at most five ztunnels a second', async ({ stack }) => {
  const feed = startFeed(stack);
  assert.is(acceptIntervalMs, 1_000 / 5);
  feed.clock.held = [];
  const first = await FakeZtunnel.connect(stack, feed.file);
  const second = await FakeZtunnel.connect(stack, feed.file);
  await until(() => first.words.includes('snapshot-sent'), 'the first');
  await until(() => feed.clock.held?.length === 1, 'the pause');
  assert.equal(second.words, []);
  feed.clock.held.shift()?.();
  await until(() => second.words.includes('snapshot-sent'), 'the second');
});

test('lets only so many changes wait for one ztunnel', async ({ stack }) => {
  const feed = startFeed(stack);
  const slow = await FakeZtunnel.connect(stack, feed.file);
  await until(() => slow.words.includes('snapshot-sent'), 'the snapshot');
  slow.answer = () => undefined;
  const waiting = Array.from({ length: maxQueuedUpdates }, (_, index) =>
    codeFrom(feed.server.add(aPod({ uid: `${index}` }), feed.netns, later())),
  );
  await until(() => slow.words.includes('add 0'), 'the first');
  assert.is(await codeFrom(feed.server.add(aPod({ uid: 'more' }), feed.netns, later())), 'AMB1307');
  slow.socket.close();
  assert.equal(new Set(await Promise.all(waiting)), new Set(['AMB1306']));
});

test('closes what a ztunnel sends along, and ends one whose answer cannot be read', async ({
  stack,
}) => {
  const feed = startFeed(stack);
  const odd = await FakeZtunnel.connect(stack, feed.file);
  await until(() => odd.words.includes('snapshot-sent'), 'the snapshot');
  odd.answer = () => undefined;
  const before = readdirSync('/proc/self/fd').length;
  const adding = codeFrom(feed.server.add(aPod({ uid: 'x' }), feed.netns, later()));
  await until(() => odd.words.includes('add x'), 'the pod');
  await odd.socket.send(Uint8Array.of(0x0a, 0xff), [feed.netns.fd]);
  assert.is(await adding, 'AMB1312');
  await odd.done;
  assert.ok(readdirSync('/proc/self/fd').length <= before);
});

test.run();
