// The upstream connections of one client connection: by endpoint and protocol. They are not shared
// among clients, so that every hop of a connection carries that connection's trace id and no client's
// bytes follow another's; what is dear, the mutual TLS below, is shared in the tunnel pool. How many there
// may be of all clients together is their destination's to say.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Clock } from '../../runtime/clock.ts';
import { unlessAborted } from '../../runtime/unless-aborted.ts';
import { PoolOverflow } from '../destinations/destination-load.ts';
import type { Destination } from '../destinations/destinations.ts';
import { type UpstreamConnection, UpstreamFailure } from '../request/exchange.ts';
import { keyOfEndpoint, type UpstreamEndpoint } from './endpoints.ts';
import { Http1Upstream } from './http1-upstream.ts';
import { Http2Upstream } from './http2-upstream.ts';
import { PooledConnection } from './pooled-connection.ts';

export type UpstreamProtocol = 'http1' | 'http2';

/** Most idle connections that are kept for one endpoint. */
const maxIdle = 8;

/** What one connection is for. */
interface Wish {
  readonly endpoint: UpstreamEndpoint;
  readonly protocol: UpstreamProtocol;
  /** Absent where nothing is said of the destination. */
  readonly destination: Destination | undefined;
  /** Connections for the like. */
  readonly known: Set<PooledConnection>;
}

interface Found {
  readonly connection: PooledConnection;
  readonly isReused: boolean;
}

/** A connection that is being opened, for so many requests. */
interface Opening {
  readonly found: Promise<Found>;
  sharers: number;
}

export class UpstreamPool implements Disposable {
  readonly #open: (endpoint: UpstreamEndpoint, signal: AbortSignal) => Promise<ByteStream>;
  readonly #clock: Clock;
  readonly #known = new Map<string, Set<PooledConnection>>();
  /** Of HTTP/2, whose connections are shared from the start. */
  readonly #opening = new Map<Set<PooledConnection>, Opening>();
  readonly #ended = new AbortController();

  constructor(
    open: (endpoint: UpstreamEndpoint, signal: AbortSignal) => Promise<ByteStream>,
    clock: Clock,
  ) {
    this.#open = open;
    this.#clock = clock;
  }

  /** A connection reserved for one request, which must be sent. Rejects with `UpstreamFailure` of stage
   * `connect`, or `overflow` where the destination has no room. */
  async acquire(
    endpoint: UpstreamEndpoint,
    protocol: UpstreamProtocol,
    signal: AbortSignal,
    destination?: Destination,
  ): Promise<{ readonly connection: UpstreamConnection; readonly isReused: boolean }> {
    const key = `${protocol} ${keyOfEndpoint(endpoint)}`;
    const known = this.#known.get(key) ?? new Set<PooledConnection>();
    this.#known.set(key, known);
    const free = [...known].find((one) => one.reserve());
    if (free !== undefined) return { connection: free.upstream, isReused: true };
    const wish = { endpoint, protocol, destination, known };
    try {
      using _pending = destination?.load.enterPending();
      const found = await (protocol === 'http1'
        ? this.#openOwn(wish, signal)
        : this.#openShared(wish, signal));
      return { connection: found.connection.upstream, isReused: found.isReused };
    } catch (error) {
      throw new UpstreamFailure(error instanceof PoolOverflow ? 'overflow' : 'connect', error);
    }
  }

  /** Whether an endpoint that speaks HTTP/2 takes requests that change to another protocol. */
  async canUpgradeHttp2(
    endpoint: UpstreamEndpoint,
    signal: AbortSignal,
    destination?: Destination,
  ): Promise<boolean> {
    try {
      const { connection } = await this.acquire(endpoint, 'http2', signal, destination);
      if (!(connection instanceof Http2Upstream)) return false;
      const canUpgrade = await connection.canUpgrade();
      connection.release();
      return canUpgrade;
    } catch {
      // Who tries the other protocol learns why.
      return false;
    }
  }

  /** For one request, whose end is also that of the opening. */
  async #openOwn(wish: Wish, signal: AbortSignal): Promise<Found> {
    const found = await this.#openOne(wish, AbortSignal.any([signal, this.#ended.signal]), (one) =>
      one.reserve(),
    );
    if (!found.isReused && !found.connection.reserve()) throw new Error('it closed at once');
    return found;
  }

  /** Whoever comes while one is being opened shares it, so no single request's signal ends it. */
  async #openShared(wish: Wish, signal: AbortSignal): Promise<Found> {
    const { known, destination } = wish;
    const most = destination?.policy.connectionPool?.maxConcurrentStreams ?? Infinity;
    const later = this.#opening.get(known);
    const opening = later !== undefined && later.sharers < most ? later : this.#start(wish);
    opening.sharers++;
    const found = await unlessAborted(opening.found, signal);
    if (found.connection.reserve()) return found;
    // The endpoint allows less than all who shared need: each of the rest has one of its own.
    const again = [...known].find((one) => one.reserve());
    if (again !== undefined) return { connection: again, isReused: true };
    return await this.#openOwn(wish, signal);
  }

  #start(wish: Wish): Opening {
    const found = this.#openOne(wish, this.#ended.signal, (one) => one.isFree);
    const opening: Opening = { found, sharers: 0 };
    this.#opening.set(wish.known, opening);
    const forget = (): void => {
      if (this.#opening.get(wish.known) === opening) this.#opening.delete(wish.known);
    };
    found.then(forget, forget);
    return opening;
  }

  /** A new connection, or one that became free in the meantime and was taken. */
  async #openOne(
    { endpoint, protocol, destination, known }: Wish,
    signal: AbortSignal,
    take: (connection: PooledConnection) => boolean,
  ): Promise<Found> {
    const load = destination?.load;
    let taken: PooledConnection | undefined;
    const slot = await load?.slot(signal, (offered) => {
      taken = [...known].find((one) => one === offered && take(one));
      return taken !== undefined;
    });
    if (taken !== undefined) return { connection: taken, isReused: true };
    try {
      const stream = await this.#open(endpoint, signal);
      const connection = new PooledConnection({
        stream,
        connect: (under, onFree) =>
          protocol === 'http1'
            ? new Http1Upstream(under, onFree)
            : new Http2Upstream(under, onFree),
        slot,
        load,
        limits: destination?.policy.connectionPool,
        clock: this.#clock,
        isSpare: () => [...known].filter((one) => one.isIdle).length > maxIdle,
        onRetired: (one) => known.delete(one),
      });
      known.add(connection);
      if (this.#ended.signal.aborted) connection.end();
      return { connection, isReused: false };
    } catch (error) {
      slot?.release();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#ended.abort(new Error('the client connection ended'));
    for (const connections of this.#known.values()) {
      for (const connection of connections) connection.end();
    }
  }
}
