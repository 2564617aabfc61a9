// What a row of probe results means. Pure.
//
// | state   | event                       | next                                          |
// |---------|-----------------------------|-----------------------------------------------|
// | unknown | successThreshold successes  | passing                                       |
// | unknown | failureThreshold failures   | failing (readiness: failing from the start)   |
// | passing | failureThreshold failures   | failing                                       |
// | failing | successThreshold successes  | passing                                       |

import type { Probe } from './pod-types.ts';

export type ProbeVerdict = 'unknown' | 'passing' | 'failing';

export interface ProbeState {
  readonly verdict: ProbeVerdict;
  /** Results in a row that agree with each other. */
  readonly run: { readonly success: boolean; readonly length: number };
}

/** A probe's numbers with Kubernetes' defaults filled in, milliseconds. */
export interface ProbeTiming {
  readonly initialDelayMs: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export const initialProbeState: ProbeState = {
  verdict: 'unknown',
  run: { success: false, length: 0 },
};

export function probeTiming(probe: Probe): ProbeTiming {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    timeoutMs: Math.max(1, probe.timeoutSeconds ?? 1) * 1000,
    periodMs: Math.max(1, probe.periodSeconds ?? 10) * 1000,
    successThreshold: Math.max(1, probe.successThreshold ?? 1),
    failureThreshold: Math.max(1, probe.failureThreshold ?? 3),
  };
}

/** The state after one more result. */
export function afterProbe(state: ProbeState, success: boolean, timing: ProbeTiming): ProbeState {
  const length = state.run.success === success ? state.run.length + 1 : 1;
  const threshold = success ? timing.successThreshold : timing.failureThreshold;
  const reached: ProbeVerdict = success ? 'passing' : 'failing';
  return {
    verdict: length >= threshold ? reached : state.verdict,
    run: { success, length },
  };
}
