// The probes of one run of a container: when each is sent and what its results set off.

import type { Clock } from '../../runtime/clock.ts';
import type { Container, Probe } from './pod-types.ts';
import { callProbe, type ProbeOutcome, type ProbeTarget } from './probe-call.ts';
import { afterProbe, initialProbeState, probeTiming } from './probe-state.ts';

export type ProbeKind = 'Startup' | 'Readiness' | 'Liveness';

/** What a container does with the results. */
export interface ProbeListener {
  /** The startup probe passed, or there is none. */
  started(): void;
  ready(ready: boolean): void;
  /** One counted failure. */
  unhealthy(kind: ProbeKind, message: string): void;
  /** The startup or liveness probe failed for good: the container must be restarted. */
  failed(kind: ProbeKind): void;
}

/** Until a container first answers, network probes are repeated this fast, so that a pod is ready when
 * its program is. Failures in between are not counted: thresholds keep their meaning in periods. */
const eagerMs = 200;

interface Watch {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly onVerdict: (passing: boolean) => 'go on' | 'stop';
}

/** Runs a container's probes until the signal fires. Never rejects. */
export async function runProbes(
  container: Container,
  target: ProbeTarget,
  listener: ProbeListener,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const watch = (one: Watch): Promise<boolean> => watchProbe(one, target, listener, clock, signal);
  try {
    if (container.startupProbe !== undefined) {
      const probe = container.startupProbe;
      if (!(await watch({ kind: 'Startup', probe, onVerdict: () => 'stop' }))) {
        listener.failed('Startup');
        return;
      }
    }
    listener.started();
    const { readinessProbe, livenessProbe } = container;
    if (readinessProbe === undefined) listener.ready(true);
    const readiness: Watch['onVerdict'] = (passing) => {
      listener.ready(passing);
      return 'go on';
    };
    const liveness: Watch['onVerdict'] = (passing) => {
      if (passing) return 'go on';
      listener.failed('Liveness');
      return 'stop';
    };
    await Promise.all([
      readinessProbe && watch({ kind: 'Readiness', probe: readinessProbe, onVerdict: readiness }),
      livenessProbe && watch({ kind: 'Liveness', probe: livenessProbe, onVerdict: liveness }),
    ]);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Answers the verdict at which it was told to stop. */
async function watchProbe(
  { kind, probe, onVerdict }: Watch,
  target: ProbeTarget,
  listener: ProbeListener,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const timing = probeTiming(probe);
  let state = initialProbeState;
  if (timing.initialDelayMs > 0) await clock.wait(timing.initialDelayMs, signal);
  for (;;) {
    const eager = state.verdict !== 'passing' && probe.exec === undefined && kind !== 'Liveness';
    const outcome = eager
      ? await eagerProbe(probe, target, timing, clock, signal)
      : await callProbe(probe, target, timing.timeoutMs, signal);
    signal.throwIfAborted();
    if (!outcome.success) listener.unhealthy(kind, outcome.message);
    const before = state.verdict;
    state = afterProbe(state, outcome.success, timing);
    if (state.verdict !== before && state.verdict !== 'unknown') {
      const passing = state.verdict === 'passing';
      if (onVerdict(passing) === 'stop') return passing;
    }
    const waited = eager && !outcome.success; // the eager probe lasted for the whole period
    if (!waited) await clock.wait(timing.periodMs, signal);
  }
}

/** Probes for up to one period; the first success counts, else the last failure does. */
async function eagerProbe(
  probe: Probe,
  target: ProbeTarget,
  timing: { readonly timeoutMs: number; readonly periodMs: number },
  clock: Clock,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const end = clock.monotonic() + timing.periodMs;
  for (;;) {
    const outcome = await callProbe(probe, target, timing.timeoutMs, signal);
    if (outcome.success || signal.aborted) return outcome;
    const left = end - clock.monotonic();
    if (left <= 0) return outcome;
    await clock.wait(Math.min(eagerMs, left), signal);
    if (left <= eagerMs) return outcome;
  }
}
