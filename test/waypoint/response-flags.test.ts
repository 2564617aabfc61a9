// Every way in which a request can end, and the flag that Envoy gives it.

import type { ServerResponse } from 'node:http';
import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { ask, serviceOf, startApp, startWaypoint, workloadAt } from './fixture.ts';

const test = suite('response flags');
const reviews = serviceOf('reviews', 'http11');
const service = keyOfService(reviews);
const once0 = { retries: { attempts: 0, retryOn: '' } } as const;
const later = { delay: { percent: 100, fixedDelayMs: 1 } } as const;
const abort = { abort: { percent: 100, httpStatus: 418 } } as const;

type App = (response: ServerResponse) => unknown;
const answers: App = (response) => response.end('hello');
const dies: App = (response) => response.socket?.destroy();

interface Case {
  readonly title: string;
  readonly route?: Partial<HttpRoute>;
  readonly app?: App;
  readonly raw?: string;
  readonly at?: 'nowhere' | 'nobody';
  readonly flag: string;
  readonly code?: string;
}

const cases: readonly Case[] = [
  { title: 'an answer', flag: '-' },
  { title: 'an answer after a delay', route: { fault: later }, flag: 'DI' },
  { title: 'a redirect', route: { redirect: { status: 301 } }, flag: '-' },
  {
    title: 'no route',
    route: { matches: [{ uri: { exact: '/other' } }] },
    flag: 'NR',
    code: 'AMB1701',
  },
  {
    title: 'a service that is not known',
    route: { backends: [{ service: 'default/nobody', weight: 1 }] },
    flag: 'NC',
    code: 'AMB1704',
  },
  {
    title: 'a subset that is not defined',
    route: { backends: [{ service, subset: 'v9', weight: 1 }] },
    flag: 'NC',
    code: 'AMB1705',
  },
  { title: 'no endpoint', at: 'nobody', flag: 'UH', code: 'AMB1703' },
  { title: 'an endpoint that is not there', at: 'nowhere', flag: 'UF', code: 'AMB1706' },
  { title: 'the same after a delay', at: 'nowhere', route: { fault: later }, flag: 'UF,DI' },
  { title: 'an endpoint that dies', app: dies, flag: 'UC', code: 'AMB1707' },
  {
    title: 'an endpoint that dies within its answer',
    app: (response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => dies(response));
    },
    flag: 'UC',
    code: 'AMB1712',
  },
  {
    title: 'a timeout',
    app: () => undefined,
    route: { timeoutMs: 1 },
    flag: 'UT',
    code: 'AMB1708',
  },
  { title: 'an injected abort', route: { fault: abort }, flag: 'FI', code: 'AMB1709' },
  { title: 'one after a delay', route: { fault: { ...later, ...abort } }, flag: 'DI,FI' },
  {
    title: 'a client that goes during a delay',
    route: { fault: { delay: { percent: 100, fixedDelayMs: 60_000 } } },
    raw: 'GET / HTTP/1.1\r\nhost: reviews\r\n\r\n',
    flag: 'DI,DC',
    code: 'AMB1713',
  },
  { title: 'what is no request', raw: 'GET\r\n\r\n', flag: 'DPE', code: 'AMB1711' },
];

for (const { title, route = {}, app = answers, raw, at, flag, code } of cases) {
  test(`${title}: ${flag}`, async ({ stack, signal }) => {
    const waypoint = await startWaypoint(stack);
    waypoint.mesh.services.push(reviews);
    const endpoint = await startApp(stack, (_request, response) => void app(response));
    const addresses = ['127.0.0.1' as IpAddress];
    const pod = workloadAt('reviews-v1', { tunnelProtocol: 'none', addresses });
    const backends = [{ service, weight: 1 }];
    if (at !== 'nobody') waypoint.mesh.add(reviews, pod, at === 'nowhere' ? 1 : endpoint.port);
    waypoint.configure({
      service,
      routes: [{ origin: 'r', matches: [], backends, ...once0, ...route }],
    });
    const stream = await waypoint.open();
    if (raw === undefined) await ask(stream).catch(() => undefined);
    else await stream.write(Buffer.from(raw));
    if (code === 'AMB1713') stream.destroy();
    const { http, verdict } = await waypoint.nextRecord(signal);
    const { responseFlag } = waypoint.decided.at(-1) ?? {};
    assert.is(responseFlag, flag);
    if (http !== undefined) assert.is(http.flags, flag);
    if (code !== undefined) assert.is(verdict.code, code);
  });
}

test.run();
