// Asking the machine's name servers, from the supervisor's own namespace. Messages are passed on as they
// are, under another id; the answer's id and question are checked before it is believed.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { NameServer } from '../../runtime/resolv-conf.ts';
import { exchangeTcp, exchangeUdp } from '../../wire/dns/exchange.ts';
import { type RelayedQuery, relayQuery } from '../../wire/dns/relay.ts';

export interface UpstreamOptions {
  readonly servers: () => Promise<readonly NameServer[]>;
  /** Per server. Default 2 s. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 2_000;
/** More questions at a time are not passed on. */
const maxPending = 256;

/** The name servers outside of the cluster. */
export class Upstream {
  readonly #options: UpstreamOptions;
  #pending = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Asks one server after the other and gives the first answer, with the id of the query.
   * @throws Error when there is no server, too much is pending, or none answers */
  async ask(
    query: Buffer,
    questionBytes: Uint8Array,
    transport: 'udp' | 'tcp',
    signal: AbortSignal,
  ): Promise<Buffer> {
    if (this.#pending >= maxPending) throw new Error(`${maxPending} questions are pending`);
    this.#pending++;
    try {
      return await this.#askEach(query, questionBytes, transport, signal);
    } finally {
      this.#pending--;
    }
  }

  async #askEach(
    query: Buffer,
    questionBytes: Uint8Array,
    transport: 'udp' | 'tcp',
    signal: AbortSignal,
  ): Promise<Buffer> {
    const servers = await this.#options.servers();
    if (servers.length === 0) throw new Error('the machine has no name server');
    const relayed = relayQuery(query, questionBytes, randomInt(0x1_0000));
    const exchange = transport === 'udp' ? overUdp : overTcp;
    const failures: unknown[] = [];
    for (const server of servers) {
      try {
        const limit = AbortSignal.timeout(this.#options.timeoutMs ?? defaultTimeoutMs);
        return await exchange(server, relayed, AbortSignal.any([limit, signal]));
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    throw new Error(`no answer from ${servers.map(({ address }) => address).join(', ')}`, {
      cause: failures[0],
    });
  }
}

type Exchange = (server: NameServer, query: RelayedQuery, signal: AbortSignal) => Promise<Buffer>;

const overUdp: Exchange = async (server, query, signal) => {
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
  return await exchangeUdp(socket, server, query, signal);
};

const overTcp: Exchange = async (server, query, signal) => {
  const socket = connect({ host: server.address, port: server.port });
  return await exchangeTcp(socket, query, signal);
};
