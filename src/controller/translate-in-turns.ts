// Translates a mesh of any size without keeping others waiting: what is not of pods at once, then the pods
// a group at a time, as each depends on nothing beyond its namespace but policies and nodes.

import type { Workload } from '../mesh/workload.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Turns } from '../runtime/turns.ts';
import type { EndpointSlice, ServiceObject } from './kinds/core.ts';
import type { KindName, KindTypes } from './kinds/kinds.ts';
import type { KubernetesObject } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import type { Translation } from './translate/snapshot.ts';
import { translate } from './translate/translate.ts';
import type { ValidVersions } from './translate/valid-versions.ts';
import type { WorkloadMemory } from './translate/workload-memory.ts';

/** What all passes share. */
export interface Passes {
  readonly versions: ValidVersions;
  readonly mesh: MeshOptions;
  readonly memory: WorkloadMemory;
}

type Pods = readonly KindTypes['Pod'][];

/** What comes of some pods. */
export interface TranslatedPods {
  readonly workloads: Map<string, Workload>;
  readonly workloadLabels: Map<string, Readonly<Record<string, string>>>;
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
): Promise<Translation> {
  const { versions, mesh, memory } = passes;
  const base = translate(without(objects, 'Pod'), versions, mesh, memory);
  const workloads = new Map(base.snapshot.workloads);
  const workloadLabels = new Map(base.snapshot.workloadLabels);
  await turns.next();
  const surroundings = surroundingsOf(objects);
  const pods = [...Map.groupBy(objects.list('Pod'), namespaceOf).values()].flat();
  let size = firstGroup;
  for (let start = 0; start < pods.length; ) {
    const before = clock.monotonic();
    const group = translatePods(objects, surroundings, pods.slice(start, start + size), passes);
    for (const [uid, workload] of group.workloads) workloads.set(uid, workload);
    for (const [uid, labels] of group.workloadLabels) workloadLabels.set(uid, labels);
    start += size;
    const took = clock.monotonic() - before;
    if (took > groupMs.most) size = Math.max(1, size >> 1);
    else if (took < groupMs.least) size = Math.min(maxGroup, size << 1);
    if (turns.isOver) await turns.next();
  }
  return { ...base, snapshot: { ...base.snapshot, workloads, workloadLabels } };
}

/** What comes of some pods alone. */
export function translatePods(
  objects: ObjectSource,
  surroundings: Surroundings,
  pods: Pods,
  { versions, mesh, memory }: Passes,
): TranslatedPods {
  const namespaces = new Set(pods.map(namespaceOf));
  const lists: Partial<{ [Kind in KindName]: readonly KindTypes[Kind][] }> = {
    Pod: pods,
    Service: [...namespaces].flatMap((namespace) => surroundings.services.get(namespace) ?? []),
    EndpointSlice: [...namespaces].flatMap((namespace) => surroundings.slices.get(namespace) ?? []),
  };
  const { snapshot } = translate(restricted(objects, lists), versions, mesh, memory);
  return {
    workloads: new Map(snapshot.workloads),
    workloadLabels: new Map(snapshot.workloadLabels),
  };
}

/** What pods depend on beside what counts for all, by namespace. */
export interface Surroundings {
  readonly services: ReadonlyMap<string, readonly ServiceObject[]>;
  /** Those that can make a pod an endpoint: of Services without selector. */
  readonly slices: ReadonlyMap<string, readonly EndpointSlice[]>;
}

/** Sorts by namespace. */
export function surroundingsOf(objects: ObjectSource): Surroundings {
  const slices = objects.list('EndpointSlice').filter((slice) => !isOfSelector(slice, objects));
  return {
    services: Map.groupBy(objects.list('Service'), namespaceOf),
    slices: Map.groupBy(slices, namespaceOf),
  };
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
