// Which pods go first when there are too many: those that do the least.

import { isReady, type Pod, readyCondition } from './workload-objects.ts';

/** The pods in the order in which they are given up (Kubernetes' order: without node, not yet running,
 * not ready, on the most crowded node, ready for the shortest time, restarted most, youngest). */
export function rankForRemoval(pods: readonly Pod[]): Pod[] {
  const crowd = new Map<string, number>();
  for (const pod of pods) {
    const node = pod.spec?.nodeName ?? '';
    crowd.set(node, (crowd.get(node) ?? 0) + 1);
  }
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, crowd) }));
  return ranked.toSorted((left, right) => compare(left.rank, right.rank)).map(({ pod }) => pod);
}

const phaseRanks = ['Pending', 'Unknown', 'Running'];

/** Smaller goes first. */
function rankOf(pod: Pod, crowd: ReadonlyMap<string, number>): number[] {
  const node = pod.spec?.nodeName;
  const restarts = (pod.status?.containerStatuses ?? []).map((one) => one.restartCount ?? 0);
  return [
    node === undefined ? 0 : 1,
    phaseRanks.indexOf(pod.status?.phase ?? 'Pending'),
    isReady(pod) ? 1 : 0,
    -(crowd.get(node ?? '') ?? 0),
    -timeOf(readyCondition(pod)?.lastTransitionTime),
    -Math.max(0, ...restarts),
    -timeOf(pod.metadata.creationTimestamp),
  ];
}

function timeOf(text: string | undefined): number {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
