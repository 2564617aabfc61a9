// The opening end of tunnels: CONNECT streams over pooled mutual-TLS connections. Connections are
// shared per source identity, expected identities, scope and peer (protocol section 3.5).

import { formatEndpoint } from '../../mesh/address.ts';
import type { Identity } from '../../mesh/identity.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { PeerCheck } from '../certificates/revocations.ts';
import { SecureContexts } from '../certificates/tls-options.ts';
import type { WorkloadCertificate } from '../certificates/workload-certificate.ts';
import type { TunnelResult, TunnelTarget } from './tunnel.ts';
import { openTunnelConnection, type TunnelConnection } from './tunnel-connection.ts';

/** An unused connection is closed after this long. */
const unusedReleaseMs = 5 * 60_000;
/** Connections that say goodbye before they carry a request, for one request. Peers that are being
 * replaced do so once or twice; one that always does is broken. */
const maxGoodbyes = 4;

export interface TunnelPoolOptions {
  /** The certificate of a local workload. */
  readonly certificate: (identity: Identity) => Promise<WorkloadCertificate>;
  /** Judges certificates, when a connection opens and later. */
  readonly check?: PeerCheck;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Opens tunnel streams. */
export class TunnelPool implements AsyncDisposable {
  readonly #options: TunnelPoolOptions;
  readonly #contexts = new SecureContexts();
  readonly #connections = new Map<string, Set<TunnelConnection>>();
  /** Connections that are not shared. */
  readonly #alone = new Set<TunnelConnection>();
  /** One connect at a time per key; whoever comes meanwhile shares its outcome. */
  readonly #opening = new Map<string, Promise<TunnelConnection>>();
  readonly #ended = new AbortController();

  constructor(options: TunnelPoolOptions) {
    this.#options = options;
  }

  /** Opens a stream. Throws AmbitError: AMB1501 and AMB1502 when the peer can not be reached, AMB1503
   * and AMB1504 for TLS and identity, AMB1505 without a certificate, AMB1506 for HTTP/2, AMB1521 when
   * a certificate is revoked. */
  async open(target: TunnelTarget, options: { signal?: AbortSignal } = {}): Promise<TunnelResult> {
    const key = keyOf(target);
    let last: AmbitError | undefined;
    for (let goodbyes = 0; goodbyes < maxGoodbyes; goodbyes++) {
      options.signal?.throwIfAborted();
      const connection = await this.#checkOut(key, target);
      if (connection === undefined) continue;
      const outcome = await connection.request(target.authority, target.headers, options.signal);
      // A connection may be told to go away between check-out and request: once more then.
      if (outcome.kind !== 'not-processed') return outcome;
      last = outcome.error;
    }
    throw last ?? new AmbitError('AMB1506', 'the peer ends every connection before it is used');
  }

  /** Opens the one stream of a connection of its own, which goes with it (protocol section 3.9: who shared
   * the connection inside a tunnel would always reach the same endpoint). Throws as `open` does. */
  async openAlone(
    target: TunnelTarget,
    options: { signal?: AbortSignal } = {},
  ): Promise<TunnelResult> {
    this.#ended.signal.throwIfAborted();
    const connection = await this.#secure(target);
    this.#alone.add(connection);
    void connection.closed.then(() => this.#alone.delete(connection));
    if (!connection.reserve()) throw new AmbitError('AMB1506', 'the peer takes no streams');
    const { authority, headers } = target;
    const answer = await connection
      .request(authority, headers, options.signal)
      // Takes no more streams, and closes after this one.
      .finally(() => connection.drain());
    if (answer.kind === 'not-processed') throw answer.error;
    return answer;
  }

  #secure(target: TunnelTarget): Promise<TunnelConnection> {
    const { certificate, check, clock } = this.#options;
    return openTunnelConnection(target, {
      certificate,
      ...(check && { check }),
      contexts: this.#contexts,
      clock,
      signal: this.#ended.signal,
    });
  }

  /** A connection with a place reserved on it; undefined when a new one went away at once. */
  async #checkOut(key: string, target: TunnelTarget): Promise<TunnelConnection | undefined> {
    for (;;) {
      const free = [...(this.#connections.get(key) ?? [])].find((one) => one.reserve());
      if (free !== undefined) return free;
      const connection = await (this.#opening.get(key) ?? this.#connect(key, target));
      if (connection.reserve()) return connection;
      if (connection.retired) return undefined;
    }
  }

  #connect(key: string, target: TunnelTarget): Promise<TunnelConnection> {
    this.#ended.signal.throwIfAborted();
    const opening = this.#secure(target).then((connection) => {
      this.#keep(key, connection);
      this.#options.log.debug({ peer: formatEndpoint(target.peer) }, 'tunnel connection open');
      return connection;
    });
    this.#opening.set(key, opening);
    const settled = (): void => {
      this.#opening.delete(key);
    };
    opening.then(settled, settled);
    return opening;
  }

  #keep(key: string, connection: TunnelConnection): void {
    const connections = this.#connections.get(key) ?? new Set();
    this.#connections.set(key, connections.add(connection));
    void connection.closed.then(() => {
      connections.delete(connection);
      if (connections.size === 0 && this.#connections.get(key) === connections) {
        this.#connections.delete(key);
      }
    });
    void connection.closeWhenUnused(unusedReleaseMs);
  }

  /** Lets streams finish and opens no new connections for a scope (a local workload), or at all. */
  drain(poolScope?: string): void {
    for (const [key, connections] of this.#connections) {
      if (poolScope !== undefined && !key.startsWith(`${poolScope}\n`)) continue;
      for (const connection of connections) connection.drain();
    }
  }

  /** How many connections are open. */
  get size(): number {
    let size = 0;
    for (const connections of this.#connections.values()) size += connections.size;
    return size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('the tunnel pool was closed'));
    const pooled = [...this.#connections.values()].flatMap((connections) => [...connections]);
    const all = [...pooled, ...this.#alone];
    for (const connection of all) connection.destroy();
    await Promise.all(all.map((connection) => connection.closed));
  }
}

function keyOf(target: TunnelTarget): string {
  const { poolScope, sourceIdentity, expectedIdentities, peer } = target;
  const expected = [...expectedIdentities].toSorted().join(',');
  return [poolScope, sourceIdentity, formatEndpoint(peer), expected].join('\n');
}
