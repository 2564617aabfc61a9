// Keeps the workload that was made of each pod, so that a change elsewhere does not make thousands of
// equal ones anew. A kept workload is the very same object, which spares its encoding too.

import type { Workload } from '../../mesh/workload.ts';
import type { Pod } from '../kinds/core.ts';
import type { MeshOptions } from './mesh-options.ts';
import { translatePod, type WorkloadSurroundings } from './workloads.ts';

interface Kept {
  readonly surroundings: WorkloadSurroundings;
  readonly mesh: MeshOptions;
  readonly workload: Workload;
}

/** Translates pods, each version once per surroundings. Versions that are gone are forgotten with
 * their objects. */
export class WorkloadMemory {
  readonly #kept = new WeakMap<Pod, Kept>();

  translate(pod: Pod, surroundings: WorkloadSurroundings, mesh: MeshOptions): Workload {
    const kept = this.#kept.get(pod);
    if (kept !== undefined && kept.mesh === mesh && equal(kept.surroundings, surroundings)) {
      return kept.workload;
    }
    const workload = translatePod(pod, surroundings, mesh);
    this.#kept.set(pod, { surroundings, mesh, workload });
    return workload;
  }
}

function equal(left: WorkloadSurroundings, right: WorkloadSurroundings): boolean {
  return (
    left.node === right.node &&
    sameItems(left.services, right.services) &&
    sameItems(left.authorizationPolicies, right.authorizationPolicies) &&
    JSON.stringify(left.waypoint) === JSON.stringify(right.waypoint)
  );
}

function sameItems(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
