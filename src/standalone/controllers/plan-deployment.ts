// Deployment: a ReplicaSet per template, and the way from one to the next.

import { jsonEqual } from '../api/json.ts';
import type { Action, Announcement, Plan } from './actions.ts';
import { claimObjects } from './claim-objects.ts';
import { observeDeployment } from './deployment-status.ts';
import {
  currentAnnotations,
  desiredAnnotation,
  isOfTemplate,
  newReplicaSet,
  revisionAnnotation,
  revisionOf,
  sizeAnnotations,
} from './revisions.ts';
import { wantedOf } from './rollout-limits.ts';
import {
  firstSize,
  type Generations,
  proportionalSteps,
  type Resize,
  rollingSteps,
} from './rollout-steps.ts';
import {
  controllerOf,
  type Deployment,
  hasEnded,
  isDeleted,
  type Pod,
  type ReplicaSet,
} from './workload-objects.ts';

const defaultHistoryLimit = 10;

/** What stands around a deployment in its namespace. */
export interface DeploymentSurroundings {
  readonly replicaSets: readonly ReplicaSet[];
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

/** Decides for one deployment. */
export function planDeployment(deployment: Deployment, around: DeploymentSurroundings): Plan {
  if (isDeleted(deployment)) return { actions: [] };
  const { spec } = deployment;
  const claim = claimObjects(deployment, spec?.selector, around.replicaSets);
  const generations = divide(deployment, claim.owned);
  const { status, againAfterMs } = observeDeployment(deployment, generations, around.nowMs);
  const collision = collisionWith(deployment, generations, around.replicaSets);
  const wanted =
    collision === undefined
      ? status
      : { ...status, collisionCount: (status.collisionCount ?? 0) + 1 };
  const steps = collision === undefined ? rolloutActions(deployment, generations, around) : [];
  const actions = [...claim.actions, ...steps];
  if (!jsonEqual(wanted, deployment.status)) {
    const object = { ...deployment, status: wanted };
    // First, since what follows may change the deployment's version.
    actions.unshift({ kind: 'status', object, reason: 'its ReplicaSets have changed' });
  }
  return { actions, againAfterMs };
}

function divide(deployment: Deployment, owned: readonly ReplicaSet[]): Generations {
  const byAge = owned
    .filter((one) => !isDeleted(one))
    .toSorted(
      (left, right) =>
        revisionOf(left) - revisionOf(right) || (ageOf(left) < ageOf(right) ? -1 : 1),
    );
  const current = byAge.find((one) => isOfTemplate(one, deployment.spec?.template));
  return { current, old: byAge.filter((one) => one !== current) };
}

function ageOf({ metadata }: ReplicaSet): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

/** Another template, or another owner, already has the name that the new ReplicaSet would get. */
function collisionWith(
  deployment: Deployment,
  { current }: Generations,
  all: readonly ReplicaSet[],
): ReplicaSet | undefined {
  if (current !== undefined) return undefined;
  const { metadata } = newReplicaSet(deployment, { replicas: 0, revision: 0 });
  return all.find((one) => one.metadata.name === metadata.name);
}

function rolloutActions(
  deployment: Deployment,
  generations: Generations,
  around: DeploymentSurroundings,
): Action[] {
  const { spec } = deployment;
  if (spec?.paused === true || isScaling(deployment, generations)) {
    return [
      ...proportionalSteps(deployment, generations).map((resize) => scale(deployment, resize)),
      ...noteSize(deployment, generations),
    ];
  }
  const { current, old } = generations;
  const recreate = spec?.strategy?.type === 'Recreate';
  if (recreate) {
    const shrink = old.filter((one) => wantedOf(one) > 0);
    if (shrink.length > 0) {
      return shrink.map((replicaSet) => scale(deployment, { replicaSet, replicas: 0 }));
    }
    if (current === undefined && old.some((one) => hasPods(one, around.pods))) return [];
  }
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  if (current === undefined) return create(deployment, old, revision);
  const kept = Math.max(revision, revisionOf(current));
  const marks = [...markCurrent(deployment, current, kept), ...markDeployment(deployment, kept)];
  const steps = recreate ? fullSize(deployment, current) : rollingSteps(deployment, current, old);
  const moves = steps.map((resize) => scale(deployment, resize));
  return [...marks, ...moves, ...(moves.length === 0 ? cleanUp(deployment, generations) : [])];
}

/** The wanted number changed since the ReplicaSets were last told, during a rollout. */
function isScaling(deployment: Deployment, { current, old }: Generations): boolean {
  const desired = String(deployment.spec?.replicas ?? 1);
  const all = current === undefined ? old : [...old, current];
  const active = all.filter((one) => wantedOf(one) > 0);
  return (
    active.length > 1 &&
    active.some(
      ({ metadata }) => (metadata.annotations?.[desiredAnnotation] ?? desired) !== desired,
    )
  );
}

function noteSize(deployment: Deployment, { current, old }: Generations): Action[] {
  const annotations = sizeAnnotations(deployment);
  const all = current === undefined ? old : [...old, current];
  return all
    .filter(
      ({ metadata }) =>
        metadata.annotations?.[desiredAnnotation] !== annotations[desiredAnnotation],
    )
    .map((target) => ({
      kind: 'patch',
      target,
      patch: { metadata: { annotations } },
      reason: 'the wanted number changed',
    }));
}

function hasPods(replicaSet: ReplicaSet, pods: readonly Pod[]): boolean {
  return pods.some((pod) => controllerOf(pod)?.uid === replicaSet.metadata.uid && !hasEnded(pod));
}

function create(deployment: Deployment, old: readonly ReplicaSet[], revision: number): Action[] {
  const replicas = firstSize(deployment, old);
  const action: Action = {
    kind: 'create',
    object: newReplicaSet(deployment, { replicas, revision }),
    reason: 'the template is new',
    event: scaled(deployment, 0, replicas),
  };
  return [action, ...markDeployment(deployment, revision)];
}

function fullSize(deployment: Deployment, current: ReplicaSet): Resize[] {
  const replicas = deployment.spec?.replicas ?? 1;
  return wantedOf(current) === replicas ? [] : [{ replicaSet: current, replicas }];
}

function scale(deployment: Deployment, { replicaSet, replicas }: Resize): Action {
  return {
    kind: 'patch',
    target: replicaSet,
    patch: { metadata: { annotations: sizeAnnotations(deployment) }, spec: { replicas } },
    reason: `from ${wantedOf(replicaSet)} to ${replicas} pods`,
    event: scaled(deployment, wantedOf(replicaSet), replicas),
  };
}

function scaled(deployment: Deployment, from: number, to: number): Announcement {
  const direction = to >= from ? 'up' : 'down';
  return {
    about: deployment,
    reason: 'ScalingReplicaSet',
    message: ({ metadata }) =>
      `Scaled ${direction} replica set ${metadata.name} from ${from} to ${to}`,
  };
}

function markCurrent(deployment: Deployment, current: ReplicaSet, revision: number): Action[] {
  const annotations = currentAnnotations(deployment, current, revision);
  const { minReadySeconds = 0 } = deployment.spec ?? {};
  const known = current.metadata.annotations ?? {};
  const changed = Object.entries(annotations).some(([name, value]) => known[name] !== value);
  if (!changed && (current.spec?.minReadySeconds ?? 0) === minReadySeconds) return [];
  const patch = { metadata: { annotations }, spec: { minReadySeconds } };
  return [{ kind: 'patch', target: current, patch, reason: `it is revision ${revision}` }];
}

function markDeployment(deployment: Deployment, revision: number): Action[] {
  const annotations = { [revisionAnnotation]: String(revision) };
  if (deployment.metadata.annotations?.[revisionAnnotation] === String(revision)) return [];
  const patch = { metadata: { annotations } };
  return [{ kind: 'patch', target: deployment, patch, reason: `its revision is ${revision}` }];
}

/** Old ReplicaSets without pods are kept for "rollout undo", up to a limit. */
function cleanUp(deployment: Deployment, { old }: Generations): Action[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? defaultHistoryLimit;
  const idle = old.filter((one) => wantedOf(one) === 0 && (one.status?.replicas ?? 0) === 0);
  return idle
    .slice(0, Math.max(0, idle.length - limit))
    .map((target) => ({ kind: 'delete', target, reason: `more than ${limit} old revisions` }));
}
