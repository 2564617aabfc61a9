// A name server inside a node's namespace, UDP and TCP, on each of its addresses.

import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { listenTcp } from '../../linux/tcp.ts';
import { openUdp } from '../../linux/udp.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import { serveConnection } from '../../wire/dns/tcp-messages.ts';
import type { Resolver } from './resolver.ts';

export interface NameServerOptions {
  readonly namespace: NetworkNamespace;
  readonly addresses: readonly string[];
  /** Default 53. */
  readonly port?: number;
  readonly resolver: Resolver;
}

const dnsPort = 53;
const maxConnections = 128;
/** Questions of one connection that wait for their answers. */
const maxPendingPerConnection = 32;
const idleMs = 10_000;

/** A running name server. */
export class NameServer implements AsyncDisposable {
  readonly #resolver: Resolver;
  readonly #end = new AbortController();
  readonly #udp: UdpSocket[] = [];
  readonly #tcp: Server[] = [];
  readonly #connections = new Set<Socket>();

  private constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Listens on all addresses. @throws AmbitError AMB1157 */
  static async start(options: NameServerOptions): Promise<NameServer> {
    const server = new NameServer(options.resolver);
    const { namespace, port = dnsPort } = options;
    for (const host of options.addresses) {
      try {
        await server.#listenUdp(host, port, namespace);
        await server.#listenTcp(host, port, namespace);
      } catch (error) {
        await server[Symbol.asyncDispose]();
        const what = `${host} port ${port}: ${causeChain(error)}`;
        throw new AmbitError('AMB1157', what, { cause: error });
      }
    }
    return server;
  }

  async #listenUdp(host: string, port: number, namespace: NetworkNamespace): Promise<void> {
    const socket = await openUdp({ host, port, namespace, ipv6Only: true });
    this.#udp.push(socket);
    socket.on('message', (query, peer) => {
      void this.#answer(query, 'udp').then((answer) => {
        if (answer === undefined || this.#end.signal.aborted) return;
        socket.send(answer, peer.port, peer.address);
      });
    });
    // A client that went away before its answer makes the kernel report it here.
    socket.on('error', () => undefined);
  }

  async #listenTcp(host: string, port: number, namespace: NetworkNamespace): Promise<void> {
    const { fd } = listenTcp({ host, port, namespace, ipv6Only: true });
    const server = createServer((socket) => this.#serve(socket));
    server.maxConnections = maxConnections;
    this.#tcp.push(server);
    server.listen({ fd });
    await once(server, 'listening');
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    serveConnection(socket, (query) => this.#answer(query, 'tcp'), {
      idleMs,
      maxPending: maxPendingPerConnection,
    });
  }

  /** An answer that comes after the end is dropped; only the end lets an answer fail. */
  async #answer(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    return await this.#resolver.answer(query, transport, this.#end.signal).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new Error('the name server ends'));
    for (const connection of this.#connections) connection.destroy();
    const closed = [
      ...this.#udp.map((socket) => new Promise<void>((resolve) => socket.close(resolve))),
      ...this.#tcp.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    ];
    await Promise.all(closed);
  }
}
