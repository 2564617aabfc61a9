import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { keyOfService } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { serve, startOne } from './application.ts';
import { ask, serviceOf, startWaypoint, workloadAt } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('connections without HTTP at a waypoint');

test('plain TCP is copied, recorded without HTTP, and policies by method deny it', async ({
  stack,
  signal,
}) => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  stack.defer(() => void echo.close());
  const { port } = echo.address() as AddressInfo;
  const waypoint = await startWaypoint(stack);
  serve(waypoint, port, 'tcp');
  const stream = await waypoint.open();
  await stream.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await stream.end();
  assert.is((await readAll(stream)).toString(), 'GET / HTTP/1.1\r\n\r\n');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.outcome, 'forwarded');
  assert.is(record.http, undefined);
  assert.is(record.bytesReceived, 18);
  const service = keyOfService(serviceOf('reviews'));
  const rules = [{ to: [{ methods: ['GET'] }] }];
  const policies = [{ namespace: 'default', name: 'get', action: 'ALLOW', rules }] as const;
  waypoint.configure({ service, routes: [], policies });
  const refused = await waypoint.connect('10.96.0.20:9080');
  assert.is(refused.kind === 'refused' && refused.status, 401);
  const denied = await waypoint.nextRecord(signal);
  assert.is(denied.verdict.outcome, 'denied');
  assert.is(refused.headers.get('ambit-decision'), `${denied.id} AMB1702`);
});

test('connections are drawn by the weights of their route, and fail with its reason', async ({
  stack,
  signal,
}) => {
  const serverOf = async (name: string): Promise<number> => {
    const server = createServer((socket) => socket.end(name)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    stack.defer(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  const draws = [0.1, 0.9];
  const waypoint = await startWaypoint(stack, { random: () => draws[0] ?? 0 });
  serve(waypoint, await serverOf('one'), 'tcp');
  const two = serviceOf('two', 'tcp', '10.96.0.22');
  waypoint.mesh.services.push(two);
  waypoint.mesh.add(two, workloadAt('two'), await serverOf('two'));
  const service = keyOfService(serviceOf('reviews'));
  const backends = [
    { service, weight: 3 },
    { service: keyOfService(two), weight: 1 },
  ];
  const route = { origin: 'TCPRoute default/r rules[0]', matches: [{ port: 9080 }] };
  waypoint.configure({ service, routes: [], connectionRoutes: [{ ...route, backends }] });
  for (const name of ['one', 'two']) {
    const stream = await waypoint.open();
    await stream.end();
    assert.is((await readAll(stream)).toString(), name);
    assert.is((await waypoint.nextRecord(signal)).verdict.route, route.origin);
    draws.shift();
  }
  const nobody = { service, weight: 1, unresolved: 'no such service' };
  waypoint.configure({ service, routes: [], connectionRoutes: [{ ...route, backends: [nobody] }] });
  const refused = await waypoint.connect('10.96.0.20:9080');
  assert.is(refused.kind === 'refused' && refused.status, 503);
  const { verdict } = await waypoint.nextRecord(signal);
  assert.is(verdict.code, 'AMB1717');
  assert.match(verdict.reason, 'no such service');
});

test('on an undeclared port a server may speak first, and HTTP is still recognized', async ({
  stack,
  signal,
}) => {
  const greeter = createServer((socket) => {
    socket.write('220 hello\r\n');
    socket.on('data', (bytes) => socket.end(bytes));
  }).listen(0, '127.0.0.1');
  await once(greeter, 'listening');
  stack.defer(() => void greeter.close());
  const { port } = greeter.address() as AddressInfo;
  const waypoint = await startWaypoint(stack);
  serve(waypoint, port, 'unknown');
  const stream = await waypoint.open();
  const greeting = await stream.read();
  assert.is(Buffer.from(greeting!).toString(), '220 hello\r\n');
  await stream.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  assert.is((await readAll(stream)).toString(), 'GET / HTTP/1.1\r\n\r\n');
  await stream.end();
  assert.is((await waypoint.nextRecord(signal)).http, undefined);
});

test('on an undeclared port a silent client that then speaks HTTP is served as HTTP', async ({
  stack,
  signal,
}) => {
  const clock = new ManualClock();
  const waypoint = await startOne(stack, (_request, response) => response.end('ok'), {
    clock,
    protocol: 'unknown',
  });
  const stream = await waypoint.open();
  await clock.waited(100);
  clock.advance(100);
  while (waypoint.arrived.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const answer = await ask(stream);
  assert.is(answer.body.toString(), 'ok');
  assert.is((await waypoint.nextRecord(signal)).http?.status, 200);
});

test.run();
