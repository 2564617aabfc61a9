// Keeps what is published up to date as objects change: all of it when services, policies or the like do,
// and only the workloads of the pods concerned when nothing but pods has changed, which is most of the
// time. Either way the outcome is that of translating everything.

import type { Clock } from '../runtime/clock.ts';
import { inTurns, turnsOf } from '../runtime/turns.ts';
import type { EndpointSlice, Node, Pod } from './kinds/core.ts';
import type { KindName } from './kinds/kinds.ts';
import { type KubernetesObject, keyOf } from './kinds/object.ts';
import type { ObjectTables } from './objects.ts';
import {
  type EncodingMemory,
  type EncodingProblem,
  emptySnapshot,
  type Publication,
  type PublishedSnapshot,
  publishing,
  publishWorkloads,
} from './publish/resources.ts';
import { collectPods } from './translate/collect-workloads.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import { readable } from './translate/scope.ts';
import type { Translation } from './translate/snapshot.ts';
import type { Groundwork } from './translate/translate.ts';
import { ValidVersions } from './translate/valid-versions.ts';
import { WorkloadMemory } from './translate/workload-memory.ts';
import { podUid } from './translate/workloads.ts';
import { isOfSelector, type Passes, translateInTurns } from './translate-in-turns.ts';

/** More pods than this at a time are as much work as everything. */
const maxPodsAlone = 200;
/** What a workload takes from its node. */
const nodeLabels = [
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
] as const;

/** Kinds that say nothing to proxies: what the controller writes itself, and what changes that. */
const writtenKinds: ReadonlySet<KindName> = new Set<KindName>([
  'ConfigMap',
  'ClassDefaults',
  'ServiceAccount',
  'Deployment',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
]);

/** The state of the world for proxies, and what to tell authors. */
export interface Translated {
  readonly translation: Translation;
  readonly published: PublishedSnapshot;
  readonly problems: readonly EncodingProblem[];
}

/** Translates tables that tell it of every change. */
export class Translator {
  readonly versions = new ValidVersions();
  readonly #tables: ObjectTables;
  readonly #passes: Passes;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #encoded: EncodingMemory = new WeakMap();
  readonly #pods = new Map<string, Pod>();
  /** Slices that count, as they are not of selected pods. */
  readonly #slicesApart = new Set<string>();
  readonly #places = new Map<string, string>();
  #translation: Translation | undefined;
  #ground: Groundwork | undefined;
  #published = emptySnapshot;
  #isAll = true;

  /** Work in progress ends, with the signal's reason, when the signal fires. */
  constructor(tables: ObjectTables, mesh: MeshOptions, clock: Clock, signal?: AbortSignal) {
    this.#tables = tables;
    this.#passes = { versions: this.versions, mesh, memory: new WorkloadMemory() };
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Notes the change of an object; answers whether there is something to translate. */
  changed(kind: KindName, object: KubernetesObject): boolean {
    if (kind === 'Pod') this.#pods.set(keyOf(object), object as Pod);
    else if (kind === 'Node' && this.#isSamePlace(object as Node)) return false;
    else if (kind === 'EndpointSlice' && this.#isOfPods(object as EndpointSlice)) return false;
    else if (writtenKinds.has(kind)) return false;
    else this.#isAll = true;
    return true;
  }

  /** Brings everything up to date. One call at a time. Rejects where translating fails, and is then to be
   * called again after the next change. */
  async translate(): Promise<Translated> {
    const pods = [...this.#pods.values()];
    const isSome = !this.#isAll && pods.length <= maxPodsAlone;
    this.#pods.clear();
    this.#isAll = false;
    try {
      return isSome && this.#translation && this.#ground
        ? this.#some(this.#translation, this.#ground, pods)
        : await this.#all();
    } catch (error) {
      this.#isAll = true;
      throw error;
    }
  }

  async #all(): Promise<Translated> {
    const turns = turnsOf(this.#clock, this.#signal);
    const objects = this.#tables.frozen();
    const { translation, ground } = await translateInTurns(
      objects,
      this.#passes,
      this.#clock,
      turns,
    );
    this.#ground = ground;
    const steps = publishing(translation.snapshot, this.#encoded, this.#published);
    const publication = await inTurns(steps, turns);
    this.#translation = translation;
    return this.#done(translation, publication);
  }

  /** The maps of the translation are its own, and change in place. */
  #some(translation: Translation, ground: Groundwork, pods: readonly Pod[]): Translated {
    const { mesh, memory } = this.#passes;
    const workloads = translation.snapshot.workloads as Map<string, unknown>;
    const labels = translation.snapshot.workloadLabels as Map<string, unknown>;
    const objects = readable(this.#tables, ground.scope);
    const present = pods.flatMap(({ metadata: { namespace, name } }) => {
      return objects.get('Pod', namespace, name) ?? [];
    });
    const { workloadSources, mesh: located } = ground;
    const { workloads: made, labels: own } = collectPods(workloadSources, present, located, memory);
    const changed = { workloads: made, workloadLabels: own };
    const removed = pods
      .map((pod) => podUid(pod, mesh))
      .filter((uid) => !changed.workloads.has(uid));
    const publication = publishWorkloads(this.#published, changed, removed, this.#encoded);
    for (const uid of removed) {
      workloads.delete(uid);
      labels.delete(uid);
    }
    for (const [uid, workload] of changed.workloads) workloads.set(uid, workload);
    for (const [uid, one] of changed.workloadLabels) labels.set(uid, one);
    return this.#done(translation, publication);
  }

  #done(translation: Translation, { published, problems }: Publication): Translated {
    this.#published = published;
    return { translation, published, problems };
  }

  /** Nodes change all the time, hardly ever in what counts here. */
  #isSamePlace({ metadata: { name, labels } }: Node): boolean {
    const place = JSON.stringify(nodeLabels.map((label) => labels?.[label]));
    const before = this.#places.get(name);
    if (this.#tables.get('Node', undefined, name) === undefined) this.#places.delete(name);
    else this.#places.set(name, place);
    return before === place && this.#places.has(name);
  }

  /** Where a Service selects pods, these are its endpoints, whatever slices say of them. */
  #isOfPods(slice: EndpointSlice): boolean {
    const isOfPods =
      isOfSelector(slice, this.#tables) &&
      (slice.endpoints ?? []).every(({ targetRef }) => targetRef?.kind === 'Pod');
    const key = keyOf(slice);
    if (!isOfPods) this.#slicesApart.add(key);
    // One that has counted counts once more, for what it was.
    return isOfPods && !this.#slicesApart.delete(key);
  }
}
