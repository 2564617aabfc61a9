// Translates a mesh of any size without keeping others waiting: what is not of pods at once, then the pods
// a group at a time, as each depends on nothing beyond its namespace but policies and nodes.

import type { Clock } from '../runtime/clock.ts';
import type { Turns } from '../runtime/turns.ts';
import type { EndpointSlice } from './kinds/core.ts';
import type { KindName, KindTypes } from './kinds/kinds.ts';
import type { KubernetesObject } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import { collectPods } from './translate/collect-workloads.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import { readable } from './translate/scope.ts';
import type { Translation } from './translate/snapshot.ts';
import { type Groundwork, layGround, translateOn } from './translate/translate.ts';
import type { ValidVersions } from './translate/valid-versions.ts';
import type { WorkloadMemory } from './translate/workload-memory.ts';

/** What all passes share. */
export interface Passes {
  readonly versions: ValidVersions;
  readonly mesh: MeshOptions;
  readonly memory: WorkloadMemory;
}

/** Groups grow and shrink to take about this long each. */
const groupMs = { least: 2, most: 5 } as const;
const firstGroup = 32;
const maxGroup = 2_000;

/** The same as `translate` of all objects, which must not change meanwhile. */
export async function translateInTurns(
  objects: ObjectSource,
  passes: Passes,
  clock: Clock,
  turns: Turns,
): Promise<{ readonly translation: Translation; readonly ground: Groundwork }> {
  const { versions, mesh, memory } = passes;
  const ground = layGround(without(objects, 'Pod'), versions, mesh, memory);
  await turns.next();
  const base = translateOn(ground, memory);
  const workloads = new Map(base.snapshot.workloads);
  const workloadLabels = new Map(base.snapshot.workloadLabels);
  await turns.next();
  const discovered = readable(objects, ground.scope).list('Pod');
  const pods = [...Map.groupBy(discovered, namespaceOf).values()].flat();
  let size = firstGroup;
  for (let start = 0; start < pods.length; ) {
    const before = clock.monotonic();
    const some = pods.slice(start, start + size);
    const group = collectPods(ground.workloadSources, some, ground.mesh, memory);
    for (const [uid, workload] of group.workloads) workloads.set(uid, workload);
    for (const [uid, labels] of group.labels) workloadLabels.set(uid, labels);
    start += size;
    const took = clock.monotonic() - before;
    if (took > groupMs.most) size = Math.max(1, size >> 1);
    else if (took < groupMs.least) size = Math.min(maxGroup, size << 1);
    if (turns.isOver) await turns.next();
  }
  const translation = { ...base, snapshot: { ...base.snapshot, workloads, workloadLabels } };
  return { translation, ground };
}

/** Whether the Service of a slice selects its pods. */
export function isOfSelector({ metadata }: EndpointSlice, objects: ObjectSource): boolean {
  const name = metadata.labels?.['kubernetes.io/service-name'] ?? '';
  const service = objects.get('Service', metadata.namespace, name);
  return Object.keys(service?.spec?.selector ?? {}).length > 0;
}

function without(objects: ObjectSource, kind: KindName): ObjectSource {
  return restricted(objects, { [kind]: [] });
}

/** Lists less than there is; single objects are found as ever. */
function restricted(
  objects: ObjectSource,
  lists: Partial<{ [Kind in KindName]: readonly KindTypes[Kind][] }>,
): ObjectSource {
  return {
    list: (kind) =>
      (lists[kind] as ReturnType<typeof objects.list<typeof kind>>) ?? objects.list(kind),
    get: (kind, namespace, name) => objects.get(kind, namespace, name),
  };
}

function namespaceOf({ metadata }: KubernetesObject): string {
  return metadata.namespace ?? '';
}
