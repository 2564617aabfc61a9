import * as assert from 'uvu/assert';
import { emptySnapshot, publishable } from '../../src/controller/publish/resources.ts';
import { XdsServer } from '../../src/controller/publish/xds-server.ts';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { Subscription } from '../../src/dataplane/subscription.ts';
import { Demand, idleMs } from '../../src/dataplane/subscription-demand.ts';
import { subscribedKind } from '../../src/dataplane/subscription-kind.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { decodeAddress } from '../../src/wire/address.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { TestAuthority } from '../support/certificates.ts';
import { startController } from '../support/controller.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { serveXds } from '../support/xds.ts';

const test = suite('addresses on demand');

const web = aService('web', {
  addresses: [{ network: '', address: ipAddress('10.96.0.1') }],
  waypoint: {
    destination: { kind: 'hostname', namespace: 'default', hostname: 'way.example' },
    hbonePort: 15_008,
  },
});
const way = aService('way', { hostname: 'way.example' });
const at = (name: string, ip: string, key?: ReturnType<typeof keyOfService>) =>
  aWorkload(name, {
    addresses: [ipAddress(ip)],
    ...(key && { services: new Map([[key, []]]) }),
  });
const pods = [
  at('web-1', '10.0.0.1', keyOfService(web)),
  at('way-1', '10.0.0.2', keyOfService(way)),
  at('other', '10.0.0.3'),
];

function snapshotOf(workloads: readonly ReturnType<typeof at>[]) {
  return publishable({
    workloads: new Map(workloads.map((one) => [one.uid, one])),
    services: new Map([web, way].map((one) => [keyOfService(one), one])),
    authorizations: new Map(),
    serviceConfigs: new Map(),
    workloadLabels: new Map(),
  }).published;
}

/** A clock that can be moved on, and otherwise is the machine's. */
function movable(): Clock & { moved: number } {
  const clock = {
    ...systemClock,
    moved: 0,
    monotonic: (): number => systemClock.monotonic() + clock.moved,
  };
  return clock;
}

async function connected(stack: AsyncDisposableStack) {
  const clock = movable();
  const xds = new XdsServer({
    verifier: {
      verify: () => Promise.resolve({ namespace: 'istio-system', serviceAccount: 'ztunnel' }),
    },
    clock: systemClock,
    log: silentLogger,
  });
  const access = await serveXds(stack, xds);
  const state = new MeshState();
  const demand = stack.use(new Demand(clock));
  const kind = subscribedKind({
    typeUrl: typeUrls.address,
    decode: (_name, bytes) => decodeAddress(bytes),
    apply: (batch, turns) => state.loadAddresses(batch, turns),
    demand,
  });
  const subscription = new Subscription({
    ...access,
    node: { id: 'ztunnel~1~z~d', metadata: { NAMESPACE: 'istio-system' } },
    kinds: [kind],
    clock: systemClock,
    log: silentLogger,
  });
  stack.use(subscription).start();
  return { xds, state, demand, kind, clock };
}

test('knows nothing before, then the service asked for with its endpoints and its waypoint', async ({
  stack,
  signal,
}) => {
  const { xds, state, demand } = await connected(stack);
  xds.publish(snapshotOf(pods));
  const limit = { timeoutMs: 5_000, signal };
  assert.is(await demand.need('/10.96.0.1', limit), true);
  assert.is(state.serviceByAddress('', ipAddress('10.96.0.1'), 'x')?.name, 'web');
  const known = [...state.workloads()].map(({ name }) => name).sort();
  assert.equal(known, ['way-1', 'web-1']);
  assert.is(await demand.need('/10.0.0.3', limit), true);
  assert.is(state.workloadByAddress('', ipAddress('10.0.0.3'))?.name, 'other');
});

test('is told of what is not there, and of its coming', async ({ stack, signal }) => {
  const { xds, state, demand } = await connected(stack);
  xds.publish(emptySnapshot);
  assert.is(await demand.need('/10.0.0.3', { timeoutMs: 5_000, signal }), true);
  assert.is(state.workloadByAddress('', ipAddress('10.0.0.3')), undefined);
  const come = state.waitFor(() => state.workloadByAddress('', ipAddress('10.0.0.3')), {
    timeoutMs: 5_000,
    clock: systemClock,
    signal,
  });
  xds.publish(snapshotOf(pods));
  assert.is((await come)?.name, 'other');
});

test('gives up what is not used, and no longer holds what only that needed', async ({
  stack,
  signal,
}) => {
  const { xds, state, demand, clock } = await connected(stack);
  xds.publish(snapshotOf(pods));
  const limit = { timeoutMs: 5_000, signal };
  await demand.need('/10.96.0.1', limit);
  await demand.need('/10.0.0.3', limit);
  demand.keep([at('other', '10.0.0.3').uid]);
  clock.moved = idleMs;
  const gone = state.waitFor(() => (state.serviceByKey(keyOfService(web)) ? undefined : true), {
    timeoutMs: 5_000,
    clock: systemClock,
    signal,
  });
  demand.sweep();
  assert.is(await gone, true);
  assert.equal(
    [...state.workloads()].map(({ name }) => name),
    ['other'],
  );
  assert.equal([...demand.names()], [at('other', '10.0.0.3').uid]);
});

test('waits no longer than told, and asks for everything again on a new stream', async ({
  stack,
  signal,
}) => {
  const controller = await startController(stack, new TestAuthority());
  const demand = stack.use(new Demand(systemClock));
  const kind = subscribedKind({
    typeUrl: typeUrls.address,
    decode: (_name, bytes) => decodeAddress(bytes),
    apply: () => undefined,
    demand,
  });
  stack
    .use(
      new Subscription({
        ...controller.access,
        node: { id: 'ztunnel~1', metadata: {} },
        kinds: [kind],
        clock: systemClock,
        log: silentLogger,
      }),
    )
    .start();
  const first = await controller.nextRequest(() => true);
  assert.equal([first.subscribe, first.unsubscribe], [['*'], ['*']]);
  assert.is(await demand.need('/10.0.0.1', { timeoutMs: 1, signal }), false);
  const asked = await controller.nextRequest(({ subscribe }) => subscribe.includes('/10.0.0.1'));
  assert.is(asked.node, undefined);
  await controller.stop();
  await controller.restart();
  const again = await controller.nextRequest(({ initialVersions }) => initialVersions.size > 0);
  assert.equal([...again.initialVersions], [['/10.0.0.1', '']]);
  assert.equal([again.subscribe, again.unsubscribe], [['*'], ['*']]);
});

test.run();
