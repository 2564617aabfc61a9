import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import type { ConnectionPool } from '../../src/mesh/destination.ts';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { type Listener, serve, startHttp2, startOne } from './application.ts';
import { startClient } from './client-session.ts';
import { serviceOf, startApp, startWaypoint, type WaypointUnderTest } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('connection pools of destinations');

const noRetries = { retries: { attempts: 0, retryOn: '' } };

function limit(
  waypoint: WaypointUnderTest,
  connectionPool: ConnectionPool,
  route: Partial<HttpRoute> = noRetries,
  protocol: ServicePort['appProtocol'] = 'http11',
): void {
  const service = keyOfService(serviceOf('reviews', protocol));
  const backends = [{ service, weight: 1 }];
  waypoint.configure({
    service,
    routes: [{ origin: 'r', matches: [], backends, ...route }],
    destination: { origin: 'DestinationRule default/r', subsets: [], policy: { connectionPool } },
  });
}

/** An application whose answers wait to be let go, in their order. */
function held(): {
  readonly listener: Listener;
  readonly next: () => Promise<{ path: string; answer: (text?: string) => void }>;
} {
  const arrived: { path: string; response: ServerResponse }[] = [];
  const waiting: (() => void)[] = [];
  return {
    listener: (request, response) => {
      arrived.push({ path: request.url ?? '', response });
      waiting.shift()?.();
    },
    next: async () => {
      while (arrived.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      const { path, response } = arrived.shift()!;
      return { path, answer: (text = 'ok') => response.end(text) };
    },
  };
}

/** Waits until so many requests wait for a connection. */
async function pending(waypoint: WaypointUnderTest, count: number): Promise<void> {
  while (waypoint.destinations.summaries()[0]?.pending !== count) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('of three clients at one connection one is served, one waits and one is told', async ({
  stack,
  signal,
}) => {
  const { listener, next } = held();
  const waypoint = await startOne(stack, listener);
  limit(waypoint, { maxConnections: 1, http1MaxPendingRequests: 1, maxRequestsPerConnection: 1 });
  const clients = await Promise.all([1, 2, 3].map(() => startClient(stack, waypoint)));
  const [one, two, three] = clients as [
    (typeof clients)[0],
    (typeof clients)[0],
    (typeof clients)[0],
  ];
  const first = one('/1');
  const served = await next();
  const second = two('/2');
  await pending(waypoint, 1);
  const refused = await three('/3');
  assert.is(refused.status, 503);
  assert.is(refused.headers['x-envoy-overloaded'], 'true');
  assert.match(refused.headers['ambit-decision'] as string, 'AMB1720');
  assert.is(
    refused.body,
    'upstream connect error or disconnect/reset before headers. reset reason: overflow',
  );
  const record = await waypoint.nextRecord(signal);
  assert.is(record.http?.flags, 'UO');
  assert.match(record.verdict.reason, /http1MaxPendingRequests of the DestinationRule.*\(1\)/);
  served.answer('first');
  assert.is((await first).body, 'first');
  (await next()).answer('second');
  assert.is((await second).body, 'second');
  assert.is(waypoint.arrived.length, 2);
  const text = await waypoint.registry.text();
  assert.match(
    text,
    /ambit_waypoint_overflows_total\{destination_service="default\/reviews.default.svc.cluster.local",subset="",port="9080",limit="http1MaxPendingRequests"\} 1\n/,
  );
});

test('who waits and gives up makes room for the next', async ({ stack }) => {
  const { listener, next } = held();
  const waypoint = await startOne(stack, listener);
  limit(waypoint, { maxConnections: 1, http1MaxPendingRequests: 1 });
  const [one, two, three] = await Promise.all([
    startClient(stack, waypoint),
    startClient(stack, waypoint),
    startClient(stack, waypoint),
  ]);
  const first = one('/1');
  const served = await next();
  const impatient = new AbortController();
  const gone = two('/2', impatient.signal).catch(() => 'gone');
  await pending(waypoint, 1);
  impatient.abort();
  assert.is(await gone, 'gone');
  await pending(waypoint, 0);
  const third = three('/3');
  await pending(waypoint, 1);
  served.answer();
  await first;
  const last = await next();
  assert.is(last.path, '/3');
  last.answer();
  assert.is((await third).status, 200);
});

test("a client's idle connection does not keep others waiting", async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => response.end(request.url));
  limit(waypoint, { maxConnections: 1 });
  const one = await startClient(stack, waypoint);
  const two = await startClient(stack, waypoint);
  for (const path of ['/a', '/b']) assert.is((await one(path)).body, path);
  assert.is(waypoint.arrived.length, 1);
  assert.is((await two('/c')).body, '/c');
  assert.is((await one('/d')).body, '/d');
  assert.is(waypoint.arrived.length, 3);
});

test('requests of one client wait for its own connection', async ({ stack }) => {
  const { listener, next } = held();
  const waypoint = await startOne(stack, listener);
  limit(waypoint, { maxConnections: 1 });
  const client = await startClient(stack, waypoint);
  const answers = ['/1', '/2', '/3'].map((path) => client(path));
  for (let count = 0; count < 3; count++) (await next()).answer();
  assert.equal(
    (await Promise.all(answers)).map(({ status }) => status),
    [200, 200, 200],
  );
  assert.is(waypoint.arrived.length, 1);
});

test('http2MaxRequests counts requests of every protocol', async ({ stack }) => {
  const { listener, next } = held();
  const waypoint = await startOne(stack, listener);
  limit(waypoint, { http2MaxRequests: 1 });
  const one = await startClient(stack, waypoint);
  const two = await startClient(stack, waypoint);
  const first = one();
  const served = await next();
  const refused = await two();
  assert.is(refused.status, 503);
  assert.is(refused.headers['x-envoy-overloaded'], 'true');
  served.answer();
  await first;
  const again = two();
  (await next()).answer();
  assert.is((await again).status, 200);
});

test('a retry beyond maxRetries is not made, and marked', async ({ stack, signal }) => {
  const waypoint = await startOne(stack, (_request, response) => response.writeHead(503).end());
  const pool = { maxRetries: 1 };
  limit(waypoint, pool, { retries: { attempts: 1, retryOn: '5xx' } });
  const client = await startClient(stack, waypoint);
  assert.is((await client()).status, 503);
  const first = await waypoint.nextRecord(signal);
  assert.is(first.http?.flags, 'URX');
  assert.is(first.http?.attempts?.length, 2);
  const name = { service: serviceOf('reviews'), subset: '', port: 9080 };
  const { load } = waypoint.destinations.at(name, { connectionPool: pool });
  using _another = load.enterRetry();
  assert.is((await client()).status, 503);
  const second = await waypoint.nextRecord(signal);
  assert.is(second.http?.flags, 'UO');
  assert.is(second.http?.attempts?.length, 1);
});

test('a connection carries as many requests as it may', async ({ stack }) => {
  const waypoint = await startOne(stack, (_request, response) => response.end());
  limit(waypoint, { maxRequestsPerConnection: 2 });
  const client = await startClient(stack, waypoint);
  for (let count = 0; count < 5; count++) await client();
  assert.is(waypoint.arrived.length, 3);
});

test('connections end when they were idle, or lasted, too long', async ({ stack }) => {
  const clock = new ManualClock();
  const waypoint = await startOne(stack, (_request, response) => response.end(), { clock });
  for (const pool of [{ httpIdleTimeoutMs: 7_000 }, { maxConnectionDurationMs: 7_000 }]) {
    limit(waypoint, pool);
    const client = await startClient(stack, waypoint);
    const before = waypoint.arrived.length;
    await client();
    await client();
    assert.is(waypoint.arrived.length, before + 1);
    clock.advance(7_000);
    await waypoint.ends[before];
    await client();
    assert.is(waypoint.arrived.length, before + 2);
  }
});

test('HTTP/2 streams of a connection are limited, and another is opened', async ({ stack }) => {
  const waiting: (() => void)[] = [];
  const all = Promise.withResolvers<void>();
  const waypoint = await startWaypoint(stack);
  const port = await startHttp2(stack, (_request, response) => {
    waiting.push(() => response.end());
    if (waiting.length === 5) all.resolve();
  });
  serve(waypoint, port, 'http2');
  limit(waypoint, { maxConcurrentStreams: 2 }, noRetries, 'http2');
  const client = await startClient(stack, waypoint);
  const answers = [1, 2, 3, 4, 5].map(() => client());
  await all.promise;
  assert.is(waypoint.arrived.length, 3);
  for (const answer of waiting) answer();
  assert.ok((await Promise.all(answers)).every(({ status }) => status === 200));
});

test('an endpoint that does not answer PINGs is given up', async ({ stack }) => {
  const clock = new ManualClock();
  const dead = createServer((socket) => socket.resume().on('error', () => undefined));
  dead.listen(0, '127.0.0.1');
  await once(dead, 'listening');
  stack.defer(() => void dead.close());
  const waypoint = await startWaypoint(stack, { clock });
  serve(waypoint, (dead.address() as AddressInfo).port, 'http2');
  limit(waypoint, { http2KeepAlive: { intervalMs: 5_000, timeoutMs: 300 } }, noRetries, 'http2');
  const client = await startClient(stack, waypoint);
  const answer = client();
  await clock.waited(5_000);
  clock.advance(5_000);
  await clock.waited(300);
  clock.advance(300);
  assert.is((await answer).status, 503);
});

test('ports of HTTP/1.1 are spoken to in HTTP/2 where a rule says so', async ({ stack }) => {
  const waypoint = await startWaypoint(stack);
  const versions: string[] = [];
  const h2 = await startHttp2(stack, (request, response) => {
    versions.push(request.httpVersion);
    response.end();
  });
  serve(waypoint, h2, 'http11');
  limit(waypoint, { upgradeToHttp2: true });
  const client = await startClient(stack, waypoint);
  assert.is((await client()).status, 200);
  limit(waypoint, { useClientProtocol: true });
  assert.is((await client()).status, 200);
  assert.equal(versions, ['2.0', '2.0']);
});

test('an endpoint that takes longer than connectTimeout is not waited for', async ({
  stack,
  signal,
}) => {
  const silent = createServer((socket) => socket.resume().on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  stack.defer(() => void silent.close());
  const waypoint = await startWaypoint(stack);
  serve(waypoint, (silent.address() as AddressInfo).port, 'http2');
  const service = keyOfService(serviceOf('reviews', 'http2'));
  const tls = { mode: 'SIMPLE', insecureSkipVerify: true } as const;
  const policy = { connectionPool: { connectTimeoutMs: 20 }, tls };
  const backends = [{ service, weight: 1 }];
  waypoint.configure({
    service,
    routes: [{ origin: 'r', matches: [], backends, ...noRetries }],
    destination: { origin: 'DestinationRule default/r', subsets: [], policy },
  });
  const client = await startClient(stack, waypoint);
  assert.is((await client()).status, 503);
  const { http, verdict } = await waypoint.nextRecord(signal);
  assert.is(http?.flags, 'UF');
  assert.match(verdict.reason, 'in time');
});

test('TCP connections beyond maxConnections are refused', async ({ stack, signal }) => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  stack.defer(() => void echo.close());
  const waypoint = await startWaypoint(stack);
  serve(waypoint, (echo.address() as AddressInfo).port, 'tcp');
  limit(waypoint, { maxConnections: 1 });
  const first = await waypoint.open();
  await first.write(Buffer.from('x'));
  assert.is((await first.read())?.length, 1);
  const second = await waypoint.connect('10.96.0.20:9080');
  assert.is(second.kind === 'refused' && second.status, 503);
  assert.match(second.headers.get('ambit-decision') ?? '', 'AMB1720');
  const record = await waypoint.nextRecord(signal);
  assert.match(record.verdict.reason, /maxConnections of the DestinationRule is reached \(1\)/);
  await first.end();
  await readAll(first);
  await waypoint.nextRecord(signal);
  while (waypoint.destinations.summaries()[0]?.connections !== 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await waypoint.open();
});

test('TCP connections end when nothing was carried, or their time has passed', async ({
  stack,
  signal,
}) => {
  const clock = new ManualClock();
  const { port } = await startApp(stack, () => undefined);
  const waypoint = await startWaypoint(stack, { clock });
  serve(waypoint, port, 'tcp');
  for (const [pool, reason, waitMs] of [
    [{ tcpIdleTimeoutMs: 9_000 }, /AMB1722.*nothing was carried for 9000 ms/, 9_000],
    [{ maxConnectionDurationMs: 8_000 }, /AMB1722.*it lasted for 8000 ms/, 8_000],
    [{}, /AMB1722.*nothing was carried for 3600000 ms/, 3_600_000],
  ] as const) {
    limit(waypoint, pool);
    const stream = await waypoint.open();
    await clock.waited(waitMs);
    clock.advance(waitMs);
    await stream.closed;
    assert.match((await waypoint.nextRecord(signal)).verdict.reason, reason);
  }
});

test.run();
