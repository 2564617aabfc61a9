// How large the share of a new endpoint is, as Envoy's slow start has it.

import type { Warmup } from './destination.ts';

/** The part of its weight that an endpoint of this age has, from 0 to 1. */
export function warmthOf(ageMs: number, warmup: Warmup): number {
  const { durationMs, minimumPercent, aggression } = warmup;
  if (ageMs >= durationMs) return 1;
  const passed = Math.max(ageMs, 1) / durationMs;
  return Math.min(1, Math.max(minimumPercent / 100, passed ** (1 / aggression)));
}
