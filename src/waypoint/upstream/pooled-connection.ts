// One connection of a pool: it holds a slot of its destination until it is closed, ends when its time has
// passed or it has carried as many requests as it may, and tells whoever waits when it can carry more.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { ConnectionPool } from '../../mesh/destination.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { DestinationLoad, Slot, SlotHolder } from '../destinations/destination-load.ts';
import type { Http1Upstream } from './http1-upstream.ts';
import type { Http2Upstream } from './http2-upstream.ts';
import { lifeLimits, outlived } from './limit-life.ts';

export interface PooledParts {
  readonly stream: ByteStream;
  readonly connect: (stream: ByteStream, onFree: () => void) => Http1Upstream | Http2Upstream;
  readonly slot: Slot | undefined;
  readonly load: DestinationLoad | undefined;
  readonly limits: ConnectionPool | undefined;
  readonly clock: Clock;
  /** There are more idle connections than need be kept. */
  readonly isSpare: () => boolean;
  /** It can take no more requests. */
  readonly onRetired: (connection: PooledConnection) => void;
}

export class PooledConnection implements SlotHolder {
  readonly upstream: Http1Upstream | Http2Upstream;
  readonly #parts: PooledParts;
  #idleSinceMs: number | undefined;
  #isRetired = false;

  /** Takes over the stream and the slot. */
  constructor(parts: PooledParts) {
    const { stream, slot, load, limits, clock } = parts;
    this.#parts = parts;
    this.#idleSinceMs = clock.monotonic();
    const closed = new AbortController();
    void stream.closed.then(() => {
      closed.abort();
      this.#retire();
      load?.forget(this);
      slot?.release();
    });
    this.upstream = parts.connect(stream, () => this.#onFree());
    void outlived(lifeLimits(limits, 'http'), () => this.#idleSinceMs, clock, closed.signal).then(
      (end) => {
        if (end !== 'closed') this.close();
      },
    );
    const { http2KeepAlive } = limits ?? {};
    if (http2KeepAlive !== undefined && 'keepAlive' in this.upstream) {
      void this.upstream.keepAlive(http2KeepAlive, clock);
    }
  }

  get isIdle(): boolean {
    return !this.#isRetired && this.upstream.isIdle;
  }

  /** It could carry one more request. */
  get isFree(): boolean {
    return !this.#isRetired && this.upstream.isFree(this.#parts.limits?.maxConcurrentStreams);
  }

  /** Takes it for one request that must be sent, if it can carry one more. */
  reserve(): boolean {
    const { limits } = this.#parts;
    if (this.#isRetired || !this.upstream.reserve(limits?.maxConcurrentStreams)) return false;
    this.#idleSinceMs = undefined;
    if (this.upstream.taken >= (limits?.maxRequestsPerConnection ?? Infinity)) this.#retire();
    return true;
  }

  /** Takes no more requests, and closes once those that it carries have ended. */
  close(): void {
    this.#retire();
    if (this.upstream.isIdle) this.upstream.close(this.#parts.clock);
  }

  /** Closes it now, whatever it carries. */
  end(): void {
    this.#retire();
    this.upstream.close(this.#parts.clock);
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#parts.onRetired(this);
  }

  #onFree(): void {
    if (!this.upstream.isUsable) {
      this.close();
      return;
    }
    if (this.upstream.isIdle) this.#idleSinceMs = this.#parts.clock.monotonic();
    if (this.#isRetired || this.#parts.isSpare()) this.close();
    else this.#parts.load?.offer(this);
  }
}
