import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { ConnectionPool } from '../../src/mesh/destination.ts';
import {
  DestinationLoad,
  PoolOverflow,
  type SlotHolder,
} from '../../src/waypoint/destinations/destination-load.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a destination may have at a time');

const forever = new AbortController().signal;
const nothing = (): boolean => false;

function limited(limits: ConnectionPool) {
  const overflows: string[] = [];
  const load = new DestinationLoad((limit) => overflows.push(limit));
  load.limit(limits, 'DestinationRule default/r');
  return { load, overflows };
}

test('counts go up to the limit and down once', () => {
  const limits = { http2MaxRequests: 1, maxRetries: 1, http1MaxPendingRequests: 1 };
  const { load, overflows } = limited(limits);
  for (const enter of ['enterRequest', 'enterRetry', 'enterPending'] as const) {
    const first = load[enter]();
    assert.throws(
      () => load[enter](),
      (error: unknown) => error instanceof PoolOverflow,
    );
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    load[enter]()[Symbol.dispose]();
  }
  assert.equal(overflows, ['http2MaxRequests', 'maxRetries', 'http1MaxPendingRequests']);
  assert.equal(load.use, { connections: 0, pending: 0, requests: 0, retries: 0 });
});

test('slots go to those who wait in their order, and not to those who gave up', async () => {
  const { load } = limited({ maxConnections: 1 });
  const first = await load.slot(forever, nothing);
  const order: string[] = [];
  const wait = async (name: string, signal = forever): Promise<void> => {
    const slot = await load.slot(signal, nothing);
    order.push(name);
    slot?.release();
  };
  const impatient = new AbortController();
  const waits = [wait('a'), wait('b', impatient.signal), wait('c')];
  assert.throws(
    () => load.takeSlot(),
    /maxConnections of DestinationRule default\/r is reached \(1\)/,
  );
  impatient.abort(new Error('enough'));
  first?.release();
  first?.release();
  const outcomes = await Promise.allSettled(waits);
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(order, ['a', 'c']);
  assert.is(load.use.connections, 0);
});

test('a connection that is free again serves who waits for the like', async () => {
  const { load } = limited({ maxConnections: 1 });
  await load.slot(forever, nothing);
  const connection: SlotHolder = { isIdle: true, close: () => assert.unreachable() };
  const served: string[] = [];
  const wait = async (name: string): Promise<void> => {
    assert.is(await load.slot(forever, (offered) => offered === connection), undefined);
    served.push(name);
  };
  const waits = [wait('a'), wait('b'), wait('c')];
  for (const count of [1, 2, 3]) {
    load.offer(connection);
    await waits[count - 1];
    assert.is(served.length, count);
  }
  assert.equal(served, ['a', 'b', 'c']);
});

test('idle connections are closed for those who cannot use them, and no more than there are', async () => {
  const { load } = limited({ maxConnections: 2 });
  const closed: number[] = [];
  for (const number of [0, 1]) {
    const slot = await load.slot(forever, nothing);
    const connection: SlotHolder = {
      isIdle: true,
      close() {
        closed.push(number);
        load.forget(connection);
        slot?.release();
      },
    };
    load.offer(connection);
  }
  assert.equal(closed, []);
  assert.ok(await load.slot(forever, nothing));
  assert.equal(closed, [0]);
  const waiting = load.slot(forever, nothing);
  assert.ok(await waiting);
  assert.equal(closed, [0, 1]);
});

test('a raised limit serves those who wait', async () => {
  const { load } = limited({ maxConnections: 1 });
  await load.slot(forever, nothing);
  const waiting = load.slot(forever, nothing);
  load.limit({ maxConnections: 2 }, 'r');
  assert.ok(await waiting);
});

test('whatever comes, the limit holds, nobody is forgotten and the order is kept', async () => {
  const step = fc.record({
    act: fc.constantFrom('ask', 'release', 'give up', 'be idle'),
    which: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step), async (most, steps) => {
      const { load } = limited({ maxConnections: most });
      const held: SlotHolder[] = [];
      const waiting: AbortController[] = [];
      const served: number[] = [];
      let asked = 0;
      const ask = async (): Promise<void> => {
        const number = asked++;
        const patience = new AbortController();
        waiting.push(patience);
        const slot = await load.slot(patience.signal, nothing).catch(() => undefined);
        waiting.splice(waiting.indexOf(patience), 1);
        if (slot === undefined) return;
        served.push(number);
        const holder: SlotHolder = {
          isIdle: true,
          close() {
            const place = held.indexOf(holder);
            if (place >= 0) held.splice(place, 1);
            load.forget(holder);
            slot.release();
          },
        };
        held.push(holder);
      };
      for (const { act, which } of steps) {
        if (act === 'ask') void ask();
        if (act === 'release') held[which % (held.length || 1)]?.close();
        if (act === 'give up') waiting[which % (waiting.length || 1)]?.abort(new Error('enough'));
        const idle = held[which % (held.length || 1)];
        if (act === 'be idle' && idle !== undefined) load.offer(idle);
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(load.use.connections <= most);
        assert.is(load.use.connections, held.length);
        assert.ok(waiting.length === 0 || held.length === most);
      }
      while (held.length > 0) {
        held[0]?.close();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.is(waiting.length, 0);
      assert.equal(
        served,
        served.toSorted((left, right) => left - right),
      );
    }),
    { numRuns: 60 },
  );
});

test.run();
