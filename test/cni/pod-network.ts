// A node with a bridge and two pods, as a base CNI plugin makes them, for the tests of this folder
// and of test/namespaces. Both families; the pods route through the node.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import type { RedirectSettings } from '../../src/cni/redirect/rules.ts';
import { ip } from '../../src/linux/ip.ts';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { setSysctl } from '../../src/linux/sysctl.ts';
import {
  type ConnectOptions,
  connectTcp,
  type ListenOptions,
  listenTcp,
  originalDestination,
} from '../../src/linux/tcp.ts';
import { parseIp } from '../../src/mesh/address.ts';

export const families = ['ipv4', 'ipv6'] as const;
export type Family = (typeof families)[number];

export const addresses = {
  node: { ipv4: '10.78.0.1', ipv6: 'fd78::1' },
  alpha: { ipv4: '10.78.0.2', ipv6: 'fd78::2' },
  beta: { ipv4: '10.78.0.3', ipv6: 'fd78::3' },
} as const;
export const loopback = { ipv4: '127.0.0.1', ipv6: '::1' } as const;
export const probeAddresses = {
  ipv4: parseIp('169.254.7.127')!,
  ipv6: parseIp('fd16:9254:7127:1337:ffff:ffff:ffff:ffff')!,
};

/** What a pod without annotations gets from an agent with its usual settings. */
export const usualSettings: RedirectSettings = {
  ipv6: true,
  captureDns: false,
  bypassInbound: false,
  virtualInterfaces: [],
  probeAddresses,
};

export interface PodNetwork {
  readonly node: NetworkNamespace;
  readonly alpha: NetworkNamespace;
  readonly beta: NetworkNamespace;
  readonly paths: Readonly<Record<'node' | 'alpha' | 'beta', string>>;
}

let made = 0;

/** Makes a namespace whose mount goes with the stack. */
export function makeNamespace(
  stack: AsyncDisposableStack,
  label: string,
  folder = '/run/netns',
): [NetworkNamespace, string] {
  const file = `${folder}/cni-${process.pid}-${++made}-${label}`;
  stack.defer(() => removeNamespaceMount(file));
  return [stack.use(NetworkNamespace.create(file)), file];
}

/** Makes the node and its pods. @param folder where the namespaces are mounted */
export async function makePodNetwork(
  stack: AsyncDisposableStack,
  folder?: string,
): Promise<PodNetwork> {
  const [node, nodePath] = makeNamespace(stack, 'node');
  await ip(
    [
      'link add cni0 type bridge',
      `address add ${addresses.node.ipv4}/24 dev cni0`,
      `address add ${addresses.node.ipv6}/64 dev cni0 nodad`,
      'link set dev cni0 up',
    ],
    node,
  );
  setSysctl('net/ipv4/ip_forward', 1, node);
  setSysctl('net/ipv6/conf/all/forwarding', 1, node);
  const pods = [];
  for (const label of ['alpha', 'beta'] as const) {
    const [pod, path] = makeNamespace(stack, label, folder);
    await attachPod(node, pod, label, addresses[label]);
    pods.push({ pod, path });
  }
  return {
    node,
    alpha: pods[0]!.pod,
    beta: pods[1]!.pod,
    paths: { node: nodePath, alpha: pods[0]!.path, beta: pods[1]!.path },
  };
}

async function attachPod(
  node: NetworkNamespace,
  pod: NetworkNamespace,
  label: string,
  own: Readonly<Record<Family, string>>,
): Promise<void> {
  await ip(
    [
      `link add veth-${label} type veth peer name eth0 netns /proc/${process.pid}/fd/${pod.fd}`,
      `link set dev veth-${label} master cni0 up`,
    ],
    node,
  );
  await ip(
    [
      `address add ${own.ipv4}/24 dev eth0`,
      `address add ${own.ipv6}/64 dev eth0 nodad`,
      'link set dev eth0 up',
      `-4 route add default via ${addresses.node.ipv4}`,
      `-6 route add default via ${addresses.node.ipv6}`,
    ],
    pod,
  );
}

/** What a server saw of one connection. */
export interface Arrival {
  readonly name: string;
  readonly source: string;
  /** The client's own, unless a proxy stands between. */
  readonly sourcePort: number | undefined;
  readonly originalDestination: { address: string; port: number } | undefined;
}

/** Serves connections that are greeted with what the server saw, as one line of JSON. */
export async function serve(
  stack: AsyncDisposableStack,
  name: string,
  options: ListenOptions,
): Promise<void> {
  const { fd } = listenTcp(options);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const arrival: Arrival = {
      name,
      source: parseIp(socket.remoteAddress ?? '') ?? '',
      sourcePort: socket.remotePort,
      originalDestination: originalDestination(socket),
    };
    socket.write(`${JSON.stringify(arrival)}\n`);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end());
  });
  stack.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  server.listen({ fd });
  await once(server, 'listening');
}

/** Connects, reads the greeting, leaves the connection open until the stack ends. */
export async function dial(
  stack: AsyncDisposableStack,
  options: ConnectOptions,
): Promise<{ socket: Socket; arrival: Arrival }> {
  const socket = await connectTcp({ timeoutMs: 3_000, ...options });
  stack.defer(() => {
    socket.destroy();
  });
  return { socket, arrival: JSON.parse(await nextLine(socket)) as Arrival };
}

/** The next chunk that a socket brings, as text. */
export async function nextLine(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}
