// How a DaemonSet brings its nodes from one template to the next: the old pod first (maxUnavailable), or
// the new one beside it first (maxSurge), which is what a pod needs that hands over to its successor.
// Follows Kubernetes' order of decisions (https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/).

import type { Action } from './actions.ts';
import { podCreated, podDeleted, podOf } from './plan-replica-set.ts';
import { rankForRemoval } from './rank-pods.ts';
import { resolve } from './rollout-limits.ts';
import {
  type DaemonSet,
  hasEnded,
  isActive,
  isDeleted,
  isReady,
  type Pod,
  untilAvailable,
} from './workload-objects.ts';

/** Names the template that a pod was made of. */
export const hashLabel = 'controller-revision-hash';

/** A node and the pods of the set on it. */
export interface Place {
  readonly node: string;
  readonly wanted: boolean;
  readonly pods: readonly Pod[];
}

/** What one turn decides with. */
export interface DaemonTurn {
  readonly daemonSet: DaemonSet;
  /** Of the template that holds now. */
  readonly hash: string;
  readonly nowMs: number;
}

/** Decides which pods of all places go, and which come. */
export function daemonActions(turn: DaemonTurn, places: readonly Place[]): Action[] {
  const wanted = places.filter((place) => place.wanted);
  const surge = surgeOf(turn.daemonSet, wanted.length);
  return [
    ...places.flatMap((place) => placeActions(turn, place, surge > 0)),
    ...updateActions(turn, wanted, surge),
  ];
}

/** How many nodes may have two pods at a time. */
function surgeOf({ spec }: DaemonSet, nodes: number): number {
  const { type, rollingUpdate } = spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return 0;
  return resolve(rollingUpdate?.maxSurge ?? 0, nodes, Math.ceil);
}

function placeActions(turn: DaemonTurn, place: Place, surging: boolean): Action[] {
  const { node, wanted, pods } = place;
  const ended = pods.filter((pod) => hasEnded(pod) && !isDeleted(pod));
  const active = pods.filter(isActive);
  if (!wanted) {
    const reason = `${node || 'no node'} is not for this set`;
    return [...ended, ...active].map((pod) => removal(turn, pod, reason));
  }
  const cleared = ended.map((pod) => removal(turn, pod, 'it ended and another takes its place'));
  const surplus = surging ? surplusOfPair(turn, node, active) : surplusOfOne(turn, node, active);
  // A pod that is still ending keeps its ports and files from the next one, unless the set says with
  // maxSurge that two can be side by side.
  const free = surging ? active.length === 0 : pods.length === 0;
  return [...cleared, ...surplus, ...(free ? [creation(turn, node, `${node} has none`)] : [])];
}

function surplusOfOne(turn: DaemonTurn, node: string, active: readonly Pod[]): Action[] {
  const surplus = rankForRemoval(active).slice(0, Math.max(0, active.length - 1));
  return surplus.map((pod) => removal(turn, pod, `${node} has more than one`));
}

/** Two may stay: the new one, and the old one while it serves and the new one does not yet. */
function surplusOfPair(turn: DaemonTurn, node: string, active: readonly Pod[]): Action[] {
  const { updated, outdated } = pairOf(turn, active);
  const rest = active.filter((pod) => pod !== updated && pod !== outdated);
  const cleared = rest.map((pod) => removal(turn, pod, `${node} has more than one`));
  if (updated === undefined || outdated === undefined) return cleared;
  if (isAvailable(turn, updated)) {
    return [...cleared, removal(turn, outdated, `${updated.metadata.name} has taken its place`)];
  }
  if (isReady(outdated)) return cleared;
  return [...cleared, removal(turn, outdated, 'it is of an earlier template and not ready')];
}

/** The oldest active pod of the template that holds, and the oldest of another. */
function pairOf(
  { hash }: DaemonTurn,
  pods: readonly Pod[],
): { updated: Pod | undefined; outdated: Pod | undefined } {
  const since = ({ metadata }: Pod): string => metadata.creationTimestamp ?? '';
  const active = pods.filter(isActive).toSorted((a, b) => (since(a) < since(b) ? -1 : 1));
  const isUpdated = ({ metadata }: Pod): boolean => metadata.labels?.[hashLabel] === hash;
  return { updated: active.find(isUpdated), outdated: active.find((pod) => !isUpdated(pod)) };
}

function updateActions(turn: DaemonTurn, wanted: readonly Place[], surge: number): Action[] {
  if (turn.daemonSet.spec?.updateStrategy?.type === 'OnDelete') return [];
  return surge > 0 ? addBeside(turn, wanted, surge) : removeOutdated(turn, wanted);
}

/** Puts a pod of the new template beside one of an earlier, on as many nodes at a time as may have two. */
function addBeside(turn: DaemonTurn, wanted: readonly Place[], surge: number): Action[] {
  const pairs = wanted.map(({ node, pods }) => ({ node, ...pairOf(turn, pods) }));
  const underWay = pairs.filter(
    ({ updated, outdated }) => updated && outdated && !isAvailable(turn, updated),
  ).length;
  const waiting = pairs.flatMap(({ node, updated, outdated }) =>
    updated === undefined && outdated !== undefined ? [{ node, outdated }] : [],
  );
  // Beside one that does not work nothing is at stake: those do not wait for their turn.
  const broken = waiting.filter(({ outdated }) => !isAvailable(turn, outdated));
  const working = waiting.filter(({ outdated }) => isAvailable(turn, outdated));
  return [...broken, ...working.slice(0, Math.max(0, surge - underWay))].map(({ node, outdated }) =>
    creation(turn, node, `${outdated.metadata.name} is of an earlier template`),
  );
}

/** Removes pods of earlier templates, as many at a time as may be missing. */
function removeOutdated(turn: DaemonTurn, wanted: readonly Place[]): Action[] {
  const limit = resolve(
    turn.daemonSet.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1,
    wanted.length,
    Math.ceil,
  );
  const works = (pod: Pod): boolean => isActive(pod) && isAvailable(turn, pod);
  const missing = wanted.filter(({ pods }) => !pods.some(works)).length;
  const outdated = wanted.flatMap(({ pods }) =>
    pods.filter((pod) => isActive(pod) && pod.metadata.labels?.[hashLabel] !== turn.hash),
  );
  // Those that do not work are replaced at once: that takes nothing away.
  const broken = outdated.filter((pod) => !works(pod));
  const working = outdated.filter(works).slice(0, Math.max(0, limit - missing));
  return [...broken, ...working].map((pod) => removal(turn, pod, 'it is of an earlier template'));
}

function isAvailable({ daemonSet, nowMs }: DaemonTurn, pod: Pod): boolean {
  return untilAvailable(pod, daemonSet.spec?.minReadySeconds ?? 0, nowMs) === 0;
}

function removal({ daemonSet }: DaemonTurn, target: Pod, reason: string): Action {
  return { kind: 'delete', target, reason, event: podDeleted(daemonSet) };
}

/** Pods are bound to their nodes from the start. */
function creation({ daemonSet, hash }: DaemonTurn, node: string, reason: string): Action {
  const template = daemonSet.spec?.template;
  const pod = podOf(daemonSet, template);
  const labels = { ...pod.metadata.labels, [hashLabel]: hash };
  const object = {
    ...pod,
    metadata: { ...pod.metadata, labels },
    spec: { ...template?.spec, nodeName: node },
  };
  return { kind: 'create', object, reason, event: podCreated(daemonSet) };
}
