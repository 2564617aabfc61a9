// The next step of a rollout: how many pods each ReplicaSet of a deployment should have now. Pure.

import { availableOf, limitsOf, sum, wantedOf } from './rollout-limits.ts';
import type { Deployment, ReplicaSet } from './workload-objects.ts';

/** A ReplicaSet and its new size. */
export interface Resize {
  readonly replicaSet: ReplicaSet;
  readonly replicas: number;
}

/** The ReplicaSets of a deployment: the one of the current template, if it exists yet, and the others,
 * oldest first. */
export interface Generations {
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

/** How large the ReplicaSet of a new template starts. */
export function firstSize(deployment: Deployment, old: readonly ReplicaSet[]): number {
  const { replicas = 1, strategy } = deployment.spec ?? {};
  if (strategy?.type === 'Recreate') return replicas;
  return growth(deployment, 0, sum(old, wantedOf));
}

/** A rolling update: the new one grows as far as the surge allows, then the old ones shrink as far as
 * availability allows. */
export function rollingSteps(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): Resize[] {
  const desired = deployment.spec?.replicas ?? 1;
  const size = wantedOf(current);
  const total = size + sum(old, wantedOf);
  const next = size > desired ? desired : size + growth(deployment, size, total);
  if (next !== size) return [{ replicaSet: current, replicas: next }];
  return shrinkOld(deployment, current, old);
}

function growth(deployment: Deployment, size: number, total: number): number {
  const desired = deployment.spec?.replicas ?? 1;
  const room = desired + limitsOf(deployment).surge - total;
  return Math.max(0, Math.min(room, desired - size));
}

function shrinkOld(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): Resize[] {
  const desired = deployment.spec?.replicas ?? 1;
  const minAvailable = desired - limitsOf(deployment).unavailable;
  const all = [...old, current];
  const unavailable = wantedOf(current) - availableOf(current);
  // Were every old pod available, so many could go at most.
  let most = sum(all, wantedOf) - minAvailable - unavailable;
  const sizes = new Map(old.map((one) => [one, wantedOf(one)]));
  const take = (replicaSet: ReplicaSet, count: number): number => {
    const size = sizes.get(replicaSet) ?? 0;
    const taken = Math.max(0, Math.min(count, size, most));
    sizes.set(replicaSet, size - taken);
    most -= taken;
    return taken;
  };
  // Those that do not work are no loss.
  for (const one of old) take(one, wantedOf(one) - availableOf(one));
  let spare = sum(all, availableOf) - minAvailable;
  for (const one of old) spare -= take(one, spare);
  return [...sizes]
    .filter(([replicaSet, replicas]) => replicas !== wantedOf(replicaSet))
    .map(([replicaSet, replicas]) => ({ replicaSet, replicas }));
}

/** A change of the wanted number while several ReplicaSets have pods, or while the deployment is paused:
 * each gets its share, so that no rollout starts or ends by it. */
export function proportionalSteps(deployment: Deployment, generations: Generations): Resize[] {
  const { current, old } = generations;
  const desired = deployment.spec?.replicas ?? 1;
  const all = current === undefined ? [...old] : [...old, current];
  const active = all.filter((one) => wantedOf(one) > 0);
  const total = sum(active, wantedOf);
  const [only = current ?? old.at(-1)] = active;
  if (only === undefined) return [];
  if (active.length <= 1) {
    return wantedOf(only) === desired ? [] : [{ replicaSet: only, replicas: desired }];
  }
  const allowed = desired === 0 ? 0 : desired + limitsOf(deployment).surge;
  const shares = active.map((replicaSet) => ({
    replicaSet,
    replicas: Math.floor((wantedOf(replicaSet) * allowed) / total),
  }));
  // What rounding left over goes to the newest.
  const rest = allowed - shares.reduce((count, share) => count + share.replicas, 0);
  return shares
    .map((share, index) =>
      index === shares.length - 1 ? { ...share, replicas: share.replicas + rest } : share,
    )
    .filter(({ replicaSet, replicas }) => replicas !== wantedOf(replicaSet));
}
