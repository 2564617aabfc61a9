// DaemonSet: one pod of a template on every node that its nodeSelector admits.

import { jsonEqual } from '../api/json.ts';
import type { Plan } from './actions.ts';
import { claimObjects } from './claim-objects.ts';
import { daemonActions, hashLabel, type Place } from './plan-daemon-update.ts';
import { hashTemplate } from './template-hash.ts';
import {
  type DaemonSet,
  isActive,
  isDeleted,
  isReady,
  type NodeObject,
  type Pod,
  untilAvailable,
} from './workload-objects.ts';

/** What stands around a DaemonSet. */
export interface DaemonSetSurroundings {
  readonly nodes: readonly NodeObject[];
  /** Of its namespace. */
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

/** Decides for one DaemonSet. */
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
    ...daemonActions({ daemonSet, hash, nowMs: around.nowMs }, places),
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
