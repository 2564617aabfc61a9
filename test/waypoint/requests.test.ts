import * as assert from 'uvu/assert';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { ask, serviceOf, startApp, startWaypoint, traceId, workloadAt } from './fixture.ts';

const test = suite('requests through a waypoint');

const reviews = serviceOf('reviews');
const service = keyOfService(reviews);
const route = (changes: Partial<HttpRoute>): HttpRoute => ({
  origin: 'VirtualService default/reviews http[0]',
  matches: [],
  backends: [{ service, weight: 1 }],
  ...changes,
});
const destination = {
  origin: 'DestinationRule default/reviews',
  subsets: ['v1', 'v2', 'v3'].map((name) => ({ name, labels: { version: name } })),
};

/** A waypoint before versions v1, v2 and v3 of reviews, each of which answers with its name. */
async function startReviews(
  stack: AsyncDisposableStack,
  options: Parameters<typeof startWaypoint>[1] = {},
) {
  const waypoint = await startWaypoint(stack, options);
  waypoint.mesh.services.push(reviews);
  const labels = new Map();
  for (const version of ['v1', 'v2', 'v3']) {
    const workload = workloadAt(`reviews-${version}`);
    const app = await startApp(stack, (request, response) => {
      response.setHeader('x-path', request.url ?? '');
      response.setHeader('x-host', request.headers.host ?? '');
      response.end(version);
    });
    waypoint.mesh.add(reviews, workload, app.port);
    labels.set(workload.uid, { uid: workload.uid, labels: { app: 'reviews', version } });
  }
  waypoint.table.applyLabels({ updated: labels, removed: [] });
  waypoint.configure({ service, routes: [], destination });
  return waypoint;
}

test('a service without routes is reached, and one record tells who, what and how', async ({
  stack,
  signal,
}) => {
  const waypoint = await startReviews(stack);
  const answer = await ask(await waypoint.open(), { path: '/reviews/1?x=y' });
  assert.is(answer.status, 200);
  assert.is(answer.headers['x-path'], '/reviews/1?x=y');
  assert.is(answer.headers['x-host'], 'reviews:9080');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.traceId, traceId);
  assert.is(record.by, 'waypoint/default/waypoint');
  assert.is(record.verdict.outcome, 'forwarded');
  assert.is(record.verdict.reason, 'the service has no routes');
  assert.is(record.transport, 'tunnel');
  assert.is(record.source.identity, 'spiffe://cluster.local/ns/default/sa/client');
  assert.is(record.destination.service, service);
  assert.is(record.destination.workload, `reviews-${answer.body.toString()}`);
  assert.is(record.configVersion, 'c0ffee');
  assert.is(record.bytesReceived, 2);
  const { method, authority, path, status, attempts } = record.http ?? {};
  assert.equal([method, authority, path, status], ['GET', 'reviews:9080', '/reviews/1?x=y', 200]);
  assert.equal(
    attempts?.map((one) => [one.workload, one.status]),
    [[record.destination.workload, 200]],
  );
});

test('the way on shows the own certificate and carries the trace of the client', async ({
  stack,
}) => {
  const waypoint = await startReviews(stack);
  await ask(await waypoint.open());
  const [arrived] = waypoint.arrived;
  assert.is(arrived?.peerIdentity, 'spiffe://cluster.local/ns/default/sa/waypoint');
  assert.match(arrived?.headers.get('traceparent') ?? '', traceId);
});

test('the endpoint sees a proper end when the client has gone', async ({ stack }) => {
  const waypoint = await startReviews(stack);
  const stream = await waypoint.open();
  await ask(stream);
  stream.destroy();
  assert.is(await waypoint.ends[0], undefined);
});

test('a header decides the route, and the record names it', async ({ stack, signal }) => {
  const waypoint = await startReviews(stack);
  waypoint.configure({
    service,
    destination,
    routes: [
      route({
        matches: [{ headers: [{ name: 'end-user', match: { exact: 'jason' } }] }],
        backends: [{ service, subset: 'v2', weight: 1 }],
      }),
      route({
        origin: 'VirtualService default/reviews http[1]',
        backends: [{ service, subset: 'v1', weight: 1 }],
      }),
    ],
  });
  const jason = await ask(await waypoint.open(), { headers: { 'end-user': 'jason' } });
  assert.is(jason.body.toString(), 'v2');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.route, 'VirtualService default/reviews http[0]');
  assert.match(record.verdict.reason, 'header end-user is "jason"');
  const other = await ask(await waypoint.open());
  assert.is(other.body.toString(), 'v1');
});

test('weights share requests out', async ({ stack }) => {
  let state = 42;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const waypoint = await startReviews(stack, { random });
  waypoint.configure({
    service,
    destination,
    routes: [
      route({
        backends: [
          { service, subset: 'v1', weight: 80 },
          { service, subset: 'v3', weight: 20 },
        ],
      }),
    ],
  });
  const counts = new Map<string, number>();
  for (let index = 0; index < 100; index++) {
    const { body } = await ask(await waypoint.open());
    counts.set(body.toString(), (counts.get(body.toString()) ?? 0) + 1);
  }
  assert.is((counts.get('v1') ?? 0) + (counts.get('v3') ?? 0), 100);
  assert.ok(Math.abs((counts.get('v3') ?? 0) - 20) <= 8, `v3 got ${counts.get('v3')}`);
});

test('a denied method gets 403 with the policy in the record', async ({ stack, signal }) => {
  const waypoint = await startReviews(stack);
  const policies = [
    {
      namespace: 'default',
      name: 'read-only',
      action: 'ALLOW',
      rules: [{ to: [{ methods: ['GET'], paths: ['/reviews/*'] }] }],
    },
  ] as const;
  waypoint.configure({ service, routes: [], destination, policies });
  const allowed = await ask(await waypoint.open(), { path: '/reviews/1' });
  assert.is(allowed.status, 200);
  await waypoint.nextRecord(signal);
  for (const asked of [
    { method: 'POST', path: '/reviews/1', body: 'x' },
    { path: '/admin' },
    { path: '/reviews/../admin' },
  ]) {
    const denied = await ask(await waypoint.open(), asked);
    assert.is(denied.status, 403);
    assert.is(denied.body.toString(), 'RBAC: access denied');
    const record = await waypoint.nextRecord(signal);
    assert.is(denied.headers['ambit-decision'], `${record.id} AMB1702`);
    assert.is(record.verdict.outcome, 'denied');
    assert.is(record.verdict.policy, 'default/read-only');
    assert.is(record.http?.status, 403);
  }
});

test('a fault aborts with its status and does not reach the service', async ({ stack, signal }) => {
  const waypoint = await startReviews(stack);
  waypoint.configure({
    service,
    destination,
    routes: [route({ fault: { abort: { percent: 100, httpStatus: 418 } } })],
  });
  const answer = await ask(await waypoint.open());
  assert.is(answer.status, 418);
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1709');
  assert.is(waypoint.arrived.length, 0);
});

test('a path is rewritten, headers change both ways, and the path is normalized', async ({
  stack,
  signal,
}) => {
  const waypoint = await startReviews(stack);
  waypoint.configure({
    service,
    destination,
    routes: [
      route({
        matches: [{ uri: { prefix: '/api/' } }],
        rewrite: { uri: '/v9/', authority: 'other' },
        responseHeaders: { set: { 'x-path': 'hidden' }, add: { 'x-added': 'yes' } },
      }),
    ],
  });
  const answer = await ask(await waypoint.open(), { path: '/x/../api/a?q=1' });
  assert.is(answer.headers['x-host'], 'other');
  assert.is(answer.headers['x-path'], 'hidden');
  assert.is(answer.headers['x-added'], 'yes');
  const missed = await ask(await waypoint.open(), { path: '/else' });
  assert.is(missed.status, 404);
  assert.match(missed.headers['ambit-decision'] as string, 'AMB1701');
  await waypoint.nextRecord(signal);
  assert.match(
    (await waypoint.nextRecord(signal)).verdict.reason,
    'http[0]: path starts with "/api/", but it was "/else"',
  );
});

test('redirects and direct responses are answered on the spot', async ({ stack }) => {
  const waypoint = await startReviews(stack);
  const { backends: _backends, ...bare } = route({});
  waypoint.configure({
    service,
    destination,
    routes: [
      { ...bare, matches: [{ uri: { exact: '/old' } }], redirect: { uri: '/new', status: 308 } },
      { ...bare, directResponse: { status: 200, body: 'here' } },
    ],
  });
  const redirected = await ask(await waypoint.open(), { path: '/old?q=1' });
  assert.is(redirected.status, 308);
  assert.is(redirected.headers['location'], 'http://reviews:9080/new?q=1');
  const direct = await ask(await waypoint.open());
  assert.is(direct.body.toString(), 'here');
  assert.ok(direct.headers['ambit-decision']);
});

test('what a route leads to must exist: service, subset, endpoint', async ({ stack }) => {
  const waypoint = await startReviews(stack);
  const cases = [
    [{ service: 'default/nowhere' as const, weight: 1 }, 'AMB1704'],
    [{ service, subset: 'v9', weight: 1 }, 'AMB1705'],
    [{ service, subset: 'none', weight: 1 }, 'AMB1703'],
  ] as const;
  const subsets = [...destination.subsets, { name: 'none', labels: { version: 'none' } }];
  for (const [backend, code] of cases) {
    const routes = [route({ backends: [backend] })];
    waypoint.configure({ service, routes, destination: { ...destination, subsets } });
    const answer = await ask(await waypoint.open());
    assert.is(answer.status, 503);
    assert.match(answer.headers['ambit-decision'] as string, code);
  }
});

test('an address that is not served is refused with a code', async ({ stack, signal }) => {
  const waypoint = await startReviews(stack);
  for (const [authority, status, code] of [
    ['10.96.0.99:80', 503, 'AMB1710'],
    ['10.96.0.20:1', 503, 'AMB1406'],
    ['nonsense', 400, 'AMB1414'],
  ] as const) {
    const result = await waypoint.connect(authority);
    assert.is(result.kind === 'refused' && result.status, status);
    const record = await waypoint.nextRecord(signal);
    assert.is(record.verdict.code, code);
    assert.is(result.headers.get('ambit-decision'), `${record.id} ${code}`);
  }
});

test.run();
