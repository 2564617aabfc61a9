import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { serve, startOne } from './application.ts';
import { startWaypoint, type WaypointUnderTest } from './fixture.ts';
import { http2Session } from './protocol-clients.ts';
import { bridge, maskedText, startWebSocket1, startWebSocket2 } from './websocket-endpoint.ts';

const test = suite('changes to another protocol');

const endpoints = ['HTTP/1.1', 'HTTP/2'] as const;

async function start(
  stack: AsyncDisposableStack,
  endpoint: (typeof endpoints)[number],
): Promise<WaypointUnderTest> {
  const waypoint = await startWaypoint(stack);
  if (endpoint === 'HTTP/1.1') serve(waypoint, await startWebSocket1(stack));
  else serve(waypoint, await startWebSocket2(stack, true), 'http2');
  return waypoint;
}

/** Asks for a WebSocket over HTTP/2. */
async function extended(
  session: ClientHttp2Session,
  path: string,
): Promise<{ stream: ClientHttp2Stream; headers: IncomingHttpHeaders }> {
  if (session.remoteSettings.enableConnectProtocol !== true) await once(session, 'remoteSettings');
  assert.is(session.remoteSettings.enableConnectProtocol, true);
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': path,
      ':scheme': 'http',
      ':authority': 'reviews',
      'sec-websocket-version': '13',
    },
    { endStream: false },
  );
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { stream, headers };
}

for (const endpoint of endpoints) {
  test(`a WebSocket client over HTTP/1.1 talks to an endpoint over ${endpoint}`, async ({
    stack,
    signal,
  }) => {
    const waypoint = await start(stack, endpoint);
    const port = await bridge(stack, waypoint);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`);
    await once(socket, 'open');
    for (const text of ['one', 'two']) {
      socket.send(text);
      const [message] = (await once(socket, 'message')) as [MessageEvent];
      assert.is(message.data, text);
    }
    socket.close();
    const [closed] = (await once(socket, 'close')) as [CloseEvent];
    assert.ok(closed.wasClean);
    const record = await waypoint.nextRecord(signal);
    assert.is(record.verdict.outcome, 'forwarded');
    assert.is(record.http?.status, endpoint === 'HTTP/2' ? 200 : 101);
    assert.ok(record.bytesSent > 0 && record.bytesReceived > 0);
  });

  test(`a WebSocket client over HTTP/2 talks to an endpoint over ${endpoint}`, async ({
    stack,
    signal,
  }) => {
    const waypoint = await start(stack, endpoint);
    const session = await http2Session(waypoint, stack);
    const { stream, headers } = await extended(session, '/echo');
    assert.is(headers[':status'], 200);
    assert.is(headers['sec-websocket-accept'], undefined);
    stream.write(maskedText('hello'));
    const [message] = (await once(stream, 'data')) as [Buffer];
    assert.equal(message, Buffer.concat([Buffer.of(0x81, 5), Buffer.from('hello')]));
    stream.end();
    stream.resume();
    await once(stream, 'close');
    const record = await waypoint.nextRecord(signal);
    assert.is(record.verdict.outcome, 'forwarded');
    assert.is(record.http?.method, 'GET');
  });

  test(`an endpoint over ${endpoint} may refuse the change`, async ({ stack, signal }) => {
    const waypoint = await start(stack, endpoint);
    const plain = await waypoint.open();
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    await plain.write(
      Buffer.from(
        `GET /no HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\n\r\n`,
      ),
    );
    assert.match((await readAll(plain)).toString(), /^HTTP\/1\.1 403 [^]*no$/);
    assert.is((await waypoint.nextRecord(signal)).http?.status, 403);
    const { stream, headers } = await extended(await http2Session(waypoint, stack), '/no');
    assert.is(headers[':status'], 403);
    stream.end();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    assert.is(Buffer.concat(chunks).toString(), 'no');
    assert.is((await waypoint.nextRecord(signal)).http?.status, 403);
  });
}

test('an endpoint over HTTP/2 that does not take such requests is asked over HTTP/1.1', async ({
  stack,
  signal,
}) => {
  const waypoint = await startWaypoint(stack);
  serve(waypoint, await startWebSocket2(stack, false), 'http2');
  const { headers } = await extended(await http2Session(waypoint, stack), '/echo');
  assert.is(headers[':status'], 503);
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.outcome, 'failed');
});

const heads = 'host: a\r\nconnection: upgrade, close\r\n';

test('any protocol may be changed to but HTTP and TLS, and none with a body before it', async ({
  stack,
}) => {
  const waypoint = await startOne(stack, (request, response) => {
    request.resume().on('end', () => response.end(`${String(request.headers.upgrade)} stays`));
  });
  for (const [request, answer] of [
    [`GET / HTTP/1.1\r\n${heads}upgrade: h2c\r\nhttp2-settings: a\r\n\r\n`, 'undefined stays'],
    [`GET / HTTP/1.1\r\n${heads}upgrade: TLS/1.0\r\n\r\n`, 'undefined stays'],
    [`GET / HTTP/1.1\r\n${heads}upgrade: a, b\r\n\r\n`, 'undefined stays'],
    [`GET / HTTP/1.0\r\n${heads}upgrade: foo\r\n\r\n`, 'undefined stays'],
    [
      `POST / HTTP/1.1\r\n${heads}upgrade: websocket\r\ncontent-length: 3\r\n\r\nabc`,
      'undefined stays',
    ],
    [`GET / HTTP/1.1\r\n${heads}upgrade: foo/2\r\n\r\n`, 'foo/2 stays'],
  ] as const) {
    const stream = await waypoint.open();
    await stream.write(Buffer.from(request));
    const text = (await readAll(stream)).toString();
    assert.ok(text.includes(answer), `${request} got ${text}`);
  }
});

test.run();
