// Clients of each protocol that ask the same, and an application that answers the same in each.

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import * as http2 from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { readAll } from '../support/tunnels.ts';
import { startHttp2 } from './application.ts';
import { startApp, type WaypointUnderTest } from './fixture.ts';

export const protocols = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2'] as const;
export type Protocol = (typeof protocols)[number];

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly trailers?: Record<string, string>;
  /** Waits for 100 before the body. */
  readonly expects?: boolean;
}

export interface Answered {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
  readonly trailers: NodeJS.Dict<string | string[]>;
  /** Statuses before the last. */
  readonly before: readonly number[];
}

/** Asks once, on a connection of its own. */
export function askBy(
  protocol: Protocol,
  waypoint: WaypointUnderTest,
  asked: Asked,
  stack: AsyncDisposableStack,
): Promise<Answered> {
  if (protocol === 'HTTP/1.0') return askHttp10(waypoint, asked);
  return protocol === 'HTTP/1.1' ? askHttp11(waypoint, asked) : askHttp2(waypoint, asked, stack);
}

async function askHttp10(waypoint: WaypointUnderTest, asked: Asked): Promise<Answered> {
  const stream = await waypoint.open();
  const { method = 'GET', path, headers = {}, body = '' } = asked;
  const fields = { host: 'reviews', 'content-length': String(body.length), ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  const head = [`${method} ${path} HTTP/1.0`, ...lines, '', ''].join('\r\n');
  await stream.write(Buffer.from(head + body));
  const text = (await readAll(stream)).toString();
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...rest] = text.slice(0, end).split('\r\n');
  const pairs = rest.map((one) => one.split(': ') as [string, string]);
  const got = Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
  const status = Number(line.split(' ')[1]);
  return { status, headers: got, body: text.slice(end + 4), trailers: {}, before: [] };
}

async function askHttp11(waypoint: WaypointUnderTest, asked: Asked): Promise<Answered> {
  const before: number[] = [];
  const { method = 'GET', path, headers = {}, body, trailers, expects = false } = asked;
  const duplex = toDuplex(await waypoint.open());
  const request = httpRequest({
    createConnection: () => duplex as never,
    method,
    path,
    headers: { host: 'reviews', ...headers, ...(expects ? { expect: '100-continue' } : {}) },
  });
  request.on('error', () => undefined);
  request.on('information', ({ statusCode }) => before.push(statusCode));
  const answered = once(request, 'response');
  if (expects) {
    request.flushHeaders();
    await once(request, 'continue');
  }
  if (trailers !== undefined && body !== undefined) {
    request.write(body);
    request.addTrailers(trailers);
    request.end();
  } else request.end(body);
  const [response] = (await answered) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
    trailers: response.trailers,
    before,
  };
}

/** An HTTP/2 session through the waypoint. */
export async function http2Session(
  waypoint: WaypointUnderTest,
  stack: AsyncDisposableStack,
): Promise<http2.ClientHttp2Session> {
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  return session;
}

async function askHttp2(
  waypoint: WaypointUnderTest,
  asked: Asked,
  stack: AsyncDisposableStack,
): Promise<Answered> {
  const session = await http2Session(waypoint, stack);
  const before: number[] = [];
  const { method = 'GET', path, headers = {}, body, trailers = {}, expects = false } = asked;
  const fields = { ...headers, ...(expects ? { expect: '100-continue' } : {}) };
  const stream = session.request(
    { ':method': method, ':path': path, ...fields },
    { endStream: body === undefined, waitForTrailers: body !== undefined },
  );
  let ending: NodeJS.Dict<string | string[]> = {};
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.on('headers', (fields) => before.push(Number(fields[':status'])));
  stream.on('trailers', (fields) => (ending = fields));
  const answered = once(stream, 'response');
  if (expects) await once(stream, 'continue');
  if (body !== undefined) stream.end(body);
  const [got] = (await answered) as [http2.IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  session.destroy();
  const status = Number(got[':status']);
  return { status, headers: got, body: Buffer.concat(chunks).toString(), trailers: ending, before };
}

/** What the application saw. */
export interface Seen {
  readonly method: string;
  readonly version: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
  readonly trailers: NodeJS.Dict<string | string[]>;
}

type Both = IncomingMessage | http2.Http2ServerRequest;
type Reply = ServerResponse | http2.Http2ServerResponse;

/** Starts the application; answers its port. */
export async function startEndpoint(
  stack: AsyncDisposableStack,
  protocol: Protocol,
  saw: (seen: Seen) => void,
): Promise<number> {
  const listener = (request: Both, response: Reply): void => {
    void reply(request, response as ServerResponse, saw);
  };
  if (protocol === 'HTTP/2') return await startHttp2(stack, listener);
  if (protocol === 'HTTP/1.1') return (await startApp(stack, listener)).port;
  const server = createServer((socket) => void replyHttp10(socket, saw)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function reply(
  request: Both,
  response: ServerResponse,
  saw: (seen: Seen) => void,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const { method = '', httpVersion: version, headers, trailers } = request;
  saw({ method, version, headers, body, trailers });
  response.setHeader('x-version', version);
  switch (request.url ?? '') {
    case '/none':
      response.writeHead(204).end();
      return;
    case '/unchanged':
      response.writeHead(304, { etag: '"1"', 'content-length': '5' }).end();
      return;
    case '/hints':
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      break;
    case '/trailers':
      response.setHeader('trailer', 'x-sum');
      response.write(body);
      response.addTrailers({ 'x-sum': '42', 'content-type': 'text/evil', 'x-forwarded-for': 'me' });
      response.end();
      return;
    case '/length':
      response.setHeader('content-length', '5');
      response.end(method === 'HEAD' ? undefined : 'hello');
      return;
    case '/cookies':
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      break;
  }
  response.write(body);
  response.end('.');
}

/** An HTTP/1.0 server: the end of its connection is the end of its response. */
async function replyHttp10(socket: Socket, saw: (seen: Seen) => void): Promise<void> {
  let text = '';
  socket.on('error', () => undefined);
  for await (const chunk of socket) {
    text += String(chunk);
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) continue;
    const [line = '', ...fields] = text.slice(0, end).split('\r\n');
    const [method = '', path] = line.split(' ');
    const headers = Object.fromEntries(
      fields.map((one) => one.toLowerCase().split(': ') as [string, string]),
    );
    const body = text.slice(end + 4);
    if (body.length < Number(headers['content-length'] ?? 0)) continue;
    saw({ method, version: '1.0', headers, body, trailers: {} });
    const own = path === '/none' ? '204 No Content' : '200 OK';
    const rest = path === '/none' || method === 'HEAD' ? '' : `${body}.`;
    socket.end(`HTTP/1.0 ${own}\r\nx-version: 1.0\r\n\r\n${rest}`);
    return;
  }
}
