import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { serve } from './application.ts';
import { ask, startWaypoint, type WaypointUnderTest } from './fixture.ts';

const test = suite('responses that can not be understood, or in two ways');

const good = 'HTTP/1.1 200 OK\r\n';
const big = 'a'.repeat(70_000);

/** Each is answered for with 503, and nothing of it reaches the client. */
const cases: readonly (readonly [name: string, bytes: string])[] = [
  ['two lengths', `${good}Content-Length: 1\r\nContent-Length: 2\r\n\r\nEVIL`],
  [
    'length and chunks',
    `${good}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n`,
  ],
  [
    'chunks and length',
    `${good}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n`,
  ],
  ['a signed length', `${good}Content-Length: +4\r\n\r\nEVIL`],
  ['a folded field', `${good}X: a\r\n EVIL\r\n\r\n`],
  ['a bare LF', `${good}X: a\nX-EVIL: b\r\n\r\n`],
  ['a bare CR', `${good}X: a\rX-EVIL: b\r\n\r\n`],
  ['NUL in a value', `${good}X: a\0EVIL\r\n\r\n`],
  ['a space before the colon', `${good}X-EVIL : a\r\n\r\n`],
  ['no status', 'HTTP/1.1 OK\r\nX-EVIL: a\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nX-EVIL: a\r\n\r\n'],
  ['another version', 'HTTP/3.0 200 OK\r\nX-EVIL: a\r\n\r\n'],
  ['no HTTP', 'EVIL'],
  ['a head too large', `${good}X-EVIL: ${big}\r\n\r\n`],
  [
    'a change nobody asked for',
    'HTTP/1.1 101 Switching\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\nEVIL',
  ],
];

/** An endpoint that answers every request with the bytes. */
async function start(stack: AsyncDisposableStack, bytes: () => string): Promise<WaypointUnderTest> {
  const endpoint = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(Buffer.from(bytes(), 'latin1')));
  }).listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  stack.defer(() => void endpoint.close());
  const waypoint = await startWaypoint(stack);
  const route = { retries: { attempts: 0, retryOn: '' } };
  serve(waypoint, (endpoint.address() as AddressInfo).port, 'http11', route);
  return waypoint;
}

test('each is answered for with 503 and a code', async ({ stack, signal }) => {
  let bytes = '';
  const waypoint = await start(stack, () => bytes);
  for (const one of cases) {
    const [name] = one;
    bytes = one[1];
    const { status, headers, body } = await ask(await waypoint.open());
    assert.is(status, 503, name);
    assert.not.match(`${JSON.stringify(headers)} ${body.toString()}`, /evil/i, name);
    const record = await waypoint.nextRecord(signal);
    assert.is(record.verdict.code, 'AMB1707', name);
    assert.is(record.http?.status, 503, name);
  }
});

test('what follows a response is never taken for the next one', async ({ stack }) => {
  let answered = 0;
  const waypoint = await start(stack, () => {
    const own = `${good}content-length: 1\r\n\r\n${answered++}`;
    return `${own}${good}content-length: 4\r\n\r\nEVIL`;
  });
  for (let index = 0; index < 5; index++) {
    const { body } = await ask(await waypoint.open());
    assert.is(body.toString(), String(index));
  }
  const stream = await waypoint.open();
  const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
  await stream.write(
    Buffer.from(`${get}${get}GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`),
  );
  let text = '';
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
    text += Buffer.from(bytes).toString();
  }
  assert.not.match(text, 'EVIL');
});

test.run();
