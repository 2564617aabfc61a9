// A port of the machine's loopback that leads to a service inside the mesh's own network: each connection
// is made again from a node, where service addresses are translated.

import { createServer, type Server, type Socket } from 'node:net';
import type { NetworkNamespace } from '../linux/network-namespace.ts';
import { connectTcp } from '../linux/tcp.ts';
import { causeChain } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { ObjectStore } from './api/store.ts';
import type { PublishedPort } from './supervisor-settings.ts';

export interface PublishOptions {
  /** A listening socket of the machine. */
  readonly fd: number;
  readonly port: PublishedPort;
  readonly store: ObjectStore;
  /** Where connections to the service start. */
  readonly namespace: NetworkNamespace;
  readonly log: Logger;
}

/** More connections at once wait in the kernel. */
const maxConnections = 4096;

/** Relays connections until it is disposed. @throws when the descriptor cannot be listened on */
export async function publishPort(options: PublishOptions): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    void relay(socket, options, open);
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd: options.fd }, resolve);
  });
  return { [Symbol.asyncDispose]: () => closed(server, open) };
}

async function relay(socket: Socket, options: PublishOptions, open: Set<Socket>): Promise<void> {
  const { port, store, namespace, log } = options;
  const { service, servicePort } = port;
  socket.on('error', () => socket.destroy());
  try {
    const object = store.get('services', port.namespace, service);
    const host = (object?.spec as { clusterIP?: string } | undefined)?.clusterIP;
    if (host === undefined || host === 'None') {
      throw new Error(`there is no service ${service}.${port.namespace} with an address`);
    }
    const target = await connectTcp({ host, port: servicePort, namespace });
    open.add(target);
    target.once('close', () => open.delete(target));
    join(socket, target);
  } catch (error) {
    const object = `Service ${port.namespace}/${service}`;
    log.warn({ object, port: port.hostPort, error: causeChain(error) }, 'not connected');
    socket.resetAndDestroy();
  }
}

/** Copies both ways; the end or failure of one side is passed on to the other. */
function join(left: Socket, right: Socket): void {
  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.once('close', () => {
      if (!from.readableEnded) to.destroy();
    });
  }
}

async function closed(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of open) socket.destroy();
  await done;
}
