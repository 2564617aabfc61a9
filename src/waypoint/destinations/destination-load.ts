// What one destination (a service, a subset of it, a port) has at a time in the whole waypoint, whoever the
// clients are: connections, requests, retries, and those who wait for a connection, in their order.
// Connections themselves belong to the pools of clients; a slot is the right to have one.

import type { ConnectionPool } from '../../mesh/destination.ts';
import { isFull, type PoolLimit, type PoolUse } from '../../mesh/pool-limits.ts';

/** Thrown where there is no room. */
export class PoolOverflow extends Error {
  override readonly name = 'PoolOverflow';
  readonly limit: PoolLimit;

  constructor(limit: PoolLimit, allowed: number | undefined) {
    super(
      `${limit} of the DestinationRule is reached${allowed === undefined ? '' : ` (${allowed})`}`,
    );
    this.limit = limit;
  }
}

/** The right to have a connection. Releasing it twice does nothing more. */
export interface Slot {
  release(): void;
}

/** A connection that holds a slot. */
export interface SlotHolder {
  /** It carries nothing. */
  readonly isIdle: boolean;
  /** Closes it; its slot is free once it is closed. */
  close(): void;
}

interface Waiter {
  /** Whether a connection that can carry more serves who waits. */
  readonly takes: (connection: SlotHolder) => boolean;
  readonly grant: (slot: Slot | undefined) => void;
}

export class DestinationLoad {
  #pool: ConnectionPool | undefined;
  #connections = 0;
  #pending = 0;
  #requests = 0;
  #retries = 0;
  /** Idle connections that are being closed for those who wait. */
  readonly #closing = new Set<SlotHolder>();
  readonly #waiters: Waiter[] = [];
  /** Those that were idle when they last told, the longest idle first. */
  readonly #idle = new Set<SlotHolder>();
  readonly #overflowed: (limit: PoolLimit) => void;

  constructor(overflowed: (limit: PoolLimit) => void) {
    this.#overflowed = overflowed;
  }

  /** What the destination's rules say. */
  get pool(): ConnectionPool | undefined {
    return this.#pool;
  }

  set pool(pool: ConnectionPool | undefined) {
    this.#pool = pool;
    this.#serveWaiters();
  }

  get use(): PoolUse {
    return {
      connections: this.#connections,
      pending: this.#pending,
      requests: this.#requests,
      retries: this.#retries,
    };
  }

  /** Counts a request in until disposed. @throws PoolOverflow */
  enterRequest(): Disposable {
    this.#check('http2MaxRequests');
    this.#requests++;
    return once(() => this.#requests--);
  }

  /** Counts a request in that is in a retry. @throws PoolOverflow */
  enterRetry(): Disposable {
    this.#check('maxRetries');
    this.#retries++;
    return once(() => this.#retries--);
  }

  /** Counts a request in that waits for a connection, were it only until one is open. @throws
   * PoolOverflow */
  enterPending(): Disposable {
    this.#check('http1MaxPendingRequests');
    this.#pending++;
    return once(() => this.#pending--);
  }

  /** A slot at once. @throws PoolOverflow */
  takeSlot(): Slot {
    this.#check('maxConnections');
    return this.#slot();
  }

  /** A slot, or nothing when a connection was offered that `takes` took. Waits for its turn; rejects with
   * the signal's reason. */
  slot(signal: AbortSignal, takes: Waiter['takes']): Promise<Slot | undefined> {
    if (this.#waiters.length === 0 && !isFull('maxConnections', this.use, this.#pool)) {
      return Promise.resolve(this.#slot());
    }
    const { promise, resolve, reject } = Promise.withResolvers<Slot | undefined>();
    const onAbort = (): void => {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      reject(signal.reason as Error);
    };
    const waiter: Waiter = {
      takes,
      grant: (slot) => {
        signal.removeEventListener('abort', onAbort);
        resolve(slot);
      },
    };
    if (signal.aborted) {
      reject(signal.reason as Error);
      return promise;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiters.push(waiter);
    this.#makeRoom();
    return promise;
  }

  /** Takes notice of a connection that can carry more: whoever waits longest gets it, or its slot. */
  offer(connection: SlotHolder): void {
    this.#idle.delete(connection);
    const [first] = this.#waiters;
    if (first?.takes(connection) === true) {
      this.#waiters.shift();
      first.grant(undefined);
      return;
    }
    if (!connection.isIdle) return;
    this.#idle.add(connection);
    this.#makeRoom();
  }

  /** Forgets a connection that is closed. */
  forget(connection: SlotHolder): void {
    this.#idle.delete(connection);
    this.#closing.delete(connection);
  }

  /** Takes notice of something that was left out for want of room. */
  overflow(limit: PoolLimit): void {
    this.#overflowed(limit);
  }

  #slot(): Slot {
    this.#connections++;
    const slot = once(() => {
      this.#connections--;
      this.#serveWaiters();
    });
    return { release: () => slot[Symbol.dispose]() };
  }

  #serveWaiters(): void {
    while (this.#waiters.length > 0 && !isFull('maxConnections', this.use, this.#pool)) {
      this.#waiters.shift()?.grant(this.#slot());
    }
  }

  /** Closes idle connections, which are others', for those who wait. */
  #makeRoom(): void {
    for (const connection of this.#idle) {
      if (this.#closing.size >= this.#waiters.length) return;
      this.#idle.delete(connection);
      if (!connection.isIdle) continue;
      this.#closing.add(connection);
      connection.close();
    }
  }

  #check(limit: Exclude<PoolLimit, 'retryBudget'>): void {
    if (!isFull(limit, this.use, this.#pool)) return;
    this.#overflowed(limit);
    throw new PoolOverflow(limit, this.#pool?.[limit]);
  }
}

function once(end: () => void): Disposable {
  let isOver = false;
  return {
    [Symbol.dispose]: () => {
      if (isOver) return;
      isOver = true;
      end();
    },
  };
}
