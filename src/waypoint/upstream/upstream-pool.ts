// The upstream connections of one client connection: by endpoint and protocol. They are not shared
// among clients, so that every hop of a connection carries that connection's trace id and no client's
// bytes follow another's; what is dear, the mutual TLS below, is shared in the tunnel pool.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type UpstreamConnection, UpstreamFailure } from '../request/exchange.ts';
import { keyOfEndpoint, type UpstreamEndpoint } from './endpoints.ts';
import { Http1Upstream } from './http1-upstream.ts';
import { Http2Upstream } from './http2-upstream.ts';

export type UpstreamProtocol = 'http1' | 'http2';

/** Most idle HTTP/1.1 connections that are kept for one endpoint. */
const maxIdle = 8;

export class UpstreamPool implements Disposable {
  readonly #open: (endpoint: UpstreamEndpoint, signal: AbortSignal) => Promise<ByteStream>;
  readonly #clock: Clock;
  readonly #http1 = new Map<string, Set<Http1Upstream>>();
  readonly #http2 = new Map<string, Promise<Http2Upstream>>();
  readonly #ended = new AbortController();

  constructor(
    open: (endpoint: UpstreamEndpoint, signal: AbortSignal) => Promise<ByteStream>,
    clock: Clock,
  ) {
    this.#open = open;
    this.#clock = clock;
  }

  /** A connection reserved for one request, which must be sent. Rejects with `UpstreamFailure` of stage `connect`. */
  async acquire(
    endpoint: UpstreamEndpoint,
    protocol: UpstreamProtocol,
    signal: AbortSignal,
  ): Promise<{ readonly connection: UpstreamConnection; readonly isReused: boolean }> {
    const key = keyOfEndpoint(endpoint);
    try {
      return protocol === 'http1'
        ? await this.#acquireHttp1(key, endpoint, signal)
        : await this.#acquireHttp2(key, endpoint);
    } catch (error) {
      throw new UpstreamFailure('connect', error);
    }
  }

  /** Whether an endpoint that speaks HTTP/2 takes requests that change to another protocol. */
  async canUpgradeHttp2(endpoint: UpstreamEndpoint): Promise<boolean> {
    const opened = this.#acquireHttp2(keyOfEndpoint(endpoint), endpoint);
    return await opened.then(
      ({ connection }) => connection.canUpgrade(),
      () => false,
    );
  }

  async #acquireHttp1(key: string, endpoint: UpstreamEndpoint, signal: AbortSignal) {
    const known = this.#http1.get(key) ?? new Set<Http1Upstream>();
    this.#http1.set(key, known);
    const free = [...known].find((one) => one.reserve());
    if (free !== undefined) return { connection: free, isReused: true };
    const bounded = AbortSignal.any([signal, this.#ended.signal]);
    const stream = await this.#open(endpoint, bounded);
    const connection: Http1Upstream = new Http1Upstream(stream, () => {
      const idle = [...known].filter((one) => one.isFree).length;
      if (connection.isUsable && idle <= maxIdle) return;
      known.delete(connection);
      connection.close(this.#clock);
    });
    known.add(connection);
    connection.reserve();
    if (this.#ended.signal.aborted) connection.destroy();
    return { connection, isReused: false };
  }

  async #acquireHttp2(key: string, endpoint: UpstreamEndpoint) {
    const known = await this.#http2.get(key)?.catch(() => undefined);
    if (known?.isUsable === true) return { connection: known, isReused: true };
    if (known !== undefined) this.#http2.delete(key);
    // Whoever comes while one is being opened shares it, so no single request's signal ends it.
    const later = this.#http2.get(key);
    const opening = later ?? this.#openHttp2(key, endpoint);
    return { connection: await opening, isReused: false };
  }

  #openHttp2(key: string, endpoint: UpstreamEndpoint): Promise<Http2Upstream> {
    const opening = this.#open(endpoint, this.#ended.signal).then(
      (stream) =>
        new Http2Upstream(stream, () => {
          forget();
        }),
    );
    const forget = (): void => {
      if (this.#http2.get(key) === opening) this.#http2.delete(key);
    };
    this.#http2.set(key, opening);
    opening.catch(forget);
    return opening;
  }

  [Symbol.dispose](): void {
    this.#ended.abort(new Error('the client connection ended'));
    for (const connections of this.#http1.values()) {
      for (const connection of connections) connection.close(this.#clock);
    }
    for (const opening of this.#http2.values()) {
      opening.then(
        (connection) => connection.close(this.#clock),
        // It never opened.
        () => undefined,
      );
    }
  }
}
