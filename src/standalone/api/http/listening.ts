// The sockets of the API server: TLS, one HTTP server per listener, all answering alike.

import { type IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

import { AmbitError } from '../../../runtime/errors.ts';
import type { Pki } from '../access/pki.ts';
import type { Upgrade } from './exchange.ts';

/** Where to listen: a host and port, or a listening socket that was opened elsewhere. */
export type Listener = { readonly fd: number } | { readonly host: string; readonly port: number };

/** Protocols that a connection may change to: by WebSocket and SPDY ports of pods are forwarded. */
const upgrades: ReadonlySet<string> = new Set(['websocket', 'spdy/3.1']);

/** Idle connections are kept longer than clients keep theirs, so that the client is first to close. */
const keepAliveMs = 180_000;

/** A listening server. */
export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens. Throws AMB1206 naming the address. */
export async function listen(
  listener: Listener,
  pki: Pki,
  answer: (request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade) => void,
): Promise<Listening> {
  const server = createServer(
    {
      key: pki.serverKey,
      cert: pki.serverCertificate,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      keepAliveTimeout: keepAliveMs,
      // Watches and followed logs are answers without an end.
      requestTimeout: 60_000,
      // Other upgrades are answered as if they had not been asked for.
      shouldUpgradeCallback: ({ headers }) => upgrades.has(headers.upgrade?.toLowerCase() ?? ''),
    },
    answer as RequestListener,
  );
  server.on('upgrade', (request, socket: Socket, head) => {
    // Until the other protocol begins, a refusal is an HTTP answer.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    answer(request, response, { socket, head });
  });
  // closeAllConnections() leaves those that are still in their TLS handshake.
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  await opened(server, listener);
  return {
    port: (server.address() as AddressInfo | null)?.port ?? 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}

function opened(server: Server, listener: Listener): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(listener, error)));
    server.listen(listener, () => resolve());
  });
}

function cannotListen(listener: Listener, cause: Error): AmbitError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  if ('fd' in listener) {
    return new AmbitError('AMB1206', `cannot listen on descriptor ${listener.fd}: ${code}`, {
      cause,
    });
  }
  const { host, port } = listener;
  const why = code === 'EADDRINUSE' ? 'the port is in use' : code;
  return new AmbitError(
    'AMB1206',
    `cannot listen on ${host} port ${port}: ${why}; stop what uses it (ss -ltnp 'sport = ${port}' shows it) or choose another port`,
    { cause },
  );
}
