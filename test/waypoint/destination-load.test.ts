import * as assert from 'uvu/assert';
import {
  DestinationLoad,
  PoolOverflow,
  type SlotHolder,
} from '../../src/waypoint/destinations/destination-load.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a destination may have at a time');

const forever = new AbortController().signal;
const nothing = (): boolean => false;

function limited(limits: NonNullable<DestinationLoad['pool']>) {
  const overflows: string[] = [];
  const load = new DestinationLoad((limit) => overflows.push(limit));
  load.pool = limits;
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
  assert.throws(() => load.takeSlot(), /maxConnections of the DestinationRule is reached \(1\)/);
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
  const waiting = load.slot(forever, (offered) => offered === connection);
  load.offer(connection);
  assert.is(await waiting, undefined);
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
  load.pool = { maxConnections: 2 };
  assert.ok(await waiting);
});

test.run();
