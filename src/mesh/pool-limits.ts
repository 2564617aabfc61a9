// What one destination may have at a time, and whether one more of something fits (features section 1.2.3).
// The names are those of the DestinationRule's fields, which is where the reader will look.

import type { ConnectionPool } from './destination.ts';

/** A limit that can be reached. */
export type PoolLimit =
  | 'maxConnections'
  | 'http1MaxPendingRequests'
  | 'http2MaxRequests'
  | 'maxRetries'
  | 'retryBudget';

/** What a destination has now, in one waypoint. */
export interface PoolUse {
  /** Open, or being opened. */
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly pending: number;
  /** Requests under way. */
  readonly requests: number;
  /** Those of them that are in a retry. */
  readonly retries: number;
}

/** Requests that wait for connections to one destination, where no rule says how many may. */
export const maxPending = 65_536;

/** Whether there is no room for one more of what a limit is for. */
export function isFull(
  limit: Exclude<PoolLimit, 'retryBudget'>,
  use: PoolUse,
  pool: ConnectionPool | undefined,
): boolean {
  switch (limit) {
    case 'maxConnections':
      return use.connections >= (pool?.maxConnections ?? Infinity);
    case 'http1MaxPendingRequests':
      return use.pending >= (pool?.http1MaxPendingRequests ?? maxPending);
    case 'http2MaxRequests':
      return use.requests >= (pool?.http2MaxRequests ?? Infinity);
    case 'maxRetries':
      return use.retries >= (pool?.maxRetries ?? Infinity);
  }
}
