// An application that takes WebSocket connections at `/echo` and sends every message back, over HTTP/1.1
// and over HTTP/2 (RFC 6455, RFC 8441).

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import * as http2 from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { startApp, type WaypointUnderTest } from './fixture.ts';

/** Over HTTP/1.1; checks that the request has a key, as a server must. */
export async function startWebSocket1(stack: AsyncDisposableStack): Promise<number> {
  const { server, port } = await startApp(stack, (_request, response) => response.end('plain'));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    const key = String(request.headers['sec-websocket-key'] ?? '');
    const isKey = Buffer.from(key, 'base64').length === 16;
    if (request.url !== '/echo' || !isKey) {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
      return;
    }
    const accept = createHash('sha1')
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: upgrade'];
    socket.write([...lines, `sec-websocket-accept: ${accept}`, '', ''].join('\r\n'));
    if (head.length > 0) socket.unshift(head);
    echo(socket);
  });
  return port;
}

/** Over HTTP/2; `extended` is whether it says that it takes such requests. */
export async function startWebSocket2(
  stack: AsyncDisposableStack,
  extended: boolean,
): Promise<number> {
  const server = http2.createServer({ settings: { enableConnectProtocol: extended } });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    const isWanted = headers[':protocol'] === 'websocket' && headers[':path'] === '/echo';
    stream.respond({ ':status': isWanted ? 200 : 403 });
    if (isWanted && headers['sec-websocket-key'] === undefined) echo(stream);
    else stream.end('no');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Sends each short message back, and the close too. */
function echo(stream: Duplex): void {
  let held: Buffer = Buffer.alloc(0);
  stream.on('end', () => stream.end());
  stream.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      const { frame, length } = readMasked(held);
      if (frame === undefined) return;
      held = held.subarray(length);
      stream.write(frame);
      if (((frame[0] ?? 0) & 15) === 8) stream.end();
    }
  });
}

/** One frame of a client, as a server would send it; only those of less than 126 bytes. */
function readMasked(bytes: Buffer): { readonly frame?: Buffer; readonly length: number } {
  const size = (bytes[1] ?? 0) & 127;
  const length = 6 + size;
  if (bytes.length < Math.max(6, length)) return { length };
  const mask = bytes.subarray(2, 6);
  const content = bytes.subarray(6, length).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return { frame: Buffer.concat([Buffer.of(bytes[0] ?? 0, size), content]), length };
}

/** A frame as clients send it, masked with zeros. */
export function maskedText(text: string): Buffer {
  const head = Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** A port on loopback whose connections go through the waypoint, for clients that need one. */
export async function bridge(
  stack: AsyncDisposableStack,
  waypoint: WaypointUnderTest,
): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    void waypoint.open().then((stream) => {
      const duplex = toDuplex(stream);
      duplex.on('error', () => socket.destroy());
      socket.on('close', () => duplex.destroy());
      socket.pipe(duplex).pipe(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}
