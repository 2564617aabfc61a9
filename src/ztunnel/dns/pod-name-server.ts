// The listeners inside one pod that its DNS is led to (protocol section 8.1). Answers go out of the
// socket that the query came in by, so that connection tracking can undo the redirection.

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { LinuxError } from '../../linux/errors.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { defaultBacklog, listenTcp } from '../../linux/tcp.ts';
import { bindUdp } from '../../linux/udp.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { serveConnection } from '../../wire/dns/tcp-messages.ts';
import { proxyMark } from '../proxy/proxy-parts.ts';
import type { PodNames } from './pod-names.ts';

/** Per address of the pod. */
const maxConnections = 128;
const connectionLimits = { idleMs: 5_000, maxPending: 64 } as const;

export interface PodNameServerOptions {
  readonly network: NetworkNamespace;
  readonly hosts: readonly string[];
  readonly port: number;
  readonly names: PodNames;
  readonly log: Logger;
}

/** Serves the names of one pod until closed. */
export class PodNameServer {
  readonly #options: PodNameServerOptions;
  readonly #udp: UdpSocket[] = [];
  readonly #tcp: Server[] = [];
  readonly #connections = new Set<Socket>();
  #closed = false;

  /** Listens on all addresses that the pod has. @throws AmbitError AMB1418 */
  constructor(options: PodNameServerOptions) {
    this.#options = options;
    try {
      for (const host of options.hosts) this.#listen(host);
      if (this.#udp.length === 0) throw new Error('the pod has none of the addresses');
    } catch (error) {
      this.#closeSockets();
      throw new AmbitError('AMB1418', `DNS port ${options.port}`, { cause: error });
    }
  }

  #listen(host: string): void {
    const { network: namespace, port } = this.#options;
    const options = { host, port, namespace, reusePort: true, mark: proxyMark };
    try {
      this.#serveUdp(bindUdp(options).fd, host);
    } catch (error) {
      if (host.includes(':') && isWithoutAddress(error)) return;
      throw error;
    }
    this.#serveTcp(listenTcp(options).fd);
  }

  #serveUdp(fd: number, host: string): void {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    this.#udp.push(socket);
    socket.on('message', (query, peer) => {
      void this.#options.names.answer(query, 'udp').then((answer) => {
        if (answer !== undefined && !this.#closed) socket.send(answer, peer.port, peer.address);
      });
    });
    socket.on('error', (error) => this.#report(error));
    socket.bind({ fd });
  }

  #serveTcp(fd: number): void {
    const server = createServer((socket) => {
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
      const { names } = this.#options;
      serveConnection(socket, (query) => names.answer(query, 'tcp'), connectionLimits);
    });
    server.maxConnections = maxConnections;
    server.on('error', (error) => this.#report(error));
    this.#tcp.push(server);
    server.listen({ fd, backlog: defaultBacklog });
  }

  #report(error: Error): void {
    const { log, port } = this.#options;
    log.error({ code: 'AMB1418', port, error: causeChain(error) }, 'a listener in a pod failed');
  }

  /** Lets queries that wait have their answers, then ends. What comes meanwhile is answered too, since
   * nobody else may be there yet. */
  async close(): Promise<void> {
    await this.#options.names.settled();
    this.#closeSockets();
  }

  #closeSockets(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#udp) socket.close();
    for (const server of this.#tcp) server.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

function isWithoutAddress(error: unknown): boolean {
  return error instanceof LinuxError && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(error.errno);
}
