// Acceptance of traffic management, by the tasks of Istio's documentation: what goes through a waypoint
// beside plain requests, and ports whose protocol nobody named.

import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';

const ports = { 'tcp-smtp': 9001, other: 9002, http2: 9003 } as const;
const waypoint = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'waypoint', labels: { 'istio.io/waypoint-for': 'service' } },
  spec: {
    gatewayClassName: 'istio-waypoint',
    listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
  },
};
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'wire', labels: { 'istio.io/use-waypoint': 'waypoint' } },
  spec: {
    selector: { app: 'server' },
    ports: Object.entries(ports).map(([name, port]) => ({ name, port })),
  },
};
/** Marks every answer of an HTTP port that a waypoint has read. */
const marking = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'wire' },
  spec: {
    hosts: ['wire'],
    http: [
      {
        headers: { response: { set: { 'x-marked': 'yes' } } },
        route: [{ destination: { host: 'wire' } }],
      },
    ],
  },
};

interface Context {
  readonly connect: (port: keyof typeof ports) => Promise<Socket>;
}

const test = suite<Context>('acceptance of protocols', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'protocols');
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [
      { name: 'client', node: 'node1' },
      { name: 'server', node: 'node1' },
    ]);
    await apply(mesh, { apiVersion: 'v1', kind: 'List', items: [waypoint, service, marking] });
    await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
    for (const pod of ['client', 'server']) await enrolled(mesh, pod);
    await serveAll(stack, await namespaceOf(mesh, stack, 'server'));
    const namespace = await namespaceOf(mesh, stack, 'client');
    const [host] = await addressesOf(mesh, 'service', 'wire');
    const connect = (port: keyof typeof ports): Promise<Socket> =>
      connectTcp({ host, port: ports[port], namespace, timeoutMs: 5_000 });
    await until('the routes to be in force', async () => {
      const { headers } = await ask(await connect('other'), { path: '/' });
      return headers['x-marked'] === 'yes' || undefined;
    });
    return { connect };
  },
});

async function serveAll(stack: AsyncDisposableStack, namespace: NetworkNamespace): Promise<void> {
  const sockets = new Set<Socket>();
  const smtp = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 ready\r\n');
    socket.on('data', (chunk: Buffer) => socket.write(`250 ${chunk.toString()}`));
  });
  const other = http.createServer((request, response) => {
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      // The next event waits for the client's other request.
      other.once('next', () => response.end('data: 2\n\n'));
    } else if (request.url === '/next') {
      other.emit('next');
      response.end();
    } else request.pipe(response);
  });
  other.on('upgrade', (request: http.IncomingMessage, socket: Socket) => {
    const { upgrade } = request.headers;
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`,
    );
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const plain2 = http2.createServer();
  plain2.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  for (const [server, port] of [
    [smtp, ports['tcp-smtp']],
    [other, ports.other],
    [plain2, ports.http2],
  ] as const) {
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen({ fd: listenTcp({ host: '::', port, namespace }).fd });
    await once(server, 'listening');
    stack.defer(() => void server.close());
  }
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
}

interface Asked {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

function begin(socket: Socket, options: http.RequestOptions): http.ClientRequest {
  return http.request({ host: 'wire', createConnection: () => socket, ...options });
}

async function ask(socket: Socket, options: http.RequestOptions, body = ''): Promise<Asked> {
  const request = begin(socket, options);
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const { statusCode: status, headers } = response;
  return { status, headers, body: await text(response) };
}

test('A-41: a server that speaks first is heard at once', async ({ connect }) => {
  const socket = await connect('tcp-smtp');
  assert.is(String((await once(socket, 'data'))[0]), '220 ready\r\n');
  socket.write('HELO\r\n');
  assert.is(String((await once(socket, 'data'))[0]), '250 HELO\r\n');
  socket.destroy();
});

test('A-42: a connection is upgraded and carries bytes both ways', async ({ connect }) => {
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const request = begin(await connect('other'), { headers });
  request.end();
  const [response, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, Socket];
  assert.is(response.statusCode, 101);
  for (const word of ['one', 'two']) {
    socket.write(word);
    assert.is(String((await once(socket, 'data'))[0]), word);
  }
  socket.destroy();
});

test('A-42: events arrive while their answer goes on', async ({ connect }) => {
  const request = begin(await connect('other'), { path: '/events' });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  assert.is(String((await once(response, 'data'))[0]), 'data: 1\n\n');
  const second = once(response, 'data');
  await ask(await connect('other'), { path: '/next' });
  assert.is(String((await second)[0]), 'data: 2\n\n');
});

test('A-42: a large body comes back whole', async ({ connect }) => {
  const body = 'x'.repeat(10_000_000);
  const answer = await ask(await connect('other'), { method: 'POST', path: '/' }, body);
  assert.is(answer.status, 200);
  assert.ok(answer.body === body, `${answer.body.length} bytes`);
});

test('A-42: HTTP/2 by prior knowledge streams both ways, with trailers', async ({ connect }) => {
  const socket = await connect('http2');
  const session = http2.connect('http://wire:9003', { createConnection: () => socket });
  const stream = session.request({ ':method': 'POST', ':path': '/echo', te: 'trailers' });
  const [headers] = (await Promise.race([
    once(stream, 'response'),
    once(session, 'error').then(([error]) => Promise.reject(error as Error)),
  ])) as [http2.IncomingHttpHeaders];
  assert.is(headers[':status'], 200);
  assert.is(headers['x-marked'], 'yes');
  for (const word of ['one', 'two']) {
    stream.write(word);
    assert.is(String((await once(stream, 'data'))[0]), word);
  }
  const trailers = once(stream, 'trailers');
  stream.end();
  assert.is(((await trailers)[0] as http2.IncomingHttpHeaders)['grpc-status'], '0');
  session.destroy();
});

test('A-43: routes hold on a port whose protocol nobody named', async ({ connect }) => {
  const answer = await ask(await connect('other'), { method: 'POST', path: '/' }, 'hello');
  assert.is(answer.body, 'hello');
  assert.is(answer.headers['x-marked'], 'yes');
});

test.run();
