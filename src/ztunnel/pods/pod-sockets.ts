// The proxy's listeners inside one pod's network namespace.

import { createServer, type Server, type Socket } from 'node:net';
import { LinuxError } from '../../linux/errors.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { defaultBacklog, listenTcp } from '../../linux/tcp.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { proxyMark } from '../proxy/proxy-parts.ts';

/** A listening port. */
export interface PodListener {
  /** Stops accepting; what was accepted is its taker's. */
  close(): void;
}

/** Listens on a port of a pod, on both families where the pod has both. Several proxies may share the
 * port, as during an upgrade. @throws AmbitError AMB1418 */
export function listenInPod(
  network: NetworkNamespace,
  port: number,
  onSocket: (socket: Socket) => void,
  log: Logger,
): PodListener {
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 180_000 },
    (socket) => {
      // A socket may fail before its taker listens.
      socket.on('error', () => undefined);
      onSocket(socket);
    },
  );
  server.on('error', (error) => {
    log.error({ code: 'AMB1418', port, error: causeChain(error) }, 'a listener in a pod failed');
  });
  server.listen({ fd: openDescriptor(network, port), backlog: defaultBacklog });
  return { close: () => closeServer(server) };
}

/** What was accepted stays open, so there is nothing to wait for. */
function closeServer(server: Server): void {
  server.close();
}

function openDescriptor(namespace: NetworkNamespace, port: number): number {
  const options = { port, namespace, reusePort: true, transparent: true, mark: proxyMark };
  try {
    return listenTcp({ ...options, host: '::' }).fd;
  } catch (error) {
    if (!isWithoutIpv6(error)) throw listenError(port, error);
  }
  try {
    return listenTcp({ ...options, host: '0.0.0.0' }).fd;
  } catch (error) {
    throw listenError(port, error);
  }
}

function isWithoutIpv6(error: unknown): boolean {
  return error instanceof LinuxError && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(error.errno);
}

function listenError(port: number, cause: unknown): AmbitError {
  return new AmbitError('AMB1418', `port ${port}`, { cause });
}
