import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import { TestAuthority } from '../support/certificates.ts';
import { suite } from '../support/suite.ts';
import { identity, readAll } from '../support/tunnels.ts';
import { serve } from './application.ts';
import { serviceOf, startWaypoint, type WaypointUnderTest, workloadAt } from './fixture.ts';

const test = suite('connections routed by the name in their TLS hello');

/** A TLS server that tells its own name and the one it was asked for. */
async function startTls(stack: AsyncDisposableStack, name: string): Promise<number> {
  const { privateKeyPem, certChainPem } = await new TestAuthority().issue(identity(name));
  const server = createTlsServer({ key: privateKeyPem, cert: certChainPem }, (socket) => {
    socket.end(`${name} ${String(socket.servername)}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Two services; names below `two.example` belong to the second. */
async function start(
  stack: AsyncDisposableStack,
  protocol: ServicePort['appProtocol'],
): Promise<WaypointUnderTest> {
  const waypoint = await startWaypoint(stack);
  serve(waypoint, await startTls(stack, 'one'), protocol);
  const two = serviceOf('two', protocol, '10.96.0.22');
  waypoint.mesh.services.push(two);
  waypoint.mesh.add(two, workloadAt('two'), await startTls(stack, 'two'));
  const service = keyOfService(serviceOf('reviews'));
  waypoint.configure({
    service,
    routes: [],
    connectionRoutes: [
      {
        origin: 'VirtualService default/v tls[0]',
        matches: [{ sniHosts: ['*.two.example', 'two.example'] }],
        backends: [{ service: keyOfService(two), weight: 1 }],
      },
    ],
  });
  return waypoint;
}

async function askFor(waypoint: WaypointUnderTest, servername: string): Promise<string> {
  const socket = connect({
    socket: toDuplex(await waypoint.open()),
    servername,
    rejectUnauthorized: false,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

for (const protocol of ['tls', 'unknown'] as const) {
  test(`on a port declared ${protocol}, the name chooses the backend, and TLS goes through`, async ({
    stack,
    signal,
  }) => {
    const waypoint = await start(stack, protocol);
    for (const [asked, answer, route] of [
      ['a.two.example', 'two a.two.example', 'VirtualService default/v tls[0]'],
      ['TWO.example', 'two TWO.example', 'VirtualService default/v tls[0]'],
      ['three.example', 'one three.example', undefined],
      ['', 'one false', undefined],
    ] as const) {
      assert.is(await askFor(waypoint, asked), answer);
      const { verdict } = await waypoint.nextRecord(signal);
      assert.is(verdict.outcome, 'forwarded');
      assert.is(verdict.route, route);
    }
  });
}

test('what is no hello, or ends before it is one, is passed on as it came', async ({
  stack,
  signal,
}) => {
  const waypoint = await startWaypoint(stack);
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  stack.defer(() => void echo.close());
  serve(waypoint, (echo.address() as AddressInfo).port, 'tls');
  const service = keyOfService(serviceOf('reviews'));
  const origin = 'TLSRoute default/r rules[0]';
  const backends = [{ service, weight: 1 }];
  const matches = [{ sniHosts: ['a'] }];
  waypoint.configure({ service, routes: [], connectionRoutes: [{ origin, matches, backends }] });
  const cut = Buffer.from('16030101000100', 'hex');
  for (const bytes of [Buffer.from('no TLS at all'), cut]) {
    const stream = await waypoint.open();
    for (const byte of bytes) await stream.write(Buffer.of(byte));
    await stream.end();
    assert.equal(await readAll(stream), bytes);
    assert.is((await waypoint.nextRecord(signal)).verdict.route, undefined);
  }
});

test('a server on an undeclared port may speak first though routes ask for names', async ({
  stack,
}) => {
  const waypoint = await startWaypoint(stack);
  const greeter = createServer((socket) => {
    socket.write('220 hello\r\n');
    socket.on('data', (bytes) => socket.end(bytes));
  }).listen(0, '127.0.0.1');
  await once(greeter, 'listening');
  stack.defer(() => void greeter.close());
  serve(waypoint, (greeter.address() as AddressInfo).port, 'unknown');
  const service = keyOfService(serviceOf('reviews'));
  const route = { origin: 'r', backends: [{ service, weight: 1 }] };
  const connectionRoutes = [{ ...route, matches: [{ sniHosts: ['a'] }] }];
  waypoint.configure({ service, routes: [], connectionRoutes });
  const stream = await waypoint.open();
  assert.is(Buffer.from((await stream.read()) ?? []).toString(), '220 hello\r\n');
  await stream.write(Buffer.from('EHLO'));
  assert.is((await readAll(stream)).toString(), 'EHLO');
});

test('a port declared tls whose server speaks first is not held up where no route asks for names', async ({
  stack,
}) => {
  const waypoint = await startWaypoint(stack);
  const greeter = createServer((socket) => socket.end('220 hello\r\n')).listen(0, '127.0.0.1');
  await once(greeter, 'listening');
  stack.defer(() => void greeter.close());
  serve(waypoint, (greeter.address() as AddressInfo).port, 'tls');
  const stream = await waypoint.open();
  assert.is((await readAll(stream)).toString(), '220 hello\r\n');
});

test.run();
