import * as assert from 'uvu/assert';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { Demand } from '../../src/dataplane/subscription-demand.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { needDestination } from '../../src/ztunnel/proxy/need-destination.ts';
import type { PodContext, ProxyParts } from '../../src/ztunnel/proxy/proxy-parts.ts';
import { publish } from '../support/mesh-state.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a destination takes to be known');

const destination = { address: ipAddress('10.96.0.1'), port: 80 };
const web = aService('web', {
  addresses: [{ network: '', address: destination.address }],
  waypoint: {
    destination: { kind: 'hostname', namespace: 'default', hostname: 'way.example' },
    hbonePort: 15_008,
  },
});

function asking(stack: AsyncDisposableStack, signal: AbortSignal, clock: Clock) {
  const state = new MeshState();
  const demand = stack.use(new Demand(clock));
  const parts = { demand, state, network: '' } as unknown as ProxyParts;
  const context = { end: signal } as PodContext;
  return { state, demand, ask: () => needDestination(parts, context, aWorkload('a'), destination) };
}

test('waits for the address, then for the waypoint that it leads to', async ({ stack, signal }) => {
  const { state, demand, ask } = asking(stack, signal, systemClock);
  const asked: string[] = [];
  demand.connect(({ subscribe }) => {
    asked.push(...subscribe);
    queueMicrotask(() => {
      publish(state, { services: [web] });
      demand.answered(subscribe);
    });
  }, new Map());
  assert.is(await ask(), true);
  assert.equal(asked, ['/10.96.0.1', 'default/way.example']);
  assert.is(await ask(), true);
  assert.is(asked.length, 2);
});

test('says where the controller has not answered in time, so that nothing passes in plain text', async ({
  stack,
  signal,
}) => {
  // The names are swept on the machine's clock; only waiting for an answer is hurried.
  const { demand, ask } = asking(stack, signal, {
    ...systemClock,
    wait: (ms, end) => (ms > 5_000 ? systemClock.wait(ms, end) : Promise.resolve()),
  });
  assert.is(await ask(), false);
  assert.equal([...demand.names()], ['/10.96.0.1']);
});

test('asks for nothing where all is told', async ({ signal }) => {
  const parts = { state: new MeshState(), network: '' } as unknown as ProxyParts;
  const context = { end: signal } as PodContext;
  assert.is(await needDestination(parts, context, aWorkload('a'), destination), true);
});

test.run();
