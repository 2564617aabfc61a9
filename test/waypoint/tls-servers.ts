// Servers outside of the mesh that speak TLS, on loopback.

import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import type { TestAuthority } from '../support/certificates.ts';

export interface TlsServerOptions {
  readonly authority: TestAuthority;
  readonly names: readonly string[];
  /** Clients must prove themselves to this authority. */
  readonly clients?: TestAuthority;
}

/** What a server saw of each connection. */
export interface Seen {
  readonly serverName: string | false | null;
  readonly alpn: string | false | null;
  readonly clientNames: string;
}

export interface TlsServer {
  readonly port: number;
  readonly seen: Seen[];
}

function optionsOf({ authority, names, clients }: TlsServerOptions) {
  const { certPem: cert, keyPem: key } = authority.server(names);
  const asked = clients && { requestCert: true, rejectUnauthorized: true, ca: clients.rootPem };
  return { cert, key, ...asked };
}

async function start(stack: AsyncDisposableStack, server: Server): Promise<TlsServer> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    const clientNames = socket.getPeerX509Certificate()?.subjectAltName ?? '';
    seen.push({ serverName: socket.servername ?? null, alpn: socket.alpnProtocol, clientNames });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

/** Answers with the protocol and the host of each request; HTTP/2 and HTTP/1.1 by ALPN. */
export function startHttp2AndHttp1(
  stack: AsyncDisposableStack,
  options: TlsServerOptions,
): Promise<TlsServer> {
  const server = createSecureServer(
    { ...optionsOf(options), allowHTTP1: true },
    (request, response) => {
      const scheme = request.httpVersion === '2.0' ? ` ${request.scheme}` : '';
      response.end(
        `HTTP/${request.httpVersion} ${request.authority || request.headers.host}${scheme}`,
      );
    },
  );
  return start(stack, server);
}

/** HTTP/1.1 only; knows no ALPN but that. */
export function startHttp1(
  stack: AsyncDisposableStack,
  options: TlsServerOptions,
): Promise<TlsServer> {
  const server = createHttps(optionsOf(options), (request, response) =>
    response.end(`HTTP/${request.httpVersion} ${request.headers.host}`),
  );
  return start(stack, server);
}

/** Says back what it is told. */
export function startTlsEcho(
  stack: AsyncDisposableStack,
  options: TlsServerOptions,
): Promise<TlsServer> {
  return start(
    stack,
    createTls(optionsOf(options), (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    }),
  );
}
