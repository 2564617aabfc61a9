// What a deployment says about itself: counts, and whether it is available and gets on. "kubectl rollout
// status" and "kubectl wait" read it.

import { limitsOf, sum, wantedOf } from './rollout-limits.ts';
import type { Generations } from './rollout-steps.ts';
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from './workload-objects.ts';

const defaultDeadlineSeconds = 600;
/** The API's own "never". */
const noDeadline = 2_147_483_647;

/** The status, and when it may change by time alone. */
export interface Observation {
  readonly status: DeploymentStatus;
  readonly againAfterMs: number | undefined;
}

/** Observes a deployment. `collisionCount` is kept unless given. */
export function observeDeployment(
  deployment: Deployment,
  generations: Generations,
  nowMs: number,
): Observation {
  const { current, old } = generations;
  const all = current === undefined ? old : [...old, current];
  const count = (field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number =>
    sum(all, (one) => one.status?.[field] ?? 0);
  const before = deployment.status;
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: count('replicas'),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: count('readyReplicas'),
    availableReplicas: count('availableReplicas'),
    unavailableReplicas: Math.max(0, sum(all, wantedOf) - count('availableReplicas')),
    ...(before?.collisionCount === undefined ? {} : { collisionCount: before.collisionCount }),
  };
  const available = availableCondition(deployment, counts.availableReplicas);
  const progress = progressCondition(deployment, counts, current, nowMs);
  const kept = (before?.conditions ?? []).filter(
    ({ type }) => type !== 'Available' && type !== 'Progressing',
  );
  const conditions = [available, progress.condition].map((condition) =>
    dated(condition, before?.conditions, nowMs),
  );
  return {
    status: { ...counts, conditions: [...conditions, ...kept] },
    againAfterMs: progress.againAfterMs,
  };
}

interface Verdict extends Condition {
  /** Whether `lastUpdateTime` is renewed although the verdict is the same: something moved. */
  readonly moved?: boolean;
}

function availableCondition(deployment: Deployment, available: number): Verdict {
  const desired = deployment.spec?.replicas ?? 1;
  const enough = available >= desired - limitsOf(deployment).unavailable;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough
      ? 'Deployment has minimum availability.'
      : 'Deployment does not have minimum availability.',
  };
}

function progressCondition(
  deployment: Deployment,
  counts: DeploymentStatus,
  current: ReplicaSet | undefined,
  nowMs: number,
): { condition: Verdict; againAfterMs: number | undefined } {
  const { replicas: desired = 1, paused } = deployment.spec ?? {};
  const name = current?.metadata.name ?? '';
  const before = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  const say = (status: Condition['status'], reason: string, message: string, moved = false) => ({
    condition: { type: 'Progressing', status, reason, message, moved },
    againAfterMs: undefined,
  });
  if (paused === true) return say('Unknown', 'DeploymentPaused', 'Deployment is paused');
  const complete =
    counts.updatedReplicas === desired &&
    counts.replicas === desired &&
    counts.availableReplicas === desired &&
    (current?.status?.observedGeneration ?? 0) >= (current?.metadata.generation ?? 0);
  if (complete) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return say('True', 'NewReplicaSetAvailable', message);
  }
  // A finished rollout whose pods fail later has not stopped progressing.
  if (before?.reason === 'NewReplicaSetAvailable' && !isNewRollout(deployment, counts)) {
    return { condition: before, againAfterMs: undefined };
  }
  const moved = hasMoved(deployment.status, counts);
  const remaining = remainingMs(deployment, before, nowMs);
  if (!moved && before !== undefined && remaining <= 0) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return say('False', 'ProgressDeadlineExceeded', message);
  }
  const message = `ReplicaSet "${name}" is progressing.`;
  const { condition } = say('True', 'ReplicaSetUpdated', message, moved);
  return { condition, againAfterMs: Number.isFinite(remaining) ? remaining + 1_000 : undefined };
}

/** The template changed or the wanted number rose since the last complete rollout. */
function isNewRollout(deployment: Deployment, counts: DeploymentStatus): boolean {
  const changed = (deployment.status?.observedGeneration ?? 0) < (counts.observedGeneration ?? 0);
  return changed || (counts.updatedReplicas ?? 0) < (counts.replicas ?? 0);
}

function hasMoved(before: DeploymentStatus | undefined, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined): number =>
    (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before?.availableReplicas ?? 0) ||
    (now.observedGeneration ?? 0) > (before?.observedGeneration ?? 0)
  );
}

function remainingMs(deployment: Deployment, before: Condition | undefined, nowMs: number): number {
  const seconds = deployment.spec?.progressDeadlineSeconds ?? defaultDeadlineSeconds;
  if (seconds >= noDeadline) return Number.POSITIVE_INFINITY;
  const since = Date.parse(before?.lastUpdateTime ?? '');
  return (Number.isNaN(since) ? nowMs : since) + seconds * 1_000 - nowMs;
}

/** Times change only with the verdict, so that an unchanged status is not written again. */
function dated(
  verdict: Verdict,
  before: readonly Condition[] | undefined,
  nowMs: number,
): Condition {
  const { moved = false, ...condition } = verdict;
  const known = before?.find(({ type }) => type === condition.type);
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const sameStatus = known?.status === condition.status;
  const same =
    sameStatus && known.reason === condition.reason && known.message === condition.message;
  return {
    ...condition,
    lastUpdateTime: same && !moved ? (known.lastUpdateTime ?? now) : now,
    lastTransitionTime: sameStatus ? (known.lastTransitionTime ?? now) : now,
  };
}
