// Whether and when an ended container runs again. Pure.
// Follows https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy

/** The first restart is immediate, the second waits this long, then doubling. */
const firstDelayMs = 10_000;
const maxDelayMs = 300_000;
/** A container that ran this long starts with a clean slate. */
const resetAfterMs = 600_000;

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** How often a container has failed in a row, and how long the next delay is. */
export interface RestartHistory {
  readonly restarts: number;
}

export type RestartDecision =
  | { readonly kind: 'stay' }
  | { readonly kind: 'restart'; readonly delayMs: number; readonly history: RestartHistory };

export const noRestarts: RestartHistory = { restarts: 0 };

/** What to do after a container ended with `exitCode` having run for `ranMs`. */
export function decideRestart(
  policy: RestartPolicy,
  exitCode: number,
  ranMs: number,
  history: RestartHistory,
): RestartDecision {
  const wanted = policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
  if (!wanted) return { kind: 'stay' };
  const restarts = ranMs >= resetAfterMs ? 0 : history.restarts;
  const delayMs = restarts === 0 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (restarts - 1));
  return { kind: 'restart', delayMs, history: { restarts: Math.min(restarts + 1, 30) } };
}
