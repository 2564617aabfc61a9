// TCP sockets made inside network namespaces, with the options a transparent proxy needs, and handed
// to Node as ordinary servers and sockets.

import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { descriptorOf } from './descriptors.ts';
import { LinuxError } from './errors.ts';
import { call } from './libc.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { canonicalAddress, decodeSocketAddress, familyOf } from './socket-address.ts';
import {
  bindSocket,
  boundPort,
  makeTransparent,
  openSocket,
  readOption,
  setOption,
} from './sockets.ts';

/** As pods' listeners have it (protocol reference 1.1). */
export const defaultBacklog = 128;
const defaultConnectTimeoutMs = 10_000;
const keepAliveMs = 180_000;

export interface ListenOptions {
  /** An IP address. `::` takes IPv4 too (as IPv4-mapped peers) unless `ipv6Only`. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly namespace?: NetworkNamespace;
  readonly backlog?: number;
  /** Several sockets, of processes of one user, share the port. */
  readonly reusePort?: boolean;
  /** Accept connections for addresses that are not the machine's own. */
  readonly transparent?: boolean;
  /** SO_MARK; accepted connections inherit it. */
  readonly mark?: number;
  readonly ipv6Only?: boolean;
}

/** Opens a listening socket. The caller owns `fd`: `net.createServer().listen({ fd, backlog })` takes
 * it over, closeDescriptor() drops it.
 * @throws LinuxError EAFNOSUPPORT or EADDRNOTAVAIL for `::` where IPv6 is off */
export function listenTcp(options: ListenOptions): { fd: number; port: number } {
  const { namespace, backlog = defaultBacklog } = options;
  const host = canonicalAddress(options.host);
  const family = familyOf(host);
  const fd = inside(namespace, () => openSocket(family, 'stream'));
  try {
    setOption(fd, 'reuseAddress', 1);
    if (options.reusePort === true) setOption(fd, 'reusePort', 1);
    if (options.mark !== undefined) setOption(fd, 'mark', options.mark);
    if (family === 'ipv6') setOption(fd, 'ipv6Only', options.ipv6Only === true ? 1 : 0);
    if (options.transparent === true) makeTransparent(fd, family);
    bindSocket(fd, host, options.port);
    call('listen', [fd, backlog], `listen on port ${options.port}`);
    return { fd, port: boundPort(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export interface ConnectOptions {
  /** An IP address; names are not resolved. An IPv4-mapped one is dialled as IPv4. */
  readonly host: string;
  readonly port: number;
  readonly namespace?: NetworkNamespace;
  /** SO_MARK. */
  readonly mark?: number;
  /** The source address to show, also if it is not this machine's (IP_TRANSPARENT, IP_FREEBIND). Leave
   * it out when it equals `host`, as ztunnel does (protocol reference 1.8). */
  readonly localAddress?: string;
  /** Default 10 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Connects from inside a namespace. The socket has allowHalfOpen, TCP_NODELAY and keep-alive (180 s).
 * @throws LinuxError ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ...; ECANCELED if the signal
 * fires, with its reason as cause; EPERM if `mark` or `localAddress` is not allowed; EAFNOSUPPORT if
 * `localAddress` is of another family than `host` */
export async function connectTcp(options: ConnectOptions): Promise<Socket> {
  const operation = `connect to ${options.host}:${options.port}`;
  if (options.signal?.aborted === true) throw canceled(operation, options.signal);
  const fd = openOutgoing(options, operation);
  const socket = adopt(fd);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const fail = (error: LinuxError): void => {
    socket.destroy();
    reject(error);
  };
  const timer = setTimeout(
    () => fail(new LinuxError(operation, 'ETIMEDOUT')),
    options.timeoutMs ?? defaultConnectTimeoutMs,
  );
  const onAbort = (): void => fail(canceled(operation, options.signal));
  const onError = (error: NodeJS.ErrnoException): void =>
    fail(new LinuxError(operation, error.code ?? 'EIO', { cause: error }));
  options.signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('error', onError);
  // The socket was born in the namespace, so the connection starts there wherever the thread is.
  socket.connect({ host: canonicalAddress(options.host), port: options.port }, () =>
    resolve(socket),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    socket.off('error', onError);
    // An error of a destroyed socket may still be on its way.
    if (socket.destroyed) socket.on('error', () => undefined);
  }
}

function openOutgoing(options: ConnectOptions, operation: string): number {
  const family = familyOf(canonicalAddress(options.host));
  const { localAddress, mark, namespace } = options;
  const source = localAddress === undefined ? undefined : canonicalAddress(localAddress);
  if (source !== undefined && familyOf(source) !== family) {
    throw new LinuxError(`${operation} from ${source}`, 'EAFNOSUPPORT');
  }
  const fd = inside(namespace, () => openSocket(family, 'stream'));
  try {
    if (mark !== undefined) setOption(fd, 'mark', mark);
    if (source !== undefined) {
      makeTransparent(fd, family);
      // The port is chosen by connect(2), which may share it between destinations.
      setOption(fd, 'ipBindAddressNoPort', 1);
      bindSocket(fd, source, 0);
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function adopt(fd: number): Socket {
  try {
    return new Socket({
      fd,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function canceled(operation: string, signal: AbortSignal | undefined): LinuxError {
  return new LinuxError(operation, 'ECANCELED', { cause: signal?.reason });
}

function inside<T>(namespace: NetworkNamespace | undefined, body: () => T): T {
  return namespace === undefined ? body() : namespace.run(body);
}

/** Where the client wanted to go before the kernel redirected the connection here (SO_ORIGINAL_DST).
 * Without redirection it is the local address, or undefined if connections are not tracked. */
export function originalDestination(socket: Socket): { address: string; port: number } | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  const bytes =
    readOption(fd, 'ipOriginalDestination', 16) ?? readOption(fd, 'ipv6OriginalDestination', 28);
  return bytes === undefined ? undefined : decodeSocketAddress(bytes);
}

/** Ends a connection with RST, so that the peer sees a failure rather than an end of data. */
export function resetTcp(socket: Socket): void {
  socket.resetAndDestroy();
}
