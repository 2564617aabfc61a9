// Two network namespaces joined by a veth pair, for the tests of this folder and of
// test/namespaces: `client` (10.77.0.1, fd77::1) and `server` (10.77.0.2, fd77::2).

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ip } from '../../src/linux/ip.ts';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { type ListenOptions, listenTcp } from '../../src/linux/tcp.ts';

export const addresses = {
  client: { ipv4: '10.77.0.1', ipv6: 'fd77::1' },
  server: { ipv4: '10.77.0.2', ipv6: 'fd77::2' },
} as const;

export interface Pair {
  readonly client: NetworkNamespace;
  readonly server: NetworkNamespace;
  readonly paths: { readonly client: string; readonly server: string };
}

let made = 0;

/** A namespace that goes with the stack. */
export function makeNamespace(
  stack: AsyncDisposableStack,
  label: string,
): [NetworkNamespace, string] {
  const file = `/run/netns/linux-${process.pid}-${++made}-${label}`;
  stack.defer(() => {
    removeNamespaceMount(file);
    rmSync(file, { force: true });
  });
  return [stack.use(NetworkNamespace.create(file)), file];
}

/** Both namespaces with their ends of the cable up; IPv6 addresses are usable at once. */
export async function makePair(stack: AsyncDisposableStack): Promise<Pair> {
  const [client, clientPath] = makeNamespace(stack, 'client');
  const [server, serverPath] = makeNamespace(stack, 'server');
  await ip(
    [`link add eth0 type veth peer name eth0 netns /proc/${process.pid}/fd/${server.fd}`],
    client,
  );
  // IPv6 addresses that exist before the cable carries lose their first second to neighbour discovery.
  for (const namespace of [client, server]) await ip(['link set dev eth0 up'], namespace);
  for (const [namespace, own] of [
    [client, addresses.client],
    [server, addresses.server],
  ] as const) {
    await ip(
      [`address add ${own.ipv4}/24 dev eth0`, `address add ${own.ipv6}/64 dev eth0 nodad`],
      namespace,
    );
  }
  return { client, server, paths: { client: clientPath, server: serverPath } };
}

/** A server on a socket of listenTcp. */
export async function serve(
  stack: AsyncDisposableStack,
  options: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<{ server: Server; port: number }> {
  const { fd } = listenTcp(options);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  stack.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  server.listen({ fd, backlog: 128 });
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** Waits until a condition holds, looking again after each turn of the event loop. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
