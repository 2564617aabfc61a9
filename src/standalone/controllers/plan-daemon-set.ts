// DaemonSet: one pod of a template on every node that its nodeSelector admits.

import { jsonEqual } from '../api/json.ts';
import type { Action, Plan } from './actions.ts';
import { claimObjects } from './claim-objects.ts';
import { podCreated, podDeleted, podOf } from './plan-replica-set.ts';
import { rankForRemoval } from './rank-pods.ts';
import { resolve } from './rollout-limits.ts';
import { hashTemplate } from './template-hash.ts';
import {
  type DaemonSet,
  hasEnded,
  isActive,
  isDeleted,
  isReady,
  type NodeObject,
  type Pod,
  untilAvailable,
} from './workload-objects.ts';

/** Names the template that a pod was made of. */
const hashLabel = 'controller-revision-hash';

/** What stands around a DaemonSet. */
export interface DaemonSetSurroundings {
  readonly nodes: readonly NodeObject[];
  /** Of its namespace. */
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

/** A node and the pods of the set on it. */
interface Place {
  readonly node: string;
  readonly wanted: boolean;
  readonly pods: readonly Pod[];
}

/** Decides for one DaemonSet. Pods are bound to their nodes from the start. */
export function planDaemonSet(daemonSet: DaemonSet, around: DaemonSetSurroundings): Plan {
  if (isDeleted(daemonSet)) return { actions: [] };
  const claim = claimObjects(daemonSet, daemonSet.spec?.selector, around.pods);
  const hash = hashTemplate(daemonSet.spec?.template);
  const places = placesOf(daemonSet, claim.owned, around.nodes);
  const { minReadySeconds = 0 } = daemonSet.spec ?? {};
  const waits = claim.owned.map((pod) => untilAvailable(pod, minReadySeconds, around.nowMs));
  const pending = waits.filter((wait) => wait !== undefined && wait > 0).map(Number);
  const status = observe(daemonSet, places, hash, around.nowMs);
  const actions = [
    ...claim.actions,
    ...places.flatMap((place) => placeActions(daemonSet, place, hash)),
    ...updateActions(daemonSet, places, hash, around.nowMs),
  ];
  if (!jsonEqual(status, daemonSet.status)) {
    const object = { ...daemonSet, status };
    // First: what is observed is true even if a pod is refused.
    actions.unshift({ kind: 'status', object, reason: 'the pods have changed' });
  }
  return { actions, againAfterMs: pending.length === 0 ? undefined : Math.min(...pending) };
}

function placesOf(
  daemonSet: DaemonSet,
  owned: readonly Pod[],
  nodes: readonly NodeObject[],
): Place[] {
  const selector = Object.entries(daemonSet.spec?.template?.spec?.nodeSelector ?? {});
  const admits = ({ metadata }: NodeObject): boolean =>
    selector.every(([key, value]) => metadata.labels?.[key] === value);
  const names = new Set([
    ...nodes.map(({ metadata }) => metadata.name),
    ...owned.map((pod) => pod.spec?.nodeName ?? ''),
  ]);
  return [...names].map((node) => ({
    node,
    wanted: nodes.some((one) => one.metadata.name === node && admits(one)),
    pods: owned.filter((pod) => (pod.spec?.nodeName ?? '') === node),
  }));
}

function placeActions(daemonSet: DaemonSet, place: Place, hash: string): Action[] {
  const { node, wanted, pods } = place;
  const remove = (reason: string) => (target: Pod) =>
    ({ kind: 'delete', target, reason, event: podDeleted(daemonSet) }) satisfies Action;
  const ended = pods.filter((pod) => hasEnded(pod) && !isDeleted(pod));
  const active = pods.filter(isActive);
  if (!wanted) return [...ended, ...active].map(remove(`${node || 'no node'} is not for this set`));
  const surplus = rankForRemoval(active).slice(0, Math.max(0, active.length - 1));
  const cleared = [
    ...ended.map(remove('it ended and another takes its place')),
    ...surplus.map(remove(`${node} has more than one`)),
  ];
  // A pod that is still ending keeps its ports and files from the next one.
  if (pods.length > 0) return cleared;
  const pod = podOf(daemonSet, daemonSet.spec?.template);
  const labels = { ...pod.metadata.labels, [hashLabel]: hash };
  const object = {
    ...pod,
    metadata: { ...pod.metadata, labels },
    spec: { ...daemonSet.spec?.template?.spec, nodeName: node },
  };
  return [{ kind: 'create', object, reason: `${node} has none`, event: podCreated(daemonSet) }];
}

/** Replaces pods of earlier templates, as many at a time as may be missing. */
function updateActions(
  daemonSet: DaemonSet,
  places: readonly Place[],
  hash: string,
  nowMs: number,
): Action[] {
  const { updateStrategy, minReadySeconds = 0 } = daemonSet.spec ?? {};
  if (updateStrategy?.type === 'OnDelete') return [];
  const wanted = places.filter((place) => place.wanted);
  const limit = resolve(
    updateStrategy?.rollingUpdate?.maxUnavailable ?? 1,
    wanted.length,
    Math.ceil,
  );
  const isAvailable = (pod: Pod): boolean =>
    isActive(pod) && untilAvailable(pod, minReadySeconds, nowMs) === 0;
  const missing = wanted.filter(({ pods }) => !pods.some(isAvailable)).length;
  const outdated = wanted.flatMap(({ pods }) =>
    pods.filter((pod) => isActive(pod) && pod.metadata.labels?.[hashLabel] !== hash),
  );
  // Those that do not work are replaced at once: that takes nothing away.
  const broken = outdated.filter((pod) => !isAvailable(pod));
  const working = outdated.filter(isAvailable).slice(0, Math.max(0, limit - missing));
  return [...broken, ...working].map((target) => ({
    kind: 'delete',
    target,
    reason: 'it is of an earlier template',
    event: podDeleted(daemonSet),
  }));
}

function observe(
  daemonSet: DaemonSet,
  places: readonly Place[],
  hash: string,
  nowMs: number,
): object {
  const { minReadySeconds = 0 } = daemonSet.spec ?? {};
  const wanted = places.filter((place) => place.wanted);
  const having = (test: (pod: Pod) => boolean): number =>
    wanted.filter(({ pods }) => pods.some((pod) => isActive(pod) && test(pod))).length;
  const available = having((pod) => untilAvailable(pod, minReadySeconds, nowMs) === 0);
  return {
    currentNumberScheduled: having(() => true),
    desiredNumberScheduled: wanted.length,
    numberMisscheduled: places.filter((place) => !place.wanted && place.pods.some(isActive)).length,
    numberReady: having(isReady),
    updatedNumberScheduled: having((pod) => pod.metadata.labels?.[hashLabel] === hash),
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    observedGeneration: daemonSet.metadata.generation ?? 0,
  };
}
