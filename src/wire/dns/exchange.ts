// One question to one server and the answer to it, over a socket that the caller has opened where the
// question is to come from. The socket is closed in the end.

import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { RelayedQuery } from './relay.ts';
import { frame, TcpMessages } from './tcp-messages.ts';

/** Asks over UDP. A socket, and so a port, of its own for every question is what a forger has to guess;
 * connected, it takes packets of the server alone and hears when nobody is there.
 * @throws the socket's error, or the signal's reason */
export async function exchangeUdp(
  socket: UdpSocket,
  server: { readonly address: string; readonly port: number },
  query: RelayedQuery,
  signal: AbortSignal,
): Promise<Buffer> {
  return await firstAnswer(query, signal, (take, fail) => {
    socket.on('error', fail);
    socket.on('message', take);
    // Not as the callback of connect(), which is also called when connecting fails.
    socket.once('connect', () => socket.send(query.bytes));
    socket.connect(server.port, server.address);
  }).finally(() => socket.close());
}

/** Asks over TCP, on a socket that is connected or about to be. @throws as exchangeUdp */
export async function exchangeTcp(
  socket: Socket,
  query: RelayedQuery,
  signal: AbortSignal,
): Promise<Buffer> {
  return await firstAnswer(query, signal, (take, fail) => {
    const messages = new TcpMessages(take);
    const closed = (): void => fail(new Error('the server closed the connection'));
    socket.on('error', fail);
    socket.on('end', closed);
    socket.on('close', closed);
    socket.on('data', (chunk: Buffer) => messages.push(chunk));
    socket.write(frame(query.bytes));
  }).finally(() => socket.destroy());
}

/** The first message that is an answer to the query. */
async function firstAnswer(
  query: RelayedQuery,
  signal: AbortSignal,
  start: (take: (message: Buffer) => void, fail: (error: Error) => void) => void,
): Promise<Buffer> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    start((message) => {
      const answer = query.accept(message);
      if (answer !== undefined) resolve(answer);
    }, reject);
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
