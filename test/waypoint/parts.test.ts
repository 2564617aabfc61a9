import * as assert from 'uvu/assert';
import type { ByteStream } from '../../src/dataplane/byte-stream.ts';
import { requestLimits } from '../../src/mesh/request-limits.ts';
import { detect } from '../../src/waypoint/front/detect.ts';
import { sniff } from '../../src/waypoint/front/sniff.ts';
import { findTarget } from '../../src/waypoint/front/target.ts';
import { silenceLimitMs } from '../../src/waypoint/limits.ts';
import { compileRegex, replaceRegex } from '../../src/waypoint/regex.ts';
import type { Body } from '../../src/waypoint/request/exchange.ts';
import { headerMap, withoutHopHeaders } from '../../src/waypoint/request/hop-headers.ts';
import { redirectAnswer } from '../../src/waypoint/request/local-answer.ts';
import { onwardHead } from '../../src/waypoint/request/onward-head.ts';
import { maxReplayBytes, ReplayBody } from '../../src/waypoint/request/replay-body.ts';
import { suite } from '../support/suite.ts';
import { FakeMesh, serviceOf, workloadAt } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('parts of a waypoint');

const firstBytes: readonly [string, ReturnType<typeof sniff>][] = [
  ['', 'more'],
  ['GE', 'more'],
  ['GET ', 'more'],
  ['GET / HTTP/1.1', 'more'],
  ['GET / HTTP/1.1\r\n', 'http1'],
  ['POST /a HTTP/1.0\r\nHost', 'http1'],
  ['GET key\r\n', 'other'],
  ['PRI * HT', 'more'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0', 'http2'],
  ['PRI x', 'other'],
  ['EHLO me\r\n', 'other'],
  ['\x16\x03\x01', 'other'],
  [`GET /${'a'.repeat(9000)}`, 'http1'],
];
for (const [text, kind] of firstBytes) {
  test(`${JSON.stringify(text.slice(0, 30))} is ${kind}`, () => {
    assert.is(sniff(Buffer.from(text, 'latin1')), kind);
  });
}

/** A stream whose reads are answered by hand. */
function scripted(): ByteStream & { say: (text?: string) => void } {
  const said: (Uint8Array | undefined)[] = [];
  const readers: ((bytes: Uint8Array | undefined) => void)[] = [];
  return {
    say: (text) => {
      const bytes = text === undefined ? undefined : Buffer.from(text);
      const reader = readers.shift();
      if (reader === undefined) said.push(bytes);
      else reader(bytes);
    },
    read: () =>
      said.length > 0
        ? Promise.resolve(said.shift())
        : new Promise((resolve) => readers.push(resolve)),
    write: () => Promise.resolve(),
    end: () => Promise.resolve(),
    destroy: () => undefined,
    closed: Promise.resolve(),
  };
}

test('nothing that was read to find the protocol is lost', async () => {
  const stream = scripted();
  for (const part of ['GET', ' / HTTP/1.1\r\n', 'Host: a\r\n\r\n']) stream.say(part);
  const found = await detect(stream, new ManualClock());
  assert.is(found.kind, 'http1');
  const parts = [await found.stream.read(), await found.stream.read(), await found.stream.read()];
  assert.is(
    Buffer.concat(parts.map((part) => part!)).toString(),
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  );
});

test('a connection that ends before it tells is no HTTP', async () => {
  const stream = scripted();
  stream.say('GE');
  stream.say();
  const found = await detect(stream, new ManualClock());
  assert.is(found.kind, 'other');
  assert.is(Buffer.from((await found.stream.read())!).toString(), 'GE');
  assert.is(await found.stream.read(), undefined);
});

test('silence is told after its limit, and what is said later is still heard', async () => {
  const clock = new ManualClock();
  const stream = scripted();
  const detecting = detect(stream, clock);
  await clock.waited(silenceLimitMs);
  clock.advance(silenceLimitMs);
  const found = await detecting;
  assert.is(found.kind, 'silent');
  if (found.kind !== 'silent') return;
  stream.say('hello');
  await found.spoke;
  assert.is(Buffer.from((await found.stream.read())!).toString(), 'hello');
});

const own = 'default/waypoint.default.svc.cluster.local';
const mesh = new FakeMesh();
const reviews = serviceOf('reviews');
const { waypoint: _bound, ...unbound } = serviceOf('ratings', 'http11', '10.96.0.30');
mesh.services.push(reviews, unbound);
const gateway = reviews.waypoint!;
mesh.workloads.set('10.244.1.9', workloadAt('pod', { waypoint: gateway }));
mesh.workloads.set('10.244.1.8', workloadAt('other'));
const targets: readonly [authority: string, kind: string][] = [
  ['10.96.0.20:9080', 'service'],
  ['reviews.default.svc.cluster.local:9080', 'service'],
  ['10.96.0.20:80', 'AMB1406'],
  ['10.96.0.30:9080', 'AMB1710'],
  ['10.96.0.99:9080', 'AMB1710'],
  ['nowhere:80', 'AMB1710'],
  ['10.244.1.9:8080', 'workload'],
  ['10.244.1.8:8080', 'AMB1710'],
  ['10.96.0.20', 'AMB1414'],
];
for (const [authority, kind] of targets) {
  test(`a tunnel to ${authority} finds ${kind}`, () => {
    const found = findTarget({
      authority,
      clientNamespace: 'default',
      network: '',
      mesh,
      ownService: own,
      isServed: () => true,
    });
    assert.is(found.kind === 'target' ? found.target.kind : found.code, kind);
  });
}

test('regular expressions have RE2 syntax, match whole, and replace with groups', () => {
  const compiled = compileRegex('(?i)/v[0-9]+/.*');
  assert.ok(typeof compiled === 'function');
  if (typeof compiled !== 'function') return;
  assert.equal([compiled('/V1/x'), compiled('/v1'), compiled('a/v1/')], [true, false, false]);
  assert.type(compileRegex('(?=x)'), 'string');
  assert.is(replaceRegex('/users/([a-z]+)', '/u/\\1$', '/users/joe/users/ann'), '/u/joe$/u/ann$');
});

test('headers of the connection stay behind', () => {
  const kept = withoutHopHeaders([
    ['Connection', 'keep-alive, X-Own'],
    ['x-own', '1'],
    ['Transfer-Encoding', 'chunked'],
    ['te', 'trailers'],
    [':path', '/'],
    ['Accept', '*/*'],
  ]);
  assert.equal(kept, [
    ['te', 'trailers'],
    ['Accept', '*/*'],
  ]);
  const map = headerMap([
    ['A', '1'],
    ['a', '2'],
    ['cookie', 'x'],
    ['cookie', 'y'],
  ]);
  assert.equal([map.get('a'), map.get('cookie')], ['1,2', 'x; y']);
});

test('the request that goes on has an id and a scheme, and cookies in one field', () => {
  const head = onwardHead(
    {
      method: 'GET',
      target: '/a',
      authority: 'reviews',
      scheme: 'http',
      version: '2',
      headers: [
        ['cookie', 'a=1'],
        ['cookie', 'b=2'],
        ['te', 'trailers'],
        ['x-request-id', 'own'],
      ],
    },
    {
      backend: { service: 'a/b', weight: 1 },
      backends: 1,
      limits: requestLimits(undefined, new Map()),
      sharing: [],
    },
    {
      path: { path: '/a', query: '' },
      protocol: 'http1',
      requestId: 'made',
      replaceRegex: (_pattern, _rewrite, text) => text,
    },
  );
  assert.equal(head.headers, [
    ['x-request-id', 'own'],
    ['x-forwarded-proto', 'http'],
    ['cookie', 'a=1; b=2'],
  ]);
});

test('redirects keep what they do not name', () => {
  const request = {
    path: { path: '/old/x', query: 'q' },
    scheme: 'http',
    authority: 'a:9080',
    port: 9080,
    match: { uri: { pathPrefix: '/old' } },
  };
  const locations: readonly [Parameters<typeof redirectAnswer>[0], string][] = [
    [{ status: 301, uri: '/new' }, 'http://a:9080/new?q'],
    [{ status: 301, prefixRewrite: '/new' }, 'http://a:9080/new/x?q'],
    [{ status: 301, scheme: 'https' }, 'https://a/old/x?q'],
    [{ status: 301, authority: 'b' }, 'http://b/old/x?q'],
    [{ status: 301, authority: 'b', keepRequestPort: true }, 'http://b:9080/old/x?q'],
    [{ status: 301, scheme: 'https', port: 443 }, 'https://a/old/x?q'],
    [{ status: 301, port: 81 }, 'http://a:81/old/x?q'],
  ];
  for (const [redirect, location] of locations) {
    assert.equal(redirectAnswer(redirect, request).headers, [['location', location]]);
  }
});

function bodyOf(...parts: readonly string[]): Body {
  const left = parts.map((part) => Buffer.from(part));
  return {
    length: undefined,
    read: () => Promise.resolve(left.shift()),
    trailers: () => [['x-end', '1']],
  };
}

async function textOf(body: Body): Promise<string> {
  let text = '';
  for (let bytes = await body.read(); bytes !== undefined; bytes = await body.read()) {
    text += Buffer.from(bytes).toString();
  }
  return text;
}

test('a body can be sent again from its start, also when it was half read', async () => {
  const body = new ReplayBody(bodyOf('a', 'b', 'c'), true);
  const first = body.forAttempt();
  await first.read();
  await first.read();
  assert.is(await textOf(body.forAttempt()), 'abc');
  assert.is(await textOf(body.forAttempt()), 'abc');
  assert.is(body.bytes, 3);
  await body.complete;
  await first.read().then(
    () => assert.unreachable('it was taken over'),
    () => undefined,
  );
});

test('a body that is too long to keep is sent once', async () => {
  const part = 'x'.repeat(maxReplayBytes / 2 + 1);
  const body = new ReplayBody(bodyOf('y', part, part), true);
  assert.is(body.canReplay, true);
  assert.is(await textOf(body.forAttempt()), `y${part}${part}`);
  assert.is(body.canReplay, false);
});

test.run();
