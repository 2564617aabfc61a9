import * as assert from 'uvu/assert';
import type { OutlierDetection } from '../../src/mesh/destination.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { serve } from './application.ts';
import { startClient } from './client-session.ts';
import { serviceOf, startApp, startWaypoint, type WaypointUnderTest } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('outlier detection at a waypoint');

const detection: OutlierDetection = {
  consecutive5xxErrors: 5,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 1_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
};

function detect(
  waypoint: WaypointUnderTest,
  changes: Partial<OutlierDetection> = {},
  protocol: ServicePort['appProtocol'] = 'http11',
): void {
  const service = keyOfService(serviceOf('reviews', protocol));
  const retries = { attempts: 0, retryOn: '' };
  waypoint.configure({
    service,
    routes: [{ origin: 'r', matches: [], backends: [{ service, weight: 1 }], retries }],
    destination: {
      origin: 'DestinationRule default/r',
      subsets: [],
      policy: {
        loadBalancer: { simple: 'ROUND_ROBIN' },
        outlierDetection: { ...detection, ...changes },
      },
    },
  });
}

/** Endpoints that answer with these statuses, which may be changed; 0 breaks the connection off. */
async function scene(
  stack: AsyncDisposableStack,
  statuses: number[],
  changes: Partial<OutlierDetection> = {},
) {
  const clock = new ManualClock();
  const waypoint = await startWaypoint(stack, { clock });
  const asked = statuses.map(() => 0);
  for (const index of statuses.keys()) {
    const app = await startApp(stack, (request, response) => {
      asked[index]!++;
      const status = statuses[index]!;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end();
    });
    serve(waypoint, app.port);
  }
  detect(waypoint, changes);
  const client = await startClient(stack, waypoint);
  const send = async (count: number): Promise<number[]> => {
    asked.fill(0);
    for (let sent = 0; sent < count; sent++) await client();
    return [...asked];
  };
  return { clock, waypoint, send, client };
}

test('five errors leave an endpoint out, until its time has passed', async ({ stack }) => {
  const statuses = [500, 200];
  const { clock, waypoint, send } = await scene(stack, statuses);
  assert.equal(await send(10), [5, 5]);
  assert.equal(await send(20), [0, 20]);
  const [summary] = waypoint.destinations.summaries();
  assert.equal(
    summary?.ejected.map(({ uid, reason, forMs }) => [uid, reason, forMs]),
    [['Kubernetes//Pod/default/reviews-0', 'errors in a row: 5', 30_000]],
  );
  assert.match(
    waypoint.records.at(-1)?.verdict.reason ?? '',
    /left out: reviews-0 \(errors in a row: 5\)/,
  );
  const text = await waypoint.registry.text();
  const labels =
    'destination_service="default/reviews.default.svc.cluster.local",subset="",port="9080"';
  assert.ok(text.includes(`ambit_waypoint_ejections_total{${labels},result="ejected"} 1\n`));
  assert.ok(text.includes(`ambit_waypoint_ejected_endpoints{${labels}} 1\n`));
  statuses[0] = 200;
  for (let second = 0; second < 30; second++) {
    await clock.waited(1_000);
    if (second === 29) assert.equal(await send(4), [0, 4]);
    clock.advance(1_000);
  }
  await clock.waited(1_000);
  assert.equal(await send(10), [5, 5]);
  assert.not.match(waypoint.records.at(-1)?.verdict.reason ?? '', /left out/);
});

test('only so many are left out, and the others are counted anew', async ({ stack }) => {
  const { waypoint, send } = await scene(stack, [500, 500, 500, 200]);
  await send(20);
  const asked = await send(20);
  assert.is(asked.filter((count) => count === 0).length, 2);
  const text = await waypoint.registry.text();
  assert.match(text, /result="spared"\} [1-9]/);
});

test('when all are left out requests are answered 503 with the reason', async ({
  stack,
  signal,
}) => {
  const { waypoint, send, client } = await scene(stack, [500], { consecutive5xxErrors: 1 });
  await send(1);
  await waypoint.nextRecord(signal);
  const { status, headers } = await client();
  assert.is(status, 503);
  assert.match(headers['ambit-decision'] as string, 'AMB1721');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.http?.flags, 'UH');
  assert.match(record.verdict.reason, 'left out: reviews-0 (errors in a row: 1)');
});

test('below minHealthPercent all are used', async ({ stack }) => {
  const changes = { consecutive5xxErrors: 1, maxEjectionPercent: 100, minHealthPercent: 60 };
  const { waypoint, send } = await scene(stack, [500, 200], changes);
  await send(2);
  assert.is(waypoint.destinations.summaries()[0]?.ejected.length, 1);
  assert.equal(await send(10), [5, 5]);
});

test('connections that break off are failures without an answer', async ({ stack }) => {
  const changes = {
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailures: 2,
    consecutive5xxErrors: 1,
  };
  const statuses = [0, 200];
  const { waypoint, send } = await scene(stack, statuses, changes);
  await send(4);
  assert.match(waypoint.destinations.summaries()[0]?.ejected[0]?.reason ?? '', /without an answer/);
  assert.equal(await send(6), [0, 6]);
});

test('a change of the rule to none lets all in again', async ({ stack }) => {
  const { waypoint, send } = await scene(stack, [500, 200], { consecutive5xxErrors: 1 });
  await send(2);
  assert.equal(await send(4), [0, 4]);
  const service = keyOfService(serviceOf('reviews'));
  const policy = { loadBalancer: { simple: 'ROUND_ROBIN' } } as const;
  waypoint.configure({ service, routes: [], destination: { origin: 'r', subsets: [], policy } });
  const asked = await send(20);
  assert.ok(asked.every((count) => count > 0));
});

test('TCP connections that cannot be made count', async ({ stack, signal }) => {
  const waypoint = await startWaypoint(stack, { clock: new ManualClock() });
  const { server, port } = await startApp(stack, () => undefined);
  serve(waypoint, port, 'tcp');
  server.close();
  detect(waypoint, { consecutive5xxErrors: 2 }, 'tcp');
  for (const code of ['AMB1706', 'AMB1706', 'AMB1721']) {
    const opened = await waypoint.connect('10.96.0.20:9080');
    assert.is(opened.kind, 'refused');
    assert.is((await waypoint.nextRecord(signal)).verdict.code, code);
  }
});

test.run();
