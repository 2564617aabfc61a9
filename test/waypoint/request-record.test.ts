// What is told of each request: its record with every attempt, and its line with the names of Istio's
// access log.

import * as assert from 'uvu/assert';
import { writeAccessLog } from '../../src/dataplane/access-log.ts';
import type { IpAddress } from '../../src/mesh/address.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { type Logger, silentLogger } from '../../src/runtime/log.ts';
import { suite } from '../support/suite.ts';
import { ask, serviceOf, startApp, startWaypoint, workloadAt } from './fixture.ts';

const test = suite('what is told of a request');
const reviews = serviceOf('reviews');
const service = keyOfService(reviews);

async function start(stack: AsyncDisposableStack, route?: Partial<HttpRoute>) {
  const waypoint = await startWaypoint(stack);
  waypoint.mesh.services.push(reviews);
  const seen: (string | undefined)[] = [];
  let failing = 0;
  const app = await startApp(stack, (request, response) => {
    seen.push(request.headers['x-request-id'] as string | undefined);
    response.statusCode = failing-- > 0 ? 503 : 200;
    response.end('hello');
  });
  const addresses = ['127.0.0.1' as IpAddress];
  for (const name of ['reviews-v1', 'reviews-v2']) {
    const pod = workloadAt(name, { tunnelProtocol: 'none', addresses });
    waypoint.mesh.add(reviews, pod, app.port);
  }
  const backends = [{ service, weight: 1 }];
  const routes = route === undefined ? [] : [{ origin: 'r', matches: [], backends, ...route }];
  waypoint.configure({ service, routes });
  const fail = (times: number): void => {
    failing = times;
  };
  return { waypoint, port: app.port, seen, fail };
}

/** The fields of the line that is written for a record. */
function lineOf(record: DecisionRecord): Record<string, unknown> {
  let line: Record<string, unknown> = {};
  const keep = (fields: object): void => {
    line = { ...fields };
  };
  writeAccessLog({ ...silentLogger, info: keep, error: keep } as Logger, record);
  return line;
}

test('a line has the fields of Istio, as Envoy means them', async ({ stack, signal }) => {
  const { waypoint, port } = await start(stack);
  const headers = { 'x-request-id': 'own', 'user-agent': 'tester', 'x-forwarded-for': '192.0.2.7' };
  await ask(await waypoint.open(), { method: 'POST', path: '/a?b=1', headers, body: 'abc' });
  const line = lineOf(await waypoint.nextRecord(signal));
  const expected = {
    method: 'POST',
    path: '/a?b=1',
    protocol: 'HTTP/1.1',
    response_code: 200,
    response_flags: '-',
    response_code_details: 'via_upstream',
    bytes_received: 3,
    bytes_sent: 5,
    x_forwarded_for: '192.0.2.7',
    user_agent: 'tester',
    request_id: 'own',
    authority: 'reviews:9080',
    upstream_host: `127.0.0.1:${port}`,
    upstream_cluster: 'outbound|9080||reviews.default.svc.cluster.local',
    downstream_local_address: '10.96.0.20:9080',
    attempts: 1,
  };
  for (const [name, value] of Object.entries(expected)) assert.is(line[name], value, name);
  assert.type(line['duration'], 'number');
  assert.ok(Date.parse(String(line['start_time'])) <= Date.now());
});

test('a request id is made where the client gave none, and is told to the endpoint', async ({
  stack,
  signal,
}) => {
  const { waypoint, seen } = await start(stack);
  await ask(await waypoint.open());
  const { http } = await waypoint.nextRecord(signal);
  assert.match(
    http?.requestId ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.is(seen[0], http?.requestId);
});

test('the record has every attempt', async ({ stack, signal }) => {
  const retries = { attempts: 2, retryOn: '5xx' };
  const { waypoint, port, fail } = await start(stack, { retries });
  fail(1);
  assert.is((await ask(await waypoint.open())).status, 200);
  const { http } = await waypoint.nextRecord(signal);
  assert.equal(
    http?.attempts?.map(({ status, address }) => [status, address]),
    [
      [503, `127.0.0.1:${port}`],
      [200, `127.0.0.1:${port}`],
    ],
  );
  assert.is(http?.flags, '-', 'the retry helped');
  assert.is(new Set(http?.attempts?.map(({ workload }) => workload)).size, 2);
});

test('an answer that is passed on only because no retry is left has the flag URX', async ({
  stack,
  signal,
}) => {
  const { waypoint, fail } = await start(stack, { retries: { attempts: 1, retryOn: '5xx' } });
  fail(9);
  assert.is((await ask(await waypoint.open())).status, 503);
  const { http } = await waypoint.nextRecord(signal);
  assert.is(http?.flags, 'URX');
  assert.is(http?.attempts?.length, 2);
});

test('an attempt that had no response says why', async ({ stack, signal }) => {
  const { waypoint } = await start(stack);
  waypoint.mesh.endpoints.clear();
  const addresses = ['127.0.0.1' as IpAddress];
  const pod = workloadAt('reviews-v1', { tunnelProtocol: 'none', addresses });
  waypoint.mesh.add(reviews, pod, 1);
  assert.is((await ask(await waypoint.open())).status, 503);
  const record = await waypoint.nextRecord(signal);
  const attempt = record.http?.attempts?.at(-1);
  assert.is(attempt?.code, 'AMB1706');
  assert.is(attempt?.workload, 'reviews-v1');
  const line = lineOf(record);
  assert.is(line['code'], 'AMB1706');
  assert.match(String(line['response_code_details']), 'connection_failure');
  assert.match(String(line['upstream_transport_failure_reason']), 'could not be reached');
  assert.match(String(line['response_flags']), /^UF,URX$/);
});

test.run();
