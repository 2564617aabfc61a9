// The proxy's listeners inside one pod's network namespace.

import { createServer, type Socket } from 'node:net';
import { LinuxError } from '../../linux/errors.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { allowMigration, preferSecondListener } from '../../linux/reuse-port.ts';
import { defaultBacklog, listenTcp } from '../../linux/tcp.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { proxyMark } from '../proxy/proxy-parts.ts';

/** How long a listener that hands over goes on accepting: handshakes that were under way when new
 * connections began to go elsewhere take one more round trip. Where the kernel migrates them, later
 * ones are safe too. */
const handOverMs = 250;

/** A listening port. */
export interface PodListener {
  /** Stops accepting at once; what waits to be accepted is reset. What was accepted is its taker's. */
  close(): void;
  /** Leaves the port to another process that listens on it, or to nobody: new connections go there,
   * those that came before are accepted, then it closes. The signal cuts it short. */
  handOver(clock: Clock, signal: AbortSignal): Promise<void>;
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
  allowMigration(network);
  const fd = openDescriptor(network, port);
  server.listen({ fd, backlog: defaultBacklog });
  // What was accepted stays open, so there is nothing to wait for.
  const close = (): void => void server.close();
  return {
    close,
    async handOver(clock, signal) {
      steer(fd, port, log);
      await clock.wait(handOverMs, signal).catch(() => undefined);
      // Timers run before the loop looks at sockets: what has arrived by now is accepted first.
      await new Promise((resolve) => setImmediate(resolve));
      close();
    },
  };
}

/** Without it the backlog is left to the kernel's migration, or lost. */
function steer(fd: number, port: number, log: Logger): void {
  try {
    preferSecondListener(fd);
  } catch (error) {
    log.warn({ port, error: causeChain(error) }, 'new connections still come to this proxy');
  }
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
