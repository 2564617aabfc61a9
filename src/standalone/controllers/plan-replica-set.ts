// ReplicaSet: as many pods of a template as it says.

import { jsonEqual } from '../api/json.ts';
import type { ApiObject } from '../api/store.ts';
import type { Action, Announcement, Plan } from './actions.ts';
import { claimObjects } from './claim-objects.ts';
import { rankForRemoval } from './rank-pods.ts';
import {
  isActive,
  isDeleted,
  isReady,
  ownedBy,
  type Pod,
  type PodTemplate,
  type ReplicaSet,
  type ReplicaSetStatus,
  untilAvailable,
} from './workload-objects.ts';

/** More changes in one turn are left to the next ones. */
const maxChanges = 100;

/** Decides for one ReplicaSet; `pods` are those of its namespace. */
export function planReplicaSet(replicaSet: ReplicaSet, pods: readonly Pod[], nowMs: number): Plan {
  if (isDeleted(replicaSet)) return { actions: [] };
  const { spec } = replicaSet;
  const claim = claimObjects(replicaSet, spec?.selector, pods);
  const active = claim.owned.filter(isActive);
  const { status, againAfterMs } = observe(replicaSet, active, nowMs);
  const actions = [...claim.actions, ...countActions(replicaSet, active)];
  if (!jsonEqual(status, replicaSet.status)) {
    const object = { ...replicaSet, status };
    // First: what is observed is true even if a pod is refused.
    actions.unshift({ kind: 'status', object, reason: 'the pods have changed' });
  }
  return { actions, againAfterMs };
}

function countActions(replicaSet: ReplicaSet, active: readonly Pod[]): Action[] {
  const wanted = replicaSet.spec?.replicas ?? 1;
  const missing = wanted - active.length;
  const reason = `${wanted} pods are wanted, ${active.length} are there`;
  if (missing >= 0) {
    return Array.from({ length: Math.min(missing, maxChanges) }, () => ({
      kind: 'create',
      object: podOf(replicaSet, replicaSet.spec?.template),
      reason,
      event: podCreated(replicaSet),
    }));
  }
  return rankForRemoval(active)
    .slice(0, Math.min(-missing, maxChanges))
    .map((target) => ({ kind: 'delete', target, reason, event: podDeleted(replicaSet) }));
}

/** Says that `owner` got a pod. */
export function podCreated(owner: ApiObject): Announcement {
  const message = ({ metadata }: ApiObject): string => `Created pod: ${metadata.name}`;
  return { about: owner, reason: 'SuccessfulCreate', message };
}

/** Says that `owner` gave up a pod. */
export function podDeleted(owner: ApiObject): Announcement {
  const message = ({ metadata }: ApiObject): string => `Deleted pod: ${metadata.name}`;
  return { about: owner, reason: 'SuccessfulDelete', message };
}

/** A pod of a template, owned by `owner` and named after it. */
export function podOf(owner: ApiObject, template: PodTemplate | undefined): ApiObject {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      labels: { ...labels },
      annotations: { ...annotations },
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [ownedBy(owner)],
    },
    spec: { ...template?.spec },
  };
}

function observe(
  replicaSet: ReplicaSet,
  active: readonly Pod[],
  nowMs: number,
): { status: ReplicaSetStatus; againAfterMs: number | undefined } {
  const { minReadySeconds = 0, template } = replicaSet.spec ?? {};
  const waits = active.map((pod) => untilAvailable(pod, minReadySeconds, nowMs));
  const labels = Object.entries(template?.metadata?.labels ?? {});
  const pending = waits.filter((wait) => wait !== undefined && wait > 0);
  const fullyLabeled = active.filter((pod) =>
    labels.every(([key, value]) => pod.metadata.labels?.[key] === value),
  );
  return {
    status: {
      ...replicaSet.status,
      replicas: active.length,
      fullyLabeledReplicas: fullyLabeled.length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: waits.filter((wait) => wait === 0).length,
      observedGeneration: replicaSet.metadata.generation ?? 0,
    },
    againAfterMs: pending.length === 0 ? undefined : Math.min(...pending.map(Number)),
  };
}
