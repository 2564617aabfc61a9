import * as assert from 'uvu/assert';
import type { ByteStream } from '../../src/dataplane/byte-stream.ts';
import { headTimeoutMs, maxFields } from '../../src/waypoint/limits.ts';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { startOne } from './application.ts';
import { ask, type WaypointUnderTest } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('HTTP/1 requests that can not be understood, or in two ways');

const get = 'GET / HTTP/1.1\r\nHost: reviews\r\n';
const post = 'POST / HTTP/1.1\r\nHost: reviews\r\n';
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
const end = '0\r\n\r\n';
const big = 'a'.repeat(70_000);

type Case = readonly [name: string, bytes: string, status: number, code: string];

const lengths: readonly Case[] = [
  ['two lengths', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`, 400, 'AMB1747'],
  ['one length twice', `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, 400, 'AMB1747'],
  ['a list of lengths', `${post}Content-Length: 1, 1\r\n\r\nx`, 400, 'AMB1747'],
  ['a signed length', `${post}Content-Length: +1\r\n\r\nx`, 400, 'AMB1747'],
  ['a negative length', `${post}Content-Length: -1\r\n\r\nx`, 400, 'AMB1747'],
  ['a hexadecimal length', `${post}Content-Length: 0x1\r\n\r\nx`, 400, 'AMB1747'],
  ['a length with a space', `${post}Content-Length: 1 1\r\n\r\nx`, 400, 'AMB1747'],
  ['an empty length', `${post}Content-Length:\r\n\r\n`, 400, 'AMB1747'],
  [
    'a length beyond 64 bits',
    `${post}Content-Length: 99999999999999999999\r\n\r\n`,
    400,
    'AMB1747',
  ],
  ['a length beyond 53 bits', `${post}Content-Length: 9007199254740993\r\n\r\nx`, 400, 'AMB1747'],
  [
    'length, then chunks',
    `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n${end}`,
    400,
    'AMB1747',
  ],
  [
    'chunks, then length',
    `${post}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n${end}`,
    400,
    'AMB1747',
  ],
  [
    'two codings',
    `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${end}`,
    400,
    'AMB1747',
  ],
  ['chunks not last', `${post}Transfer-Encoding: chunked, gzip\r\n\r\n${end}`, 400, 'AMB1747'],
  ['another coding', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n${end}`, 501, 'AMB1747'],
  ['identity', `${post}Transfer-Encoding: identity\r\n\r\n`, 501, 'AMB1747'],
  ['nearly chunked', `${post}Transfer-Encoding: xchunked\r\n\r\n${end}`, 501, 'AMB1747'],
  ['chunked in quotes', `${post}Transfer-Encoding: "chunked"\r\n\r\n${end}`, 501, 'AMB1747'],
  ['an empty coding', `${post}Transfer-Encoding:\r\n\r\n${end}`, 400, 'AMB1747'],
  [
    'a coding after a vertical tab',
    `${post}Transfer-Encoding: \x0bchunked\r\n\r\n${end}`,
    400,
    'AMB1749',
  ],
  [
    'a coding in HTTP/1.0',
    `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${end}`,
    400,
    'AMB1747',
  ],
  ['a length in disguise', `${post}Content_Length: 5\r\n\r\n`, 400, 'AMB1749'],
];

const chunks: readonly Case[] = [
  ['a negative chunk', `${chunked}-1\r\nx\r\n${end}`, 400, 'AMB1747'],
  ['a signed chunk', `${chunked}+1\r\nx\r\n${end}`, 400, 'AMB1747'],
  ['a chunk with 0x', `${chunked}0x1\r\nx\r\n${end}`, 400, 'AMB1747'],
  ['a chunk beyond 64 bits', `${chunked}FFFFFFFFFFFFFFFFF\r\nx\r\n${end}`, 400, 'AMB1747'],
  ['a space after the size', `${chunked}1 \r\nx\r\n${end}`, 400, 'AMB1747'],
  ['no size', `${chunked}\r\nx\r\n${end}`, 400, 'AMB1747'],
  ['a bare LF after the size', `${chunked}1\nx\r\n${end}`, 400, 'AMB1747'],
  ['a bare LF in an extension', `${chunked}1;a\nb\r\nx\r\n${end}`, 400, 'AMB1747'],
  ['extensions without end', `${chunked}1;${'a'.repeat(20_000)}\r\nx\r\n${end}`, 400, 'AMB1747'],
];

const lines: readonly Case[] = [
  ['no version', 'GET /\r\n\r\n', 505, 'AMB1751'],
  ['HTTP/0.9', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', 505, 'AMB1751'],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 505, 'AMB1751'],
  ['HTTP/2.0 in a request line', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505, 'AMB1751'],
  ['HTTP/3.0', 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', 505, 'AMB1751'],
  ['half a version', 'GET / HTTP/1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a version in lower case', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['RTSP', 'DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['an unknown method', 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a space before the method', ' GET / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a tab after the method', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a bare LF after the line', 'GET / HTTP/1.1\nHost: a\n\n', 400, 'AMB1711'],
  ['no slash', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a fragment', 'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['bytes beyond ASCII', 'GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['a control character', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['an escaped NUL', 'GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['another scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['GET *', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AMB1711'],
  ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', 405, 'AMB1750'],
  [
    'CONNECT with Upgrade',
    'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    405,
    'AMB1750',
  ],
  ['a request line too long', `GET /${big}`, 414, 'AMB1745'],
];

const hosts: readonly Case[] = [
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'AMB1748'],
  ['no Host but a host in the target', 'GET http://a/ HTTP/1.1\r\n\r\n', 400, 'AMB1748'],
  ['two Hosts', `${get}Host: ratings\r\n\r\n`, 400, 'AMB1748'],
  ['one Host twice', `${get}Host: reviews\r\n\r\n`, 400, 'AMB1748'],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, 'AMB1748'],
  ['a list of hosts', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400, 'AMB1748'],
  ['a user', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n', 400, 'AMB1748'],
  ['a path in Host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400, 'AMB1748'],
  ['a port too large', 'GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n', 400, 'AMB1748'],
  ['two ports', 'GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n', 400, 'AMB1748'],
  ['a Host beyond ASCII', 'GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n', 400, 'AMB1748'],
  [
    'another host in the target',
    'GET http://ratings/ HTTP/1.1\r\nHost: reviews\r\n\r\n',
    400,
    'AMB1748',
  ],
  [
    'a user in the target',
    'GET http://x@reviews/ HTTP/1.1\r\nHost: reviews\r\n\r\n',
    400,
    'AMB1748',
  ],
  ['no host in the target', 'GET http:///x HTTP/1.1\r\nHost: reviews\r\n\r\n', 400, 'AMB1748'],
  [
    'a Host in disguise',
    'GET / HTTP/1.1\r\nHost: a\r\nH_ost: b\r\nHOST_: c\r\nX_Forwarded_Host: b\r\n\r\n',
    400,
    'AMB1749',
  ],
];

const fields: readonly Case[] = [
  ['a folded value', `${get}X: a\r\n b\r\n\r\n`, 400, 'AMB1749'],
  ['a folded value with a tab', `${get}X: a\r\n\tb\r\n\r\n`, 400, 'AMB1749'],
  ['a folded coding', `${post}Transfer-Encoding:\r\n chunked\r\n\r\n${end}`, 400, 'AMB1749'],
  ['a space before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400, 'AMB1749'],
  ['a bare LF', `${get}X: y\nY: z\r\n\r\n`, 400, 'AMB1749'],
  ['a bare LF at the end', `${get}\n`, 400, 'AMB1749'],
  ['a bare CR', `${get}X: a\rb\r\n\r\n`, 400, 'AMB1749'],
  ['NUL in a value', `${get}X: a\0b\r\n\r\n`, 400, 'AMB1749'],
  ['another control character', `${get}X: a\x01b\r\n\r\n`, 400, 'AMB1749'],
  ['DEL in a value', `${get}X: a\x7fb\r\n\r\n`, 400, 'AMB1749'],
  ['a space before the colon', `${get}X : a\r\n\r\n`, 400, 'AMB1749'],
  ['a tab before the colon', `${get}X\t: a\r\n\r\n`, 400, 'AMB1749'],
  ['no name', `${get}: a\r\n\r\n`, 400, 'AMB1749'],
  ['no colon', `${get}X\r\n\r\n`, 400, 'AMB1749'],
  ['a parenthesis in a name', `${get}X(: a\r\n\r\n`, 400, 'AMB1749'],
  ['a name beyond ASCII', `${get}X\xe9: a\r\n\r\n`, 400, 'AMB1749'],
  ['NUL in a name', `${get}X\0: a\r\n\r\n`, 400, 'AMB1749'],
  ['an identity in disguise', `${get}X_Forwarded-Client_Cert: By=x\r\n\r\n`, 400, 'AMB1749'],
  ['a double in disguise', `${get}X-User: a\r\nx_user: b\r\n\r\n`, 400, 'AMB1749'],
  ['fields too large', `${get}X: ${big}\r\n\r\n`, 431, 'AMB1745'],
  ['fields too many', `${get}${'a: b\r\n'.repeat(maxFields)}\r\n`, 431, 'AMB1745'],
  ['a head that breaks off', get, 400, 'AMB1711'],
];

for (const [kind, cases] of Object.entries({ lengths, chunks, lines, hosts, fields })) {
  test(`${kind}: each is refused with its status and code, and nothing is forwarded`, async ({
    stack,
    signal,
  }) => {
    let asked = 0;
    const waypoint = await startOne(stack, (_request, response) => {
      asked++;
      response.end('ok');
    });
    for (const one of cases) {
      const [name, , status, code] = one;
      assert.equal(await refused(waypoint, one, signal), [name, status, code]);
    }
    assert.is(asked, 0);
    const answer = await ask(await waypoint.open());
    assert.is(answer.status, 200, 'the next connection works');
  });
}

/** What comes of one case: its name, the status and the code. */
async function refused(
  waypoint: WaypointUnderTest,
  [name, bytes]: Case,
  signal: AbortSignal,
): Promise<readonly [string, number, string | undefined]> {
  const stream = await waypoint.open();
  await stream.write(Buffer.from(bytes, 'latin1'));
  if (name === 'a head that breaks off') await stream.end();
  const text = (await readAll(stream)).toString('latin1');
  const [answer = '', ...more] = text.split(/(?=HTTP\/1\.1 )/);
  assert.is(more.length, 0, `${name}: one answer, not ${text}`);
  assert.match(answer, /\r\nconnection: close\r\n/i, name);
  const status = Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);
  const note = /\r\nambit-decision: (\S+ AMB\d+)\r\n/i.exec(answer)?.[1];
  const record = await waypoint.nextRecord(signal);
  const { code } = record.verdict;
  assert.is(note, `${record.id} ${code}`, name);
  assert.is(record.http?.status, status, `${name}: the record has the status`);
  assert.is(waypoint.records.length, waypoint.decided.length);
  assert.is(
    await refusals(waypoint, code),
    waypoint.records.filter((one) => one.verdict.code === code).length,
    name,
  );
  return [name, status, code];
}

/** How often a code has been counted. */
async function refusals({ registry }: WaypointUnderTest, code = ''): Promise<number> {
  const line = new RegExp(`^ambit_tunnel_refusals_total\\{code="${code}"\\} (\\d+)$`, 'm');
  return Number(line.exec(await registry.text())?.[1] ?? 0);
}

test('a head that does not come to its end is answered with 408 after its time', async ({
  stack,
  signal,
}) => {
  const clock = new ManualClock();
  const waypoint = await startOne(stack, (_request, response) => response.end('ok'), { clock });
  const stream = await waypoint.open();
  // A whole request before it does not count.
  await stream.write(Buffer.from(`${get}\r\n`));
  await readUntil(stream, '\r\n\r\n');
  await stream.write(Buffer.from(get));
  await clock.waited(headTimeoutMs);
  clock.advance(headTimeoutMs);
  assert.match((await readAll(stream)).toString(), /HTTP\/1\.1 408 [^]*AMB1746/);
  await waypoint.nextRecord(signal);
  assert.is((await waypoint.nextRecord(signal)).http?.status, 408);
});

test('the time of a head does not run while the request before it is served', async ({
  stack,
  signal,
}) => {
  const clock = new ManualClock();
  const release = Promise.withResolvers<void>();
  const waypoint = await startOne(
    stack,
    (_request, response) => void release.promise.then(() => response.end('first')),
    { clock },
  );
  const stream = await waypoint.open();
  await stream.write(Buffer.from(`${get}\r\n`));
  while (waypoint.arrived.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await stream.write(Buffer.from(get));
  clock.advance(10 * headTimeoutMs);
  release.resolve();
  await readUntil(stream, 'first');
  await clock.waited(headTimeoutMs);
  clock.advance(headTimeoutMs);
  assert.match((await readAll(stream)).toString(), /^\r?\n?(?:0\r\n\r\n)?HTTP\/1\.1 408 /);
  assert.is((await waypoint.nextRecord(signal)).http?.status, 200);
  assert.is((await waypoint.nextRecord(signal)).http?.status, 408);
});

test('a refusal comes after the responses that are due before it', async ({ stack }) => {
  const release = Promise.withResolvers<void>();
  const waypoint = await startOne(stack, (_request, response) => {
    void release.promise.then(() => response.end('first'));
  });
  const stream = await waypoint.open();
  await stream.write(Buffer.from(`${get}\r\nGET / HTTP/1.1\r\nHost : b\r\n\r\n`));
  while (waypoint.records.length === 0) await new Promise((resolve) => setImmediate(resolve));
  release.resolve();
  const text = (await readAll(stream)).toString();
  assert.match(
    text,
    /^HTTP\/1\.1 200 [^]*firstHTTP\/1\.1 400 |^HTTP\/1\.1 200 [^]*first[^]*HTTP\/1\.1 400 /,
  );
});

test('nothing is served that follows a request that is refused', async ({ stack, signal }) => {
  let asked = 0;
  const waypoint = await startOne(stack, (_request, response) => {
    asked++;
    response.end('ok');
  });
  for (const first of [
    `GET / HTTP/1.1\r\n\r\n`,
    `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${end}`,
    `${get}X : a\r\n\r\n`,
    `${chunked}+1\r\nx\r\n${end}`,
    'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n',
  ]) {
    const stream = await waypoint.open();
    await stream.write(Buffer.from(`${first}${get}\r\n`));
    const text = (await readAll(stream)).toString();
    assert.match(text, /^HTTP\/1\.1 4/, first);
    assert.is(text.split('HTTP/1.1 ').length, 2, first);
    assert.is((await waypoint.nextRecord(signal)).verdict.outcome, 'failed');
  }
  await ask(await waypoint.open());
  assert.is(asked, 1);
});

test('a body that turns bad half-way ends its request at the application and is the client’s fault', async ({
  stack,
  signal,
}) => {
  const broken = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const waypoint = await startOne(stack, (request) => {
    request.on('data', () => begun.resolve());
    request.on('error', () => broken.resolve());
  });
  const stream = await waypoint.open();
  await stream.write(Buffer.from(`${chunked}3\r\nabc\r\n`));
  await begun.promise;
  await stream.write(Buffer.from('zz\r\n'));
  const text = (await readAll(stream)).toString();
  assert.match(text, /^HTTP\/1\.1 400 /);
  await broken.promise;
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1747');
  assert.is(record.http?.status, 400);
});

test('hundreds of fields, odd paths and underscores pass as they are', async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => {
    response.end(
      `${request.url} ${request.rawHeaders.length / 2} ${String(request.headers['x_under'])}`,
    );
  });
  const headers: Record<string, string> = { x_under: 'score' };
  for (let index = 0; index < 200; index++) headers[`x-${index}`] = 'v';
  for (const path of [
    '//a//b',
    '/a;b=c/..;/d',
    '/a%2Fb',
    '/a|{b}[c]"',
    '/%zz',
    '/?a=%00#'.slice(0, -1),
  ]) {
    const { status, body } = await ask(await waypoint.open(), { path, headers });
    assert.is(status, 200, path);
    const [url, count, under] = body.toString().split(' ');
    assert.is(url, path);
    assert.ok(Number(count) > 200);
    assert.is(under, 'score');
  }
});

test('HTTP/1.0 needs no Host, and gets the name that its connection was made to', async ({
  stack,
}) => {
  const waypoint = await startOne(stack, (request, response) => response.end(request.headers.host));
  const stream = await waypoint.open();
  await stream.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
  const text = (await readAll(stream)).toString();
  assert.match(text, /reviews\.default\.svc\.cluster\.local:9080$/);
});

async function readUntil(stream: ByteStream, wanted: string): Promise<void> {
  let text = '';
  while (!text.includes(wanted)) {
    const bytes = await stream.read();
    if (bytes === undefined) throw new Error(`ended before ${wanted}`);
    text += Buffer.from(bytes).toString('latin1');
  }
}

test.run();
