// Small servers and clients inside namespaces.

import { createServer } from 'node:net';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';

/** A server that tells every client `WHO CLIENT-ADDRESS`. */
export async function serveIn(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  port: number,
  who = '',
): Promise<void> {
  const { fd } = listenTcp({ host: '::', port, namespace });
  const server = createServer((socket) =>
    socket.end(`${who} ${socket.remoteAddress?.replace('::ffff:', '')}`),
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ fd }, resolve);
  await promise;
  stack.defer(() => void server.close());
}

/** Connects and reads to the end. */
export async function ask(
  namespace: NetworkNamespace,
  host: string,
  port: number,
): Promise<{ who: string; client: string }> {
  const socket = await connectTcp({ host, port, namespace, timeoutMs: 3_000 });
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const [who = '', client = ''] = text.split(' ');
  return { who, client };
}

/** How a connection attempt fails, as the errno's name; undefined when it succeeds. */
export async function refusal(
  namespace: NetworkNamespace,
  host: string,
  port: number,
  timeoutMs = 3_000,
): Promise<string | undefined> {
  try {
    const socket = await connectTcp({ host, port, namespace, timeoutMs });
    socket.destroy();
    return undefined;
  } catch (error) {
    return String(Reflect.get(error as object, 'errno'));
  }
}
