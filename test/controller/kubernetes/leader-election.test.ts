import * as assert from 'uvu/assert';
import {
  LeaderElection,
  leaseMs,
  renewWithinMs,
  retryMs,
} from '../../../src/controller/kubernetes/leader-election.ts';
import type { Logger } from '../../../src/runtime/log.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import type { ApiServer } from '../../../src/standalone/api/api-server.ts';
import { suite } from '../../support/suite.ts';
import { ApiFront } from '../api-front.ts';
import { LeapingClock } from '../leaping-clock.ts';
import { eventually, startApi } from '../running-controller.ts';

const test = suite('the election of the replica that writes');

const leases = 'coordination.k8s.io/leases';

interface Replica {
  readonly election: LeaderElection;
  readonly clock: LeapingClock;
  readonly front: ApiFront;
}

/** A replica with a clock and a way to the API server of its own. */
async function replica(
  stack: AsyncDisposableStack,
  api: ApiServer,
  identity: string,
  log: Logger = silentLogger,
): Promise<Replica> {
  const front = stack.use(await ApiFront.open(api));
  const client = stack.use(front.client());
  const clock = new LeapingClock();
  const election = stack.use(
    new LeaderElection({
      client,
      clock,
      log,
      namespace: 'istio-system',
      name: 'ambit-leader',
      identity,
      random: () => 0.5,
      onTerm: () => undefined,
    }),
  );
  election.start();
  return { election, clock, front };
}

const leading = (one: Replica) =>
  eventually(`${one.election.identity} leads`, () => one.election.term);

/** Lets a replica look at the Lease once more. */
async function look({ clock, front }: Replica): Promise<void> {
  const before = front.count(/GET .*\/leases\/ambit-leader/);
  clock.leap(retryMs);
  await eventually(
    'a look at the Lease',
    () => front.count(/GET .*\/leases\/ambit-leader/) > before || undefined,
  );
}

test('one of three leads, and when it ends another follows without waiting', async ({ stack }) => {
  const api = await startApi(stack);
  const first = await replica(stack, api, 'first');
  await leading(first);
  const others = [await replica(stack, api, 'second'), await replica(stack, api, 'third')];
  for (const one of others) {
    await eventually('who leads', () => one.election.holder === 'first' || undefined);
    await look(one);
    assert.is(one.election.term, undefined);
  }
  await first.election[Symbol.asyncDispose]();
  assert.is(first.election.term, undefined);
  // No clock was moved: what wakes them is the change of the Lease.
  const next = await eventually('a successor', () => others.find(({ election }) => election.term));
  const { holderIdentity, leaseTransitions } = spec(api);
  assert.is(holderIdentity, next.election.identity);
  assert.is(leaseTransitions, 2);
});

test('a leader that is gone without a word is followed after its time by the clock of who waits', async ({
  stack,
}) => {
  const api = await startApi(stack);
  api.store.create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'ambit-leader', namespace: 'istio-system' },
    // By its own account it holds until the end of the century.
    spec: {
      holderIdentity: 'gone',
      leaseDurationSeconds: 15,
      renewTime: '2099-01-01T00:00:00.000000Z',
    },
  });
  const one = await replica(stack, api, 'patient');
  await eventually('who leads', () => one.election.holder === 'gone' || undefined);
  await look(one);
  one.clock.leap(leaseMs - 3 * retryMs);
  await look(one);
  assert.is(one.election.term, undefined);
  one.clock.leap(leaseMs);
  await leading(one);
});

test('a leader whose clock is wrong is not followed as long as it renews', async ({ stack }) => {
  const api = await startApi(stack);
  const first = await replica(stack, api, 'first');
  await leading(first);
  const second = await replica(stack, api, 'second');
  // To the second, all that the first writes is a day old.
  second.clock.leap(86_400_000);
  await eventually('who leads', () => second.election.holder === 'first' || undefined);
  for (let round = 0; round < 4; round++) {
    await look(second);
    const version = spec(api).renewTime;
    await look(first);
    await eventually('a renewal', () => spec(api).renewTime !== version || undefined);
    second.clock.leap(leaseMs / 2);
  }
  await look(second);
  assert.is(second.election.term, undefined);
  assert.ok(first.election.term);
});

test('who cannot renew stops before others may begin', async ({ stack }) => {
  assert.ok(renewWithinMs < leaseMs);
  const api = await startApi(stack);
  const one = await replica(stack, api, 'lonely');
  const term = await leading(one);
  one.front.intercept = () => 'silence';
  one.clock.leap(renewWithinMs - 1000);
  assert.ok(term.isHeld());
  one.clock.leap(1000);
  assert.not(term.isHeld());
  assert.is(one.election.term, undefined);
  await eventually('the end of the term', () => term.signal.aborted || undefined);
  one.front.intercept = () => undefined;
  one.front.cut();
  await leading(one);
  assert.not(term.isHeld());
});

test('a process that stood still for a minute does not write when it wakes', async ({ stack }) => {
  const api = await startApi(stack);
  const one = await replica(stack, api, 'sleepy');
  const term = await leading(one);
  // Everything in it is late at once: no timer has run yet.
  one.clock.leap(60_000);
  assert.not(term.isHeld());
  assert.is(one.election.term, undefined);
});

test('a replica that may not use Leases says so once, and leads when it may', async ({ stack }) => {
  const codes: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (fields: object) => codes.push((fields as { code?: string }).code),
  };
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  front.intercept = (_method, url) => (url.includes('/leases') ? { status: 403 } : undefined);
  const client = stack.use(front.client());
  const clock = new LeapingClock();
  const election = stack.use(
    new LeaderElection({
      client,
      clock,
      log,
      namespace: 'istio-system',
      name: 'ambit-leader',
      identity: 'refused',
      onTerm: () => undefined,
    }),
  );
  election.start();
  const one = { election, clock, front };
  await look(one);
  await look(one);
  assert.equal(codes, ['AMB1667']);
  front.intercept = () => undefined;
  clock.leap(2 * retryMs);
  await leading(one);
});

test.run();

interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseTransitions: number;
  readonly renewTime: string;
}

function spec(api: ApiServer): LeaseSpec {
  return api.store.get(leases, 'istio-system', 'ambit-leader')?.['spec'] as LeaseSpec;
}
