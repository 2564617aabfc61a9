// How far a rolling update may go above and below the wanted number.

import type { Deployment, ReplicaSet, RollingUpdate } from './workload-objects.ts';

export interface RolloutLimits {
  /** Pods beyond the wanted number. */
  readonly surge: number;
  /** Pods that may be missing. */
  readonly unavailable: number;
}

/** The limits in pods. Shares are rounded up for surge and down for unavailability; when both come out
 * as none, one may be missing, since nothing could move otherwise. */
export function rolloutLimits(desired: number, update: RollingUpdate | undefined): RolloutLimits {
  const surge = resolve(update?.maxSurge ?? '25%', desired, Math.ceil);
  const unavailable = resolve(update?.maxUnavailable ?? '25%', desired, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** A number, or a share such as `25%`. */
export function resolve(
  amount: number | string,
  total: number,
  round: (value: number) => number,
): number {
  if (typeof amount === 'number') return amount;
  const share = /^(\d+)%$/.exec(amount)?.[1];
  return round((Number(share ?? 0) * total) / 100);
}

/** The limits of a deployment: none of either for Recreate. */
export function limitsOf(deployment: Deployment): RolloutLimits {
  const { replicas = 1, strategy } = deployment.spec ?? {};
  if (strategy?.type === 'Recreate') return { surge: 0, unavailable: 0 };
  return rolloutLimits(replicas, strategy?.rollingUpdate);
}

/** What a ReplicaSet is asked for. */
export function wantedOf(replicaSet: ReplicaSet): number {
  return replicaSet.spec?.replicas ?? 1;
}

/** What it certainly has: its status may be from before its latest scaling. */
export function availableOf(replicaSet: ReplicaSet): number {
  return Math.min(replicaSet.status?.availableReplicas ?? 0, wantedOf(replicaSet));
}

/** The sum over ReplicaSets. */
export function sum(
  replicaSets: readonly ReplicaSet[],
  amount: (replicaSet: ReplicaSet) => number,
): number {
  return replicaSets.reduce((total, one) => total + amount(one), 0);
}
