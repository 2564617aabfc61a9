import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { TrafficPolicy } from '../../src/mesh/destination.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import {
  ask,
  serviceOf,
  servicePort,
  startWaypoint,
  virtualAddress,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';

const test = suite('what connections to endpoints begin with');

function lead(
  waypoint: WaypointUnderTest,
  port: number,
  policy: TrafficPolicy,
  protocol: ServicePort['appProtocol'],
  tunnelProtocol: 'none' | 'hbone' = 'none',
): void {
  const service = serviceOf('out', protocol);
  waypoint.mesh.services.splice(0, 1, service);
  waypoint.mesh.endpoints.clear();
  waypoint.mesh.add(service, workloadAt('outside', { tunnelProtocol }), port);
  const destination = { origin: 'DestinationRule default/out', subsets: [], policy };
  waypoint.configure({ service: keyOfService(service), routes: [], destination });
}

/** Listens on loopback; connections end with the stack. */
async function listen(
  stack: AsyncDisposableStack,
  accept: (socket: Socket) => void,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    accept(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Says back all it was told, and ends. */
const sayBack = (socket: Socket): void => void socket.pipe(socket);

async function exchange(waypoint: WaypointUnderTest, text: string): Promise<string> {
  const stream = await waypoint.open();
  await stream.write(Buffer.from(text));
  await stream.end();
  return (await readAll(stream)).toString('latin1');
}

test('a PROXY header of either version names the client and where it went', async ({ stack }) => {
  const port = await listen(stack, sayBack);
  const waypoint = await startWaypoint(stack);
  lead(waypoint, port, { proxyProtocol: 'V1' }, 'tcp');
  const line = await exchange(waypoint, 'hello');
  assert.match(
    line,
    new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 ${virtualAddress} \\d+ ${servicePort}\r\nhello$`),
  );
  lead(waypoint, port, { proxyProtocol: 'V2' }, 'tcp', 'hbone');
  const bytes = await exchange(waypoint, 'hello');
  assert.ok(
    bytes.startsWith('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01'),
    'within a tunnel too',
  );
  assert.ok(bytes.endsWith('hello'));
});

test('a PROXY header comes before the requests of a connection', async ({ stack }) => {
  const texts: string[] = [];
  const port = await listen(stack, (socket) => {
    socket.once('data', (bytes: Buffer) => {
      texts.push(bytes.toString());
      socket.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  const waypoint = await startWaypoint(stack);
  lead(waypoint, port, { proxyProtocol: 'V1' }, 'http11');
  assert.is((await ask(await waypoint.open())).status, 204);
  assert.match(texts[0] ?? '', /^PROXY TCP4 [^\r]*\r\n(GET \/|$)/);
});

/** An HTTP proxy that opens tunnels by CONNECT, and carries what is posted; it notes what it was asked. */
async function startProxy(stack: AsyncDisposableStack) {
  const asked: string[] = [];
  const proxy = createHttp((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.writeHead(200).flushHeaders();
    request.pipe(response);
  });
  proxy.on('connect', ({ url = '' }, client: Socket, head: Buffer) => {
    asked.push(`CONNECT ${url}`);
    if (url.startsWith('forbidden.example')) {
      client.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
      return;
    }
    const onward = connect({
      port: Number(url.split(':')[1]),
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    onward.on('error', () => client.destroy());
    client.write('HTTP/1.1 200 OK\r\n\r\n');
    onward.write(head);
    client.pipe(onward).pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  stack.defer(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { asked, port: (proxy.address() as AddressInfo).port };
}

test('connections go through an HTTP proxy, by CONNECT or POST', async ({ stack, signal }) => {
  const target = await listen(stack, (socket) => {
    // Speaks first.
    socket.write('welcome ');
    sayBack(socket);
  });
  const { asked, port } = await startProxy(stack);
  const waypoint = await startWaypoint(stack);
  const through = (protocol: 'CONNECT' | 'POST', targetHost: string): void => {
    const tunnel = { protocol, targetHost, targetPort: target };
    lead(waypoint, port, { tunnel }, 'tcp');
  };
  through('CONNECT', 'db.example');
  assert.is(await exchange(waypoint, 'hello'), 'welcome hello');
  assert.is((await waypoint.nextRecord(signal)).verdict.outcome, 'forwarded');
  through('CONNECT', 'forbidden.example');
  const refused = await waypoint.connect(`${virtualAddress}:${servicePort}`);
  assert.is(refused.kind === 'refused' && refused.status, 503);
  const { verdict } = await waypoint.nextRecord(signal);
  assert.is(verdict.code, 'AMB1740');
  assert.match(verdict.reason, /answered with 403 for forbidden\.example/);
  through('POST', 'db.example');
  assert.is(await exchange(waypoint, 'posted'), 'posted');
  assert.equal(asked, [
    `CONNECT db.example:${target}`,
    `CONNECT forbidden.example:${target}`,
    `POST / db.example:${target}`,
  ]);
});

test.run();
