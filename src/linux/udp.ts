// UDP sockets made inside network namespaces.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import type { NetworkNamespace } from './network-namespace.ts';
import { canonicalAddress, familyOf } from './socket-address.ts';
import { bindSocket, boundPort, openSocket, setOption } from './sockets.ts';

export interface UdpOptions {
  /** An IP address. `::` takes IPv4 too unless `ipv6Only`. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly namespace?: NetworkNamespace;
  readonly reusePort?: boolean;
  /** SO_MARK of what is sent. */
  readonly mark?: number;
  readonly ipv6Only?: boolean;
}

/** Opens a bound UDP socket. The caller owns `fd`; a socket of node:dgram that takes it over with
 * `bind({ fd })` emits 'listening' before that call returns. @throws LinuxError */
export function bindUdp(options: UdpOptions): { fd: number; port: number } {
  const host = canonicalAddress(options.host);
  const family = familyOf(host);
  const open = (): number => openSocket(family, 'datagram');
  const fd = options.namespace === undefined ? open() : options.namespace.run(open);
  try {
    if (options.reusePort === true) setOption(fd, 'reusePort', 1);
    if (options.mark !== undefined) setOption(fd, 'mark', options.mark);
    if (family === 'ipv6') setOption(fd, 'ipv6Only', options.ipv6Only === true ? 1 : 0);
    bindSocket(fd, host, options.port);
    return { fd, port: boundPort(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The same as a socket of node:dgram, already listening. @throws LinuxError */
export async function openUdp(options: UdpOptions): Promise<Socket> {
  const { fd } = bindUdp(options);
  const socket = createSocket(
    familyOf(canonicalAddress(options.host)) === 'ipv4' ? 'udp4' : 'udp6',
  );
  const listening = once(socket, 'listening');
  socket.bind({ fd });
  await listening;
  return socket;
}
