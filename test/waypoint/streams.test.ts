import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import * as http2 from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import {
  ask,
  readAnswer,
  serviceOf,
  startApp,
  startWaypoint,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('streams through a waypoint');

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

async function startOne(
  stack: AsyncDisposableStack,
  listener: Listener,
  options: Parameters<typeof startWaypoint>[1] & {
    protocol?: ServicePort['appProtocol'];
    route?: Partial<HttpRoute>;
  } = {},
): Promise<WaypointUnderTest> {
  const app = await startApp(stack, listener);
  const waypoint = await startWaypoint(stack, options);
  serve(waypoint, app.port, options.protocol, options.route);
  return waypoint;
}

function serve(
  waypoint: WaypointUnderTest,
  port: number,
  protocol: ServicePort['appProtocol'] = 'http11',
  route?: Partial<HttpRoute>,
): void {
  const reviews = serviceOf('reviews', protocol);
  const service = keyOfService(reviews);
  if (!waypoint.mesh.services.some((one) => one.name === 'reviews')) {
    waypoint.mesh.services.push(reviews);
  }
  const count = waypoint.mesh.endpointsOf(service).length;
  waypoint.mesh.add(reviews, workloadAt(`reviews-${count}`), port);
  const backends = [{ service, weight: 1 }];
  const routes = route === undefined ? [] : [{ origin: 'r', matches: [], backends, ...route }];
  waypoint.configure({ service, routes });
}

/** Bytes that do not repeat soon, without holding all of them. */
function* pattern(size: number): Generator<Buffer> {
  const chunk = 64 * 1024;
  for (let at = 0; at < size; at += chunk) {
    const bytes = Buffer.alloc(Math.min(chunk, size - at));
    for (let index = 0; index + 4 <= bytes.length; index += 4)
      bytes.writeUInt32LE(at + index, index);
    yield bytes;
  }
}

const megabyte = 1024 * 1024;

for (const protocol of ['http11', 'http2'] as const) {
  test(`large bodies pass both ways unchanged over ${protocol}`, async ({ stack }) => {
    const size = 24 * megabyte;
    const listener = async (
      request: http2.Http2ServerRequest | IncomingMessage,
      response: http2.Http2ServerResponse | ServerResponse,
    ) => {
      const hash = createHash('sha256');
      for await (const chunk of request) hash.update(chunk as Buffer);
      response.setHeader('x-hash', hash.digest('hex'));
      for (const bytes of pattern(size)) {
        const isRoom = (response as ServerResponse).write(bytes);
        if (!isRoom) await once(response, 'drain');
      }
      response.end();
    };
    const waypoint = await startWaypoint(stack);
    if (protocol === 'http11') {
      serve(waypoint, (await startApp(stack, (...all) => void listener(...all))).port);
    } else {
      serve(waypoint, await startHttp2(stack, (...all) => void listener(...all)), 'http2');
    }
    const stream = toDuplex(await waypoint.open());
    const request = httpRequest({ createConnection: () => stream as never, method: 'POST' });
    request.on('error', () => undefined);
    const sent = createHash('sha256');
    const sending = (async () => {
      for (const bytes of pattern(size)) {
        sent.update(bytes);
        if (!request.write(bytes)) await once(request, 'drain');
      }
      request.end();
    })();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await sending;
    const got = createHash('sha256');
    for await (const chunk of response) got.update(chunk as Buffer);
    const expected = createHash('sha256');
    for (const bytes of pattern(size)) expected.update(bytes);
    assert.is(response.headers['x-hash'], sent.digest('hex'));
    assert.is(got.digest('hex'), expected.digest('hex'));
  });
}

async function startHttp2(
  stack: AsyncDisposableStack,
  listener: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void,
): Promise<number> {
  const server = http2.createServer(listener);
  const sessions = new Set<http2.Http2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('gRPC passes: HTTP/2 on both sides, many streams, trailers kept', async ({
  stack,
  signal,
}) => {
  const waypoint = await startWaypoint(stack);
  const port = await startHttp2(stack, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.setHeader('content-type', 'application/grpc');
      response.write(Buffer.concat(chunks));
      response.addTrailers({ 'grpc-status': '7', 'grpc-message': 'no' });
      response.end();
    })();
  });
  serve(waypoint, port, 'grpc');
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews:9080', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  const call = async (text: string): Promise<[string, http2.IncomingHttpHeaders]> => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/pkg.Service/Method',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const trailers = once(stream, 'trailers');
    stream.end(text);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return [Buffer.concat(chunks).toString(), ((await trailers) as [http2.IncomingHttpHeaders])[0]];
  };
  const calls = await Promise.all(['a', 'b', 'c', 'd'].map(call));
  for (const [index, [text, trailers]] of calls.entries()) {
    assert.is(text, 'abcd'[index]);
    assert.is(trailers['grpc-status'], '7');
    assert.is(trailers['grpc-message'], 'no');
  }
  await waypoint.nextRecord(signal);
  assert.is(waypoint.arrived.length, 1, 'one upstream connection carries them all');
  assert.is(waypoint.decided[0]?.protocol, 'grpc');
  assert.is(waypoint.decided[0]?.grpcStatus, '7');
});

test('a denied gRPC call gets a status it understands', async ({ stack }) => {
  const waypoint = await startWaypoint(stack);
  serve(waypoint, 1, 'grpc');
  const service = keyOfService(serviceOf('reviews'));
  const policies = [{ namespace: 'default', name: 'none', action: 'ALLOW', rules: [] }] as const;
  waypoint.configure({ service, routes: [], policies });
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews:9080', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  const stream = session.request({ ':method': 'POST', 'content-type': 'application/grpc' });
  stream.on('error', () => undefined);
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  assert.is(headers[':status'], 200);
  assert.is(headers['grpc-status'], '7');
  assert.match(headers['ambit-decision'] as string, 'AMB1702');
});

test('HTTP/1.1 keeps chunks, trailers, HEAD, 204 and repeated headers as they are', async ({
  stack,
}) => {
  const waypoint = await startOne(stack, (request, response) => {
    if (request.url === '/none') {
      response.writeHead(204).end();
    } else {
      response.writeHead(200, [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        request.method === 'HEAD' ? ['content-length', '7'] : ['trailer', 'x-sum'],
      ]);
      response.write('one');
      response.addTrailers({ 'x-sum': '42' });
      response.end('two');
    }
  });
  const got = await ask(await waypoint.open());
  assert.is(got.body.toString(), 'onetwo');
  assert.equal(got.headers['set-cookie'], ['a=1', 'b=2']);
  assert.is(got.trailers['x-sum'], '42');
  const head = await ask(await waypoint.open(), { method: 'HEAD' });
  assert.is(head.headers['content-length'], '7');
  assert.is(head.body.length, 0);
  assert.is((await ask(await waypoint.open(), { path: '/none' })).status, 204);
});

test('one client connection carries requests in turn over one upstream connection', async ({
  stack,
}) => {
  const waypoint = await startOne(stack, (_request, response) => response.end('ok'));
  const duplex = toDuplex(await waypoint.open());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const nothing = (): void => undefined;
  Object.assign(duplex, {
    setKeepAlive: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
  });
  Object.assign(agent, { createConnection: () => duplex });
  stack.defer(() => agent.destroy());
  for (let index = 0; index < 5; index++) {
    const request = httpRequest({ agent, path: `/${index}` });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.is((await readAnswer(response)).status, 200);
  }
  assert.is(waypoint.arrived.length, 1);
});

test('an injected delay holds the request back for its time', async ({ stack, signal }) => {
  const clock = new ManualClock();
  const fault = { delay: { percent: 100, fixedDelayMs: 7000 } };
  const waypoint = await startOne(stack, (_request, response) => response.end('ok'), {
    clock,
    route: { fault },
  });
  const answer = ask(await waypoint.open());
  await clock.waited(7000);
  assert.is(waypoint.arrived.length, 0);
  clock.advance(7000);
  assert.is((await answer).status, 200);
  const record = await waypoint.nextRecord(signal);
  assert.match(record.verdict.reason, 'delayed 7000 ms by fault injection');
  assert.is(record.durationMs, 7000);
});

test('a client that gives up ends the request at the application', async ({ stack, signal }) => {
  const gone = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const waypoint = await startOne(stack, (_request, response) => {
    response.on('close', () => gone.resolve());
    begun.resolve();
  });
  const stream = await waypoint.open();
  const request = httpRequest({ createConnection: () => toDuplex(stream) as never });
  request.on('error', () => undefined);
  request.end();
  await begun.promise;
  request.destroy();
  await gone.promise;
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1713');
});

test('a timeout answers 504 and ends the request at the application', async ({ stack, signal }) => {
  const clock = new ManualClock();
  const gone = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const listener: Listener = (_request, response) => {
    response.on('close', () => gone.resolve());
    begun.resolve();
  };
  const route = { timeoutMs: 500 };
  const waypoint = await startOne(stack, listener, { clock, route });
  const answer = ask(await waypoint.open());
  await clock.waited(500);
  await begun.promise;
  clock.advance(500);
  assert.is((await answer).status, 504);
  await gone.promise;
  assert.is((await waypoint.nextRecord(signal)).verdict.code, 'AMB1708');
});

test('an application that dies before its response is told by 503', async ({ stack, signal }) => {
  const waypoint = await startOne(stack, (request) => request.socket.destroy(), {
    route: { retries: { attempts: 0, retryOn: '' } },
  });
  const answer = await ask(await waypoint.open(), { method: 'POST', body: 'x' });
  assert.is(answer.status, 503);
  assert.match(answer.headers['ambit-decision'] as string, 'AMB1707');
  assert.is((await waypoint.nextRecord(signal)).destination.workload, 'reviews-0');
});

test('one that dies within its response breaks it off for the client', async ({
  stack,
  signal,
}) => {
  const waypoint = await startOne(stack, (request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('half', () => request.socket.destroy());
  });
  const answer = ask(await waypoint.open());
  await answer.then(
    () => assert.unreachable('the body is not whole'),
    (error: Error) => assert.match(error.message, /aborted|closed|lost|hang up/i),
  );
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1712');
  assert.is(record.bytesReceived, 4);
});

test('a failed attempt goes to another endpoint, with its body again', async ({
  stack,
  signal,
}) => {
  const waypoint = await startWaypoint(stack, { random: () => 0 });
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: deadPort } = closed.address() as AddressInfo;
  closed.close();
  const route = { retries: { attempts: 2, retryOn: 'connect-failure,503' } };
  serve(waypoint, deadPort, 'http11', route);
  const busy = await startApp(stack, (request, response) => {
    request.resume().on('end', () => response.writeHead(503).end('busy'));
  });
  serve(waypoint, busy.port, 'http11', route);
  const good = await startApp(stack, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.end(Buffer.concat(chunks));
    })();
  });
  serve(waypoint, good.port, 'http11', route);
  const answer = await ask(await waypoint.open(), { method: 'POST', body: 'again' });
  assert.is(answer.status, 200);
  assert.is(answer.body.toString(), 'again');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.destination.workload, 'reviews-2');
  assert.is(waypoint.arrived.length, 3);
});

test('attempts end, and the last failure is told', async ({ stack }) => {
  const waypoint = await startOne(
    stack,
    (_request, response) => response.writeHead(503).end('no'),
    {
      route: { retries: { attempts: 2, retryOn: '503' } },
    },
  );
  const answer = await ask(await waypoint.open());
  assert.is(answer.status, 503);
  assert.is(answer.body.toString(), 'no');
});

test('Expect: 100-continue is honoured', async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  const stream = await waypoint.open();
  const request = httpRequest({
    createConnection: () => toDuplex(stream) as never,
    method: 'POST',
    headers: { expect: '100-continue', 'content-length': '3' },
  });
  request.on('error', () => undefined);
  request.flushHeaders();
  await once(request, 'continue');
  request.end('abc');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  assert.is((await readAnswer(response)).status, 200);
});

test('a WebSocket upgrade passes, and bytes flow both ways', async ({ stack, signal }) => {
  const app = await startApp(stack, (_request, response) => response.end());
  app.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  const waypoint = await startWaypoint(stack);
  serve(waypoint, app.port);
  const stream = await waypoint.open();
  const request = httpRequest({
    createConnection: () => toDuplex(stream) as never,
    headers: { connection: 'upgrade', upgrade: 'websocket' },
  });
  request.on('error', () => undefined);
  request.end();
  const [response, socket] = (await once(request, 'upgrade')) as [
    IncomingMessage,
    import('node:stream').Duplex,
  ];
  assert.is(response.statusCode, 101);
  socket.write('ping');
  const [echoed] = (await once(socket, 'data')) as [Buffer];
  assert.is(echoed.toString(), 'ping');
  socket.end();
  await once(socket, 'end');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.http?.status, 101);
  assert.is(record.bytesSent, 4);
});

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
