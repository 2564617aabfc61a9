// When an endpoint that fails is left out, and for how long (features section 1.2.4), as a value and the
// functions that change it.
//
// An endpoint is in use or ejected:
//   in use  --as many failures in a row as a rule counts, and room for one more--> ejected
//   in use  --the same without room--> in use, counted anew
//   ejected --a sweep finds its time passed--> in use, counted anew
// Failures of an ejected endpoint, which requests sent before still bring, change nothing.

import type { OutlierDetection } from './destination.ts';

/** What became of an attempt. A failure without an answer stands for the status that clients get. */
export type EndpointResult =
  | { readonly kind: 'answer'; readonly status: number }
  | { readonly kind: 'connected' }
  | { readonly kind: 'local failure'; readonly status: 503 | 504 };

/** What is known of one endpoint of a destination. */
export interface EndpointHealth {
  /** Failures in a row, by what counts them. */
  readonly in5xx: number;
  readonly inGateway: number;
  readonly inLocal: number;
  /** By how much the time of the next ejection is multiplied, less one. */
  readonly ejections: number;
  readonly ejected?: { readonly atMs: number; readonly forMs: number; readonly reason: string };
}

/** However often it was ejected, milliseconds; as Envoy's default. */
const maxEjectionMs = 300_000;

const counted = { in5xx: 0, inGateway: 0, inLocal: 0 };

/** Of an endpoint of which nothing is known. */
export const freshHealth: EndpointHealth = { ...counted, ejections: 0 };

/** The health after a result. `reason` says why the endpoint is to be ejected, if there is room. */
export function afterResult(
  health: EndpointHealth,
  result: EndpointResult,
  rules: OutlierDetection,
): { readonly health: EndpointHealth; readonly reason?: string } {
  if (health.ejected !== undefined) return { health };
  const isLocal = result.kind === 'local failure';
  if (rules.splitExternalLocalOriginErrors && result.kind !== 'answer') {
    const inLocal = isLocal ? health.inLocal + 1 : 0;
    const reason = `failures in a row without an answer: ${inLocal}`;
    return judged({ ...health, inLocal }, [
      [inLocal, rules.consecutiveLocalOriginFailures, reason],
    ]);
  }
  const status = result.kind === 'connected' ? 200 : result.status;
  const in5xx = status >= 500 ? health.in5xx + 1 : 0;
  const inGateway = status >= 502 && status <= 504 ? health.inGateway + 1 : 0;
  return judged({ ...health, in5xx, inGateway, inLocal: 0 }, [
    [in5xx, rules.consecutive5xxErrors, `errors in a row: ${in5xx}`],
    [inGateway, rules.consecutiveGatewayErrors, `gateway errors in a row: ${inGateway}`],
  ]);
}

/** A limit of 0 does not count. */
function judged(
  health: EndpointHealth,
  counts: readonly (readonly [count: number, limit: number, reason: string])[],
): { readonly health: EndpointHealth; readonly reason?: string } {
  const over = counts.find(([count, limit]) => limit > 0 && count >= limit);
  return over === undefined ? { health } : { health: { ...health, ...counted }, reason: over[2] };
}

/** Whether one more of so many endpoints may be ejected. The first always may. */
export function mayEject(ejected: number, all: number, rules: OutlierDetection): boolean {
  return ejected === 0 || (100 * (ejected + 1)) / all <= rules.maxEjectionPercent;
}

/** The endpoint left out, each time for longer. */
export function eject(
  health: EndpointHealth,
  reason: string,
  nowMs: number,
  rules: OutlierDetection,
): EndpointHealth {
  const ejections = health.ejections + 1;
  const longest = Math.max(rules.baseEjectionTimeMs, maxEjectionMs);
  const forMs = Math.min(rules.baseEjectionTimeMs * ejections, longest);
  return { ...health, ejections, ejected: { atMs: nowMs, forMs, reason } };
}

/** What a sweep makes of an endpoint: one whose time has passed is used again, and one that was in use
 * all the while is trusted more. */
export function afterSweep(health: EndpointHealth, nowMs: number): EndpointHealth {
  const { ejected, ...rest } = health;
  if (ejected === undefined) return { ...health, ejections: Math.max(0, health.ejections - 1) };
  return nowMs - ejected.atMs >= ejected.forMs ? { ...rest, ...counted } : health;
}

/** Whether so few endpoints are healthy that all are used. */
export function isPanic(ejected: number, all: number, rules: OutlierDetection): boolean {
  return ejected > 0 && 100 * (all - ejected) < rules.minHealthPercent * all;
}
