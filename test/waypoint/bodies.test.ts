import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse, IncomingHttpHeaders } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { suite } from '../support/suite.ts';
import { serve, startHttp2 } from './application.ts';
import { startApp, startWaypoint, type WaypointUnderTest } from './fixture.ts';
import { http2Session } from './protocol-clients.ts';

const test = suite('bodies of any size', { deadlineMs: 60_000 });

const versions = ['HTTP/1.1', 'HTTP/2'] as const;
type Version = (typeof versions)[number];
const megabyte = 1024 * 1024;
const size = 64 * megabyte;
/** Enough to tell a body that is held back from one that is not. */
const held = 40 * megabyte;
/** What may be on its way between client and application: windows and buffers of all connections. */
const maxOnTheWay = 24 * megabyte;

type Listener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

async function start(
  stack: AsyncDisposableStack,
  version: Version,
  listener: Listener,
): Promise<WaypointUnderTest> {
  const waypoint = await startWaypoint(stack);
  if (version === 'HTTP/2') serve(waypoint, await startHttp2(stack, listener), 'http2');
  else serve(waypoint, (await startApp(stack, listener)).port);
  return waypoint;
}

/** A request under way: where its body goes, and its response. */
interface UnderWay {
  readonly body: Writable;
  readonly response: Promise<{ headers: NodeJS.Dict<string | string[]>; body: Readable }>;
}

async function post(
  stack: AsyncDisposableStack,
  waypoint: WaypointUnderTest,
  version: Version,
): Promise<UnderWay> {
  if (version === 'HTTP/1.1') {
    const duplex = toDuplex(await waypoint.open());
    const body = httpRequest({ createConnection: () => duplex as never, method: 'POST' });
    body.on('error', () => undefined);
    body.flushHeaders();
    const response = once(body, 'response').then((args) => {
      const [message] = args as [IncomingMessage];
      return { headers: message.headers, body: message };
    });
    return { body, response };
  }
  const session = await http2Session(waypoint, stack);
  const stream = session.request({ ':method': 'POST' });
  stream.on('error', () => undefined);
  const response = once(stream, 'response').then((args) => {
    const [headers] = args as [IncomingHttpHeaders];
    return { headers, body: stream };
  });
  return { body: stream, response };
}

/** Bytes that do not repeat soon, without holding all of them. */
function* pattern(length = size): Generator<Buffer> {
  const chunk = 64 * 1024;
  for (let at = 0; at < length; at += chunk) {
    const bytes = Buffer.alloc(chunk);
    for (let index = 0; index + 4 <= chunk; index += 4) bytes.writeUInt32LE(at + index, index);
    yield bytes;
  }
}

async function writeAll(to: Writable): Promise<void> {
  for (const bytes of pattern()) if (!to.write(bytes)) await once(to, 'drain');
  to.end();
}

async function hashOf(from: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of from) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

for (const client of versions) {
  for (const endpoint of versions.filter((one) => one !== client)) {
    test(`64 MB pass both ways unchanged from ${client} to ${endpoint}`, async ({ stack }) => {
      const waypoint = await start(stack, endpoint, (request, response) => {
        void (async () => {
          response.setHeader('x-hash', await hashOf(request));
          await writeAll(response as Writable);
        })();
      });
      const { body, response } = await post(stack, waypoint, client);
      await writeAll(body);
      const { headers, body: answer } = await response;
      const expected = await hashOf(pattern() as unknown as AsyncIterable<Buffer>);
      assert.is(headers['x-hash'], expected);
      assert.is(await hashOf(answer), expected);
    });

    test(`what is not read is not sent, from ${client} to ${endpoint} and back`, async ({
      stack,
    }) => {
      // An endless response, read slowly: the application never gets far ahead of its reader.
      let made = 0;
      let drained = Promise.withResolvers<void>();
      const waypoint = await start(stack, endpoint, (request, response) => {
        void (async () => {
          const to = response as Writable;
          to.on('error', () => undefined);
          request.on('error', () => undefined).resume();
          const bytes = Buffer.alloc(64 * 1024);
          to.on('close', () => drained.resolve());
          to.on('drain', () => drained.resolve());
          while (!to.destroyed) {
            made += bytes.length;
            if (to.write(bytes)) continue;
            await drained.promise;
            drained = Promise.withResolvers<void>();
          }
        })();
      });
      const { body, response } = await post(stack, waypoint, client);
      body.end();
      const answer = (await response).body;
      let read = 0;
      for await (const chunk of answer) {
        read += (chunk as Buffer).length;
        const ahead = made - read;
        assert.ok(ahead < maxOnTheWay, `${ahead} bytes are on their way`);
        if (read > held) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(read > held);
    });

    test(`an application that reads slowly holds its client back, from ${client} to ${endpoint}`, async ({
      stack,
    }) => {
      let read = 0;
      const waypoint = await start(stack, endpoint, (request, response) => {
        void (async () => {
          for await (const chunk of request) {
            read += (chunk as Buffer).length;
            await new Promise((resolve) => setImmediate(resolve));
          }
          response.end();
        })();
      });
      const { body, response } = await post(stack, waypoint, client);
      let made = 0;
      for (const bytes of pattern(held)) {
        made += bytes.length;
        assert.ok(made - read < maxOnTheWay, `${made - read} bytes are on their way`);
        if (!body.write(bytes)) await once(body, 'drain');
      }
      body.end();
      (await response).body.resume();
      assert.is(read, held);
    });
  }
}

test.run();
