import { once } from 'node:events';
import * as assert from 'uvu/assert';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import type { MirrorOutcome } from '../../src/waypoint/request/mirror-traffic.ts';
import { maxCopyBytes, TeeBody } from '../../src/waypoint/request/tee-body.ts';
import { suite } from '../support/suite.ts';
import { serve, startOne } from './application.ts';
import {
  ask,
  serviceOf,
  startApp,
  startWaypoint,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';

const test = suite('actions of routes at a waypoint');

const mirrorService = serviceOf('mirror', 'http11', '10.96.0.21');
const mirror = { service: keyOfService(mirrorService), percent: 100 };

/** A waypoint before one application, and what its mirror got and what became of the copies. */
async function startMirrored(stack: AsyncDisposableStack, route: Partial<HttpRoute> = {}) {
  const copies: { host: string; path: string; body: string }[] = [];
  const outcomes: MirrorOutcome[] = [];
  const events = new EventTarget();
  const shadow = await startApp(stack, async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    copies.push({ host: request.headers.host ?? '', path: request.url ?? '', body });
    response.writeHead(500).end('nobody reads this');
  });
  const waypoint = await startOne(
    stack,
    (request, response) => {
      request.resume().on('end', () => response.end('real'));
    },
    {
      mirrored: (outcome) => {
        outcomes.push(outcome);
        events.dispatchEvent(new Event('counted'));
      },
      route: { mirrors: [mirror], ...route },
    },
  );
  waypoint.mesh.services.push(mirrorService);
  waypoint.mesh.add(mirrorService, workloadAt('mirror'), shadow.port);
  return { waypoint, copies, outcomes, counted: () => once(events, 'counted') };
}

test('a mirror gets a copy of head and body under the same host, and its answer is not felt', async ({
  stack,
}) => {
  const { waypoint, copies, outcomes, counted } = await startMirrored(stack, {
    rewrite: { uriRegexRewrite: { match: '/([a-z]+)/([a-z]+)', rewrite: '/\\2/\\1' } },
  });
  const done = counted();
  const body = 'x'.repeat(100_000);
  const asked = { method: 'POST', path: '/one/two?q', body } as const;
  const answer = await ask(await waypoint.open(), asked);
  await done;
  assert.is(`${answer.status} ${String(answer.body)}`, '200 real');
  assert.equal(outcomes, ['answered']);
  assert.equal(copies, [{ host: 'reviews:9080', path: '/two/one?q', body }]);
});

test('a mirror that is not there is counted, and the request goes its way', async ({ stack }) => {
  const nowhere = { service: 'default/nowhere', percent: 100 } as const;
  const { waypoint, outcomes, counted } = await startMirrored(stack, { mirrors: [nowhere] });
  const done = counted();
  assert.is((await ask(await waypoint.open())).status, 200);
  await done;
  assert.equal(outcomes, ['failed']);
});

test('mirrors are drawn one by one by their percentage', async ({ stack }) => {
  const { waypoint, copies, counted } = await startMirrored(stack, {
    mirrors: [
      { ...mirror, percent: 0 },
      { ...mirror, percent: 100 },
    ],
  });
  const done = counted();
  await ask(await waypoint.open());
  await done;
  assert.is(copies.length, 1);
});

test('a copy that falls behind is broken off, and holds nobody back', async () => {
  const chunk = new Uint8Array(64 * 1024);
  const source = { length: undefined, read: async () => chunk, trailers: () => [] };
  const tee = new TeeBody(source);
  const copy = tee.copy();
  for (let sent = 0; sent <= maxCopyBytes; sent += chunk.length) await tee.read();
  await copy.read().then(
    () => assert.unreachable(),
    (error: Error) => {
      assert.match(error.message, 'fell more than');
    },
  );
});

test('a copy of a body that is never read ends with the request', async () => {
  const source = { length: undefined, read: async () => undefined, trailers: () => [] };
  const tee = new TeeBody(source);
  const read = tee.copy().read();
  tee[Symbol.dispose]();
  await read.then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, 'was over'),
  );
});

const cors = { allowOrigins: [{ exact: 'https://a.example' }], allowMethods: ['GET'] };

test('a preflight is answered by the waypoint, a request by the application with shared headers', async ({
  stack,
}) => {
  let reached = 0;
  const waypoint = await startOne(
    stack,
    (_, response) => {
      reached++;
      response.setHeader('access-control-allow-origin', '*');
      response.end('ok');
    },
    { route: { cors } },
  );
  const headers = { origin: 'https://a.example', 'access-control-request-method': 'GET' };
  const preflight = await ask(await waypoint.open(), { method: 'OPTIONS', headers });
  assert.is(preflight.status, 200);
  assert.is(preflight.headers['access-control-allow-methods'], 'GET');
  assert.is(reached, 0);
  const answer = await ask(await waypoint.open(), { headers: { origin: 'https://a.example' } });
  assert.is(answer.headers['access-control-allow-origin'], 'https://a.example');
  assert.is(reached, 1);
});

test('the share of a backend that cannot be used is answered 500 with its reason', async ({
  stack,
  signal,
}) => {
  const waypoint = await startOne(stack, (_, response) => response.end('ok'), {
    route: {
      backends: [{ service: 'default/none', weight: 1, unresolved: 'no service is called none' }],
    },
  });
  assert.is((await ask(await waypoint.open())).status, 500);
  const { verdict } = await waypoint.nextRecord(signal);
  assert.is(verdict.code, 'AMB1717');
  assert.match(verdict.reason, 'no service is called none');
});

/** An application that answers with these statuses in turn, then 200. */
async function startFailing(
  stack: AsyncDisposableStack,
  statuses: readonly number[],
  route: Partial<HttpRoute>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ waypoint: WaypointUnderTest; tries: () => number }> {
  let tries = 0;
  const waypoint = await startOne(
    stack,
    (_, response) => {
      const status = statuses[tries++];
      response.writeHead(status ?? 200, status === undefined ? {} : headers).end();
    },
    { route },
  );
  return { waypoint, tries: () => tries };
}

const retryCases: readonly [string, readonly number[], number, Record<string, string>?][] = [
  ['5xx', [500, 503], 3],
  ['gateway-error', [502, 500], 2],
  ['retriable-4xx', [409, 404], 2],
  ['418,retriable-status-codes', [418, 418], 3],
  ['envoy-ratelimited', [429], 2, { 'x-envoy-ratelimited': 'true' }],
  ['5xx', [503], 1, { 'x-envoy-ratelimited': 'true' }],
  ['unavailable', [200], 2, { 'grpc-status': '14' }],
  ['connect-failure', [503], 1],
];
for (const [retryOn, statuses, tries, headers] of retryCases) {
  const title = `retryOn ${retryOn} makes ${tries} tries of ${statuses.join(', ')}`;
  test(
    headers === undefined ? title : `${title} with ${Object.keys(headers)[0]}`,
    async ({ stack }) => {
      const retries = { attempts: 5, retryOn, backoffMs: 1 };
      const failing = await startFailing(stack, statuses, { retries }, headers);
      await ask(await failing.waypoint.open());
      assert.is(failing.tries(), tries);
    },
  );
}

test('no retry is made without room in the retry budget of the service', async ({ stack }) => {
  const retries = { attempts: 5, retryOn: '5xx', backoffMs: 1 };
  const failing = await startFailing(stack, [500, 500, 500], { retries });
  const service = keyOfService(serviceOf('reviews'));
  const backends = [{ service, weight: 1 }];
  for (const [minConcurrency, tries] of [
    [0, 1],
    [1, 3],
  ] as const) {
    const policy = { retryBudget: { percent: 0, minConcurrency } };
    const destination = { origin: 'd', subsets: [], policy };
    const routes = [{ origin: 'r', matches: [], backends, retries }];
    failing.waypoint.configure({ service, routes, destination });
    const before = failing.tries();
    await ask(await failing.waypoint.open());
    assert.is(failing.tries() - before, tries);
  }
});

test('a route for another port leaves this one as it was', async ({ stack, signal }) => {
  const app = await startApp(stack, (_, response) => response.end('plain'));
  const waypoint = await startWaypoint(stack);
  serve(waypoint, app.port, 'http11', {
    backends: [{ service: 'default/none', weight: 1 }],
    matches: [{ port: 1 }],
  });
  assert.is(String((await ask(await waypoint.open())).body), 'plain');
  assert.match(
    (await waypoint.nextRecord(signal)).verdict.reason,
    'no route is for port 9080 and this client',
  );
});

test.run();
