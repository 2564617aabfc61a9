import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import * as http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { serve, startHttp2, startOne } from './application.ts';
import { ask, readAnswer, serviceOf, startApp, startWaypoint } from './fixture.ts';

const test = suite('streams through a waypoint');

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

test('an HTTP/2 client reaches an HTTP/1.1 application', async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.setHeader('trailer', 'x-sum');
      response.write(
        `${request.httpVersion} ${request.headers.cookie} ${Buffer.concat(chunks).toString()}`,
      );
      response.addTrailers({ 'x-sum': '42' });
      response.end();
    })();
  });
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews:9080', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  const stream = session.request({ ':method': 'POST', cookie: ['a=1', 'b=2'] as never });
  const trailers = once(stream, 'trailers');
  stream.end('body');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  assert.is(Buffer.concat(chunks).toString(), '1.1 a=1; b=2 body');
  const [fields] = (await trailers) as [http2.IncomingHttpHeaders];
  assert.is(fields['x-sum'], '42');
});

test('pipelined requests are answered in their order', async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => {
    const delayed = request.url === '/0';
    const answer = (): void => void response.end(request.url);
    if (delayed) setImmediate(() => setImmediate(answer));
    else answer();
  });
  const stream = await waypoint.open();
  const asked = [0, 1, 2].map(
    (index) =>
      `GET /${index} HTTP/1.1\r\nhost: a\r\n${index === 2 ? 'connection: close\r\n' : ''}\r\n`,
  );
  await stream.write(Buffer.from(asked.join('')));
  const text = (await readAll(stream)).toString();
  assert.equal(text.match(/\/[0-9]$|\/[0-9](?=\r?\n|HTTP)/gm), ['/0', '/1', '/2']);
});

test('pipelined requests are served one after another, however many come at once', async ({
  stack,
}) => {
  let underWay = 0;
  let most = 0;
  const waypoint = await startOne(stack, (request, response) => {
    most = Math.max(most, ++underWay);
    request.resume().on('end', () => {
      setImmediate(() => {
        underWay--;
        response.end(`<${String(request.url)}>`);
      });
    });
  });
  const asked = Array.from({ length: 300 }, (_, index) =>
    index % 2 === 0
      ? `GET /${index} HTTP/1.1\r\nhost: a\r\n\r\n`
      : `POST /${index} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc`,
  );
  const stream = await waypoint.open();
  const last = 'GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
  await stream.write(Buffer.from(asked.join('') + last));
  const answers = (await readAll(stream)).toString().match(/<[^>]+>/g);
  assert.equal(answers, [...asked.map((_, index) => `</${index}>`), '</last>']);
  assert.is(most, 1);
  assert.is(waypoint.arrived.length, 1, 'one connection to the application carries them all');
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
  const [response, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex];
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

test.run();
