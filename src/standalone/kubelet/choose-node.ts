// Which node a pod runs on. Pure: a very small scheduler.

import type { Pod } from './pod-types.ts';

/** A node as the scheduler sees it. */
export interface NodeView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly unschedulable: boolean;
}

export type NodeChoice =
  | { readonly kind: 'chosen'; readonly node: string }
  | { readonly kind: 'none'; readonly problem: string };

/** Chooses the node with the fewest pods of the same owner, then the fewest pods, then the first by name,
 * among those that the pod's selector allows. `pods` are those that have a node. */
export function chooseNode(pod: Pod, nodes: readonly NodeView[], pods: readonly Pod[]): NodeChoice {
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  const fitting = nodes.filter(({ labels }) =>
    wanted.every(([key, value]) => labels[key] === value),
  );
  const open = fitting.filter(({ unschedulable }) => !unschedulable);
  if (open.length === 0) {
    const cordoned = fitting.length - open.length;
    const mismatched = nodes.length - fitting.length;
    return {
      kind: 'none',
      problem:
        `0/${nodes.length} nodes are available: ${mismatched} do not match the node selector, ` +
        `${cordoned} are cordoned`,
    };
  }
  const owner = ownerOf(pod);
  const load = (node: string): readonly [number, number] => {
    const there = pods.filter(({ spec }) => spec.nodeName === node);
    const kin = there.filter((other) => owner !== undefined && ownerOf(other) === owner);
    return [kin.length, there.length];
  };
  const ranked = open
    .map(({ name }) => ({ name, load: load(name) }))
    .toSorted(
      (left, right) =>
        left.load[0] - right.load[0] ||
        left.load[1] - right.load[1] ||
        (left.name < right.name ? -1 : 1),
    );
  return { kind: 'chosen', node: ranked[0]?.name ?? '' };
}

function ownerOf({ metadata }: Pod): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}
