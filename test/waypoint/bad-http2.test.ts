import * as assert from 'uvu/assert';
import type { ByteStream } from '../../src/dataplane/byte-stream.ts';
import { maxFields, streamResets } from '../../src/waypoint/limits.ts';
import {
  endHeaders,
  fields,
  firstFlag,
  frame,
  frameTypes,
  type Received,
  readFrames,
} from '../support/raw-http2.ts';
import { suite } from '../support/suite.ts';
import { startOne } from './application.ts';
import { ask, type WaypointUnderTest } from './fixture.ts';

const test = suite('HTTP/2 requests that can not be understood, or in two ways');

type Fields = readonly (readonly [string, string])[];

const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'reviews'],
  [':path', '/'],
];
const without = (name: string): Fields => get.filter(([own]) => own !== name);
const changed = (name: string, value: string): Fields => [...without(name), [name, value]];
const headers = (list: Fields, flags = endHeaders | firstFlag): Buffer =>
  frame(frameTypes.headers, flags, 1, fields(...list));
const data = (text: string, flags: number): Buffer =>
  frame(frameTypes.data, flags, 1, Buffer.from(text));
const continuation = 9;
const protocolError = 1;
const enhanceYourCalm = 11;

/** Either a status, or the end of the connection, or `reset` or `goaway` with its error code. */
type Outcome = number | 'closed' | readonly ['reset' | 'goaway', number];
type Case = readonly [name: string, frames: readonly Buffer[], outcome: Outcome, code: string];

const reset = ['reset', protocolError] as const;
const heads: readonly Case[] = [
  ['a name in upper case', [headers([...get, ['X-Upper', 'a']])], reset, 'AMB1752'],
  ['Connection', [headers([...get, ['connection', 'close']])], reset, 'AMB1752'],
  ['Keep-Alive', [headers([...get, ['keep-alive', 'a']])], reset, 'AMB1752'],
  ['Transfer-Encoding', [headers([...get, ['transfer-encoding', 'chunked']])], reset, 'AMB1752'],
  ['Upgrade', [headers([...get, ['upgrade', 'websocket']])], reset, 'AMB1752'],
  ['TE other than trailers', [headers([...get, ['te', 'gzip']])], reset, 'AMB1752'],
  ['no method', [headers(without(':method'))], reset, 'AMB1752'],
  ['no path', [headers(without(':path'))], reset, 'AMB1752'],
  ['no scheme', [headers(without(':scheme'))], reset, 'AMB1752'],
  ['no authority and no host', [headers(without(':authority'))], reset, 'AMB1752'],
  ['an empty path', [headers(changed(':path', ''))], reset, 'AMB1752'],
  ['two methods', [headers([[':method', 'GET'], ...get])], reset, 'AMB1752'],
  ['two authorities', [headers([[':authority', 'ratings'], ...get])], reset, 'AMB1752'],
  ['an unknown pseudo-header', [headers([[':x', 'y'], ...get])], reset, 'AMB1752'],
  ['a pseudo-header of responses', [headers([[':status', '200'], ...get])], reset, 'AMB1752'],
  [
    'a late pseudo-header',
    [headers([...without(':path'), ['a', 'b'], [':path', '/']])],
    reset,
    'AMB1752',
  ],
  [
    'two lengths',
    [headers([...get, ['content-length', '1'], ['content-length', '2']])],
    reset,
    'AMB1752',
  ],
  ['a signed length', [headers([...get, ['content-length', '+1']])], reset, 'AMB1752'],
  ['another host', [headers([...get, ['host', 'ratings']])], 400, 'AMB1748'],
  ['a user', [headers(changed(':authority', 'a@reviews'))], reset, 'AMB1752'],
  ['another scheme', [headers(changed(':scheme', 'ftp'))], 400, 'AMB1711'],
  ['no slash', [headers(changed(':path', 'a'))], reset, 'AMB1752'],
  ['a fragment', [headers(changed(':path', '/#a'))], 400, 'AMB1711'],
  ['an escaped NUL', [headers(changed(':path', '/%00'))], 400, 'AMB1711'],
  ['bytes beyond ASCII', [headers(changed(':path', '/\xe9'))], 400, 'AMB1711'],
  ['GET *', [headers(changed(':path', '*'))], reset, 'AMB1752'],
  ['a method in lower case', [headers(changed(':method', 'get'))], 400, 'AMB1711'],
  [
    'an identity in disguise',
    [headers([...get, ['x_forwarded_client_cert', 'a']])],
    400,
    'AMB1749',
  ],
  [
    'CONNECT',
    [
      headers([
        [':method', 'CONNECT'],
        [':authority', 'a:80'],
      ]),
    ],
    405,
    'AMB1750',
  ],
  [
    'fields too many',
    [headers([...get, ...Array.from({ length: maxFields + 1 }, () => ['a', 'b'] as const)])],
    431,
    'AMB1745',
  ],
  [
    'fields far too many',
    [headers([...get, ...Array.from({ length: 2 * maxFields }, () => ['a', 'b'] as const)])],
    ['reset', enhanceYourCalm],
    'AMB1753',
  ],
];

const bodies: readonly Case[] = [
  [
    'less than its length',
    [headers([...get, ['content-length', '9']], endHeaders), data('abc', firstFlag)],
    reset,
    'AMB1752',
  ],
  [
    'more than its length',
    [headers([...get, ['content-length', '1']], endHeaders), data('abc', firstFlag)],
    'closed',
    'AMB1752',
  ],
  ['a length and no body', [headers([...get, ['content-length', '1']])], reset, 'AMB1752'],
  [
    'trailers with a pseudo-header',
    [headers(get, endHeaders), headers([[':path', '/x']])],
    reset,
    'AMB1752',
  ],
  ['data before headers', [data('abc', 0)], ['goaway', protocolError], 'AMB1752'],
  [
    'another frame within headers',
    [headers(get, 0), frame(frameTypes.ping, 0, 0, Buffer.alloc(8))],
    ['goaway', protocolError],
    'AMB1752',
  ],
  [
    'continuations without end',
    [
      headers(get, 0),
      ...Array.from({ length: 64 }, () => frame(continuation, 0, 1, fields(['a', 'b']))),
    ],
    'closed',
    'AMB1752',
  ],
];

for (const [kind, cases] of Object.entries({ heads, bodies })) {
  test(`${kind}: each is refused with its status or error code, a code and a record`, async ({
    stack,
    signal,
  }) => {
    let answered = 0;
    const waypoint = await startOne(stack, (request, response) => {
      request.on('error', () => undefined);
      request.resume().on('end', () => {
        answered++;
        response.end('ok');
      });
    });
    for (const one of cases) {
      const [name, , outcome, code] = one;
      assert.equal(await refused(waypoint, one, signal), [name, outcome, code]);
    }
    assert.is(answered, 0);
    assert.is((await ask(await waypoint.open())).status, 200, 'the next connection works');
  });
}

async function refused(
  waypoint: WaypointUnderTest,
  [name, frames]: Case,
  signal: AbortSignal,
): Promise<readonly [string, Outcome | undefined, string | undefined]> {
  const client = new RawClient(await waypoint.open());
  await client.write(...frames);
  const answer = await client.next(
    ({ type, stream }) =>
      type === frameTypes.goaway ||
      (stream === 1 && (type === frameTypes.headers || type === frameTypes.reset)),
  );
  const record = await waypoint.nextRecord(signal);
  const status = record.http?.status ?? 0;
  client.close();
  assert.is(record.http?.protocol, 'HTTP/2', name);
  if (answer?.type === frameTypes.headers) return [name, status, record.verdict.code];
  assert.is(status, 0, name);
  if (answer === undefined) return [name, 'closed', record.verdict.code];
  const isReset = answer.type === frameTypes.reset;
  const errorCode = answer.payload.readUInt32BE(isReset ? 0 : 4);
  if (!isReset && errorCode === 0) return [name, 'closed', record.verdict.code];
  return [name, [isReset ? 'reset' : 'goaway', errorCode], record.verdict.code];
}

test('fields with invalid names or values are left out, by themselves', async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => {
    response.end(JSON.stringify(request.rawHeaders));
  });
  for (const field of [
    ['x-evil', 'a\r\nx-smuggled: c'],
    ['x-evil', 'a\0b'],
    ['x-evil', ' a'],
    ['x-evil y', 'a'],
    ['x-evil\r\nx', 'a'],
    ['', 'x-evil'],
  ] as const) {
    const client = new RawClient(await waypoint.open());
    await client.write(headers([...get, field]));
    const isAnswer = ({ stream, type, payload }: Received): boolean =>
      stream === 1 &&
      (type === frameTypes.reset || (type === frameTypes.data && payload.length > 0));
    const answer = await client.next(isAnswer);
    assert.not.match(answer?.payload.toString() ?? '', /evil|smuggled/);
    client.close();
  }
});

test('resetting streams without end closes the connection, and only that one', async ({
  stack,
  signal,
}) => {
  const waypoint = await startOne(stack, (_request, response) => response.end('ok'));
  const client = new RawClient(await waypoint.open());
  const cancel = Buffer.alloc(4);
  cancel.writeUInt32BE(8);
  const frames: Buffer[] = [];
  for (let index = 0; index < 2 * streamResets.burst; index++) {
    const stream = 2 * index + 1;
    frames.push(frame(frameTypes.headers, endHeaders | firstFlag, stream, fields(...get)));
    frames.push(frame(frameTypes.reset, 0, stream, cancel));
  }
  await client.write(...frames).catch(() => undefined);
  const goaway = await client.next(({ type }) => type === frameTypes.goaway);
  assert.ok(goaway);
  for (;;) {
    const record = await waypoint.nextRecord(signal);
    if (record.http?.method === '-') {
      assert.is(record.verdict.code, 'AMB1753');
      break;
    }
  }
  assert.is((await ask(await waypoint.open())).status, 200);
});

test('hundreds of fields pass, and the host may be named twice the same', async ({ stack }) => {
  const waypoint = await startOne(stack, (request, response) => {
    response.end(String(request.rawHeaders.length / 2));
  });
  const many = Array.from({ length: 400 }, (_, index) => [`x-${index}`, 'v'] as const);
  const client = new RawClient(await waypoint.open());
  await client.write(headers([...get, ['host', 'reviews:80'], ...many]));
  const body = await client.next(
    ({ type, payload }) => type === frameTypes.data && payload.length > 0,
  );
  assert.ok(Number(body?.payload.toString()) > 400);
});

test('a host without an authority is enough, as proxies of HTTP/1.1 write it', async ({
  stack,
}) => {
  const waypoint = await startOne(stack, (request, response) => response.end(request.headers.host));
  const client = new RawClient(await waypoint.open());
  await client.write(headers([...without(':authority'), ['host', 'ratings']]));
  const isBody = ({ type, payload }: Received): boolean =>
    type === frameTypes.data && payload.length > 0;
  assert.is((await client.next(isBody))?.payload.toString(), 'ratings');
  client.close();
});

/** Writes frames over a stream and reads what comes back. */
class RawClient {
  readonly #stream: ByteStream;
  #held: Buffer = Buffer.alloc(0);

  constructor(stream: ByteStream) {
    this.#stream = stream;
    void this.write(
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame(frameTypes.settings, 0, 0),
    );
  }

  async write(...frames: readonly Buffer[]): Promise<void> {
    await this.#stream.write(Buffer.concat(frames));
  }

  /** The next frame of a kind; undefined once the connection has ended without one. */
  async next(fits: (frame: Received) => boolean): Promise<Received | undefined> {
    for (;;) {
      const { frames, rest } = readFrames(this.#held);
      const index = frames.findIndex(fits);
      if (index !== -1) {
        this.#held = rest;
        return frames[index];
      }
      const bytes = await this.#stream.read().catch(() => undefined);
      if (bytes === undefined) return undefined;
      this.#held = Buffer.concat([this.#held, bytes]);
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}

test.run();
