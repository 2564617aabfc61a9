import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import type { ServicePort } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { serve } from './application.ts';
import { startWaypoint } from './fixture.ts';
import {
  type Answered,
  type Asked,
  askBy,
  type Protocol,
  protocols,
  type Seen,
  startEndpoint,
} from './protocol-clients.ts';

const test = suite('protocols in any combination');

const declared: Readonly<Record<Protocol, ServicePort['appProtocol']>> = {
  'HTTP/1.0': 'http11',
  'HTTP/1.1': 'http11',
  'HTTP/2': 'http2',
};
const versions = { 'HTTP/1.0': '1.1', 'HTTP/1.1': '1.1', 'HTTP/2': '2.0' } as const;

interface Feature {
  readonly name: string;
  readonly asked: Asked;
  /** Which clients and endpoints have it; all by default. */
  readonly client?: (protocol: Protocol) => boolean;
  readonly endpoint?: (protocol: Protocol) => boolean;
  readonly check: (answered: Answered, seen: Seen, client: Protocol, endpoint: Protocol) => void;
}

const isLater = (protocol: Protocol): boolean => protocol !== 'HTTP/1.0';

const features: readonly Feature[] = [
  {
    name: 'a request without a body',
    asked: { path: '/' },
    check: ({ status, body }, seen) => {
      assert.equal([status, body], [200, '.']);
      assert.equal([seen.method, seen.body], ['GET', '']);
    },
  },
  {
    name: 'a body of known length',
    asked: { path: '/', method: 'POST', body: 'hello', headers: { 'content-length': '5' } },
    check: ({ body }, seen) => {
      assert.is(body, 'hello.');
      assert.is(seen.headers['content-length'], '5');
    },
  },
  {
    name: 'a body of unknown length',
    asked: { path: '/', method: 'POST', body: 'hello', headers: {} },
    endpoint: isLater,
    check: ({ body }) => assert.is(body, 'hello.'),
  },
  {
    name: 'several cookies to be set',
    asked: { path: '/cookies' },
    client: isLater,
    endpoint: isLater,
    check: ({ headers }) => assert.equal(headers['set-cookie'], ['a=1', 'b=2']),
  },
  {
    name: 'trailers of a request, without those that may not be there',
    asked: {
      path: '/',
      method: 'POST',
      body: 'hello',
      headers: { trailer: 'x-sum' },
      trailers: { 'x-sum': '42', 'x-forwarded-for': 'me', authorization: 'me' },
    },
    client: isLater,
    endpoint: isLater,
    check: ({ body }, seen) => {
      assert.is(body, 'hello.');
      assert.equal({ ...seen.trailers }, { 'x-sum': '42' });
    },
  },
  {
    name: 'trailers of a request without a body',
    asked: {
      path: '/',
      method: 'POST',
      body: '',
      headers: { trailer: 'x-sum' },
      trailers: { 'x-sum': '42' },
    },
    client: (protocol) => protocol === 'HTTP/2',
    endpoint: isLater,
    check: ({ body }, seen) => {
      assert.is(body, '.');
      assert.equal({ ...seen.trailers }, { 'x-sum': '42' });
    },
  },
  {
    name: 'trailers of a response, without those that may not be there',
    asked: { path: '/trailers', method: 'POST', body: 'hello', headers: { te: 'trailers' } },
    client: isLater,
    endpoint: isLater,
    check: ({ body, trailers }) => {
      assert.is(body, 'hello');
      assert.equal({ ...trailers }, { 'x-sum': '42' });
    },
  },
  {
    name: 'trailers of a response for a client that knows none',
    asked: { path: '/trailers', method: 'POST', body: 'hello' },
    client: (protocol) => protocol === 'HTTP/1.0',
    endpoint: isLater,
    check: ({ body, headers }) => {
      assert.is(body, 'hello');
      assert.is(headers['trailer'], undefined);
    },
  },
  {
    name: 'early hints',
    asked: { path: '/hints' },
    endpoint: isLater,
    check: ({ body, before }, _seen, client) => {
      assert.is(body, '.');
      assert.equal(before, isLater(client) ? [103] : []);
    },
  },
  {
    name: '100 before a body that waits for it',
    asked: {
      path: '/',
      method: 'POST',
      body: 'hello',
      headers: { 'content-length': '5' },
      expects: true,
    },
    client: isLater,
    check: ({ body }, seen) => {
      assert.is(body, 'hello.');
      assert.is(seen.headers['expect'], undefined);
    },
  },
  {
    name: 'HEAD with the length of what GET would answer',
    asked: { path: '/length', method: 'HEAD' },
    endpoint: isLater,
    check: ({ status, headers, body }) => {
      assert.equal([status, headers['content-length'], body], [200, '5', '']);
    },
  },
  {
    name: '204 without a body or its length',
    asked: { path: '/none' },
    check: ({ status, headers, body }) => {
      assert.equal([status, headers['content-length'], body], [204, undefined, '']);
      assert.is(headers['transfer-encoding'], undefined);
    },
  },
  {
    name: '304 without a body',
    asked: { path: '/unchanged' },
    endpoint: isLater,
    check: ({ status, headers, body }) => {
      assert.equal([status, headers['etag'], body], [304, '"1"', '']);
    },
  },
];

for (const client of protocols) {
  for (const endpoint of protocols) {
    const own = features.filter(
      (one) => one.client?.(client) !== false && one.endpoint?.(endpoint) !== false,
    );
    test(`from ${client} to ${endpoint}: ${own.length} features`, async ({ stack, signal }) => {
      const seen: Seen[] = [];
      const waypoint = await startWaypoint(stack);
      const port = await startEndpoint(stack, endpoint, (one) => seen.push(one));
      serve(waypoint, port, declared[endpoint]);
      for (const { name, asked, check } of own) {
        const answered = await askBy(client, waypoint, asked, stack);
        const last = seen.at(-1);
        assert.ok(last, name);
        try {
          check(answered, last, client, endpoint);
        } catch (error) {
          throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
        }
        if (endpoint !== 'HTTP/1.0')
          assert.is(answered.headers['x-version'], versions[endpoint], name);
        const record = await waypoint.nextRecord(signal);
        assert.is(record.verdict.outcome, 'forwarded', name);
        assert.is(record.http?.status, answered.status, name);
        assert.is(record.http?.protocol, client, name);
      }
    });
  }
}

test('repeated fields and bytes beyond ASCII mean the same on the other side', async ({
  stack,
}) => {
  const seen: Seen[] = [];
  const waypoint = await startWaypoint(stack);
  const app = createServer((socket) => {
    socket.on('error', () => undefined);
    const fields = ['content-type: a/b', 'content-type: c/d', 'x-many: 1', 'X-Many: 2', 'x: \xe9'];
    socket.once('data', () => {
      const head = ['HTTP/1.1 200 OK', ...fields, 'content-length: 0', '', ''].join('\r\n');
      socket.end(Buffer.from(head, 'latin1'));
    });
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  stack.defer(() => void app.close());
  serve(waypoint, (app.address() as AddressInfo).port);
  const { status, headers } = await askBy('HTTP/2', waypoint, { path: '/' }, stack);
  assert.equal([status, headers['x-many'], headers['x']], [200, '1, 2', '\xe9']);
  assert.is(headers['content-type'], 'a/b, c/d');

  const other = await startWaypoint(stack);
  serve(other, await startEndpoint(stack, 'HTTP/2', (one) => seen.push(one)), 'http2');
  const stream = await other.open();
  const fields = ['authorization: a', 'Authorization: b', 'x: \xe9', 'cookie: a=1', 'x-many: 1'];
  const lines = ['GET / HTTP/1.1', 'host: a', ...fields, 'x-many: 2', 'connection: close', '', ''];
  await stream.write(Buffer.from(lines.join('\r\n'), 'latin1'));
  assert.match((await readAll(stream)).toString(), /^HTTP\/1\.1 200 /);
  const got = seen[0]?.headers;
  assert.equal([got?.['authorization'], got?.['x-many'], got?.['x']], ['a, b', '1, 2', '\xe9']);
});

test.run();
