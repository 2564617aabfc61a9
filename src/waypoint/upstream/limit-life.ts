// How long a connection may live: so long without carrying anything, and so long in all.

import type { ConnectionPool } from '../../mesh/destination.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Connections that carry nothing are kept so long where no rule says otherwise; as in Istio. */
const defaultIdleMs = 3_600_000;

/** Times of one connection. Infinity for none. */
export interface LifeLimits {
  readonly idleMs: number;
  readonly durationMs: number;
}

/** Those of connections with or without HTTP. */
export function lifeLimits(pool: ConnectionPool | undefined, carries: 'http' | 'tcp'): LifeLimits {
  const idleMs = carries === 'http' ? pool?.httpIdleTimeoutMs : pool?.tcpIdleTimeoutMs;
  return {
    idleMs: idleMs === 0 ? Infinity : (idleMs ?? defaultIdleMs),
    durationMs: pool?.maxConnectionDurationMs ?? Infinity,
  };
}

/** What ended a life: it was idle too long, it was too long in all, or it ended by itself. */
export type LifeEnd = 'idle' | 'duration' | 'closed';

/** Waits until the time of a connection has passed. `idleSinceMs` is since when it carries nothing, by the
 * clock that never goes back, and undefined while it carries something. One timer, however much is carried. */
export async function outlived(
  limits: LifeLimits,
  idleSinceMs: () => number | undefined,
  clock: Clock,
  closed: AbortSignal,
): Promise<LifeEnd> {
  const endMs = clock.monotonic() + limits.durationMs;
  try {
    for (;;) {
      const now = clock.monotonic();
      if (now >= endMs) return 'duration';
      const idleEndMs = (idleSinceMs() ?? now) + limits.idleMs;
      if (now >= idleEndMs) return 'idle';
      const waitMs = Math.min(idleEndMs, endMs) - now;
      // A timer cannot be longer than that.
      await clock.wait(Math.min(waitMs, 2 ** 31 - 1), closed);
    }
  } catch {
    return 'closed';
  }
}
