// All workloads of the mesh: pods, WorkloadEntries, endpoints within ServiceEntries, and endpoints that
// only an EndpointSlice names (protocol section 4.7).

import type { Workload } from '../../mesh/workload.ts';
import { serviceKey } from '../../mesh/workload.ts';
import type { EndpointSlice, Pod } from '../kinds/core.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import type { WorkloadEntry } from '../kinds/service-entry.ts';
import type { ObjectSource } from '../objects.ts';
import type { EndpointRule } from './endpoint-rules.ts';
import {
  endpointsOfEntry,
  labelsOfEntry,
  translateEndpoint,
  translateWorkloadEntry,
} from './entry-workloads.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { type NetworkGateways, networkOf } from './networks.ts';
import type { RegisteredServices } from './register-services.ts';
import { translateSlice } from './slice-workloads.ts';
import { type WaySources, wayToWorkload } from './waypoint-way.ts';
import type { WorkloadMemory } from './workload-memory.ts';
import { isGatewayPod, isWorkload } from './workloads.ts';

/** What workloads are made from. */
export interface WorkloadSources {
  readonly objects: ObjectSource;
  /** Those in force. */
  readonly workloadEntries: readonly WorkloadEntry[];
  readonly registered: RegisteredServices;
  readonly ways: WaySources;
  /** `NAMESPACE/NAME` of the policies that select something with the labels of an object. */
  readonly policiesOf: (object: KubernetesObject) => readonly string[];
  /** Connections of pods to what the mesh does not know are denied. */
  readonly onlyRegistered: boolean;
  /** As `rulesBySlice` has it. */
  readonly bySlice: ReadonlyMap<string, readonly EndpointRule[]>;
  readonly gateways: NetworkGateways;
}

/** Workloads by uid, with the labels that subsets are chosen by. */
export interface CollectedWorkloads {
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly labels: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Collects everything. */
export function collectWorkloads(
  sources: WorkloadSources,
  mesh: MeshOptions,
  memory: WorkloadMemory,
): CollectedWorkloads {
  const workloads = new Map<string, Workload>();
  const labels = new Map<string, Readonly<Record<string, string>>>();
  const add = (workload: Workload, own?: Readonly<Record<string, string>>): void => {
    workloads.set(workload.uid, workload);
    if (own !== undefined) labels.set(workload.uid, own);
  };
  addPods(sources, sources.objects.list('Pod'), mesh, memory, add);
  addEntries(sources, mesh, add);
  for (const workload of sources.gateways.workloads) add(workload);
  for (const { slice, service, rule } of slicesOf(sources.objects, sources.registered, mesh)) {
    for (const workload of translateSlice(slice, service, rule, mesh)) add(workload);
  }
  return { workloads, labels };
}

/** What comes of some pods alone. */
export function collectPods(
  sources: WorkloadSources,
  pods: readonly Pod[],
  mesh: MeshOptions,
  memory: WorkloadMemory,
): { readonly workloads: Map<string, Workload>; readonly labels: Map<string, Labels> } {
  const workloads = new Map<string, Workload>();
  const labels = new Map<string, Labels>();
  addPods(sources, pods, mesh, memory, (workload, own = noLabels) => {
    workloads.set(workload.uid, workload);
    labels.set(workload.uid, own);
  });
  return { workloads, labels };
}

type Labels = Readonly<Record<string, string>>;

type Add = (workload: Workload, labels?: Labels) => void;

const noLabels: Labels = {};
const noRules: readonly EndpointRule[] = [];

function addPods(
  sources: WorkloadSources,
  pods: readonly Pod[],
  mesh: MeshOptions,
  memory: WorkloadMemory,
  add: Add,
): void {
  const { objects, registered, bySlice, policiesOf, onlyRegistered, gateways } = sources;
  for (const pod of pods.filter(isWorkload)) {
    const { namespace = '', name, labels = noLabels } = pod.metadata;
    const surroundings = {
      node: objects.get('Node', undefined, pod.spec?.nodeName ?? ''),
      rules: registered.rules.get(namespace) ?? noRules,
      alsoIn: bySlice.get(`${namespace}/${name}`) ?? noRules,
      way: isGatewayPod(pod) ? {} : wayToWorkload(pod, sources.ways),
      authorizationPolicies: policiesOf(pod),
      onlyRegistered,
      networkGateway: gateways.addresses.get(networkOf(pod) ?? mesh.network),
    };
    add(memory.translate(pod, surroundings, mesh), labels);
  }
}

function addEntries(sources: WorkloadSources, mesh: MeshOptions, add: Add): void {
  const { workloadEntries, registered, policiesOf } = sources;
  const gateways = sources.gateways.addresses;
  for (const object of workloadEntries) {
    const labels = labelsOfEntry(object);
    const rules = registered.rules.get(object.metadata.namespace ?? '') ?? [];
    const labelled = { ...object, metadata: { ...object.metadata, labels } };
    const surroundings = {
      way: wayToWorkload(labelled, sources.ways),
      authorizationPolicies: policiesOf(labelled),
      gateways,
    };
    add(translateWorkloadEntry(object, rules, surroundings, mesh), labels);
  }
  for (const entry of registered.entries) {
    const { object } = entry;
    for (const { endpoint, rules } of endpointsOfEntry(entry, registered)) {
      const labelled = {
        ...object,
        metadata: { ...object.metadata, labels: endpoint.labels ?? {} },
      };
      const isImplicit = (object.spec?.endpoints ?? []).length === 0;
      const surroundings = {
        way: isImplicit ? {} : wayToWorkload(labelled, sources.ways),
        authorizationPolicies: policiesOf(object),
        gateways,
      };
      const workload = translateEndpoint(object, endpoint, rules, surroundings, mesh);
      add(workload, endpoint.labels ?? noLabels);
    }
  }
}

/** Slices with the Service that they are for. */
function slicesOf(objects: ObjectSource, registered: RegisteredServices, mesh: MeshOptions) {
  return objects.list('EndpointSlice').flatMap((slice) => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    const { namespace = '' } = slice.metadata;
    const service = name === undefined ? undefined : objects.get('Service', namespace, name);
    if (service === undefined || name === undefined) return [];
    const rule = registered.rulesByKey.get(
      serviceKey(namespace, serviceHostname(namespace, name, mesh)),
    );
    return rule === undefined ? [] : [{ slice, service, rule }];
  });
}

/** Pods, as `NAMESPACE/NAME`, that slices of services without selector name. */
export function rulesBySlice(
  objects: ObjectSource,
  registered: RegisteredServices,
  mesh: MeshOptions,
): ReadonlyMap<string, readonly EndpointRule[]> {
  const byPod = new Map<string, EndpointRule[]>();
  for (const { slice, rule } of slicesOf(objects, registered, mesh)) {
    if (rule.selector !== undefined) continue;
    for (const pod of podsIn(slice)) byPod.set(pod, [...(byPod.get(pod) ?? []), rule]);
  }
  return byPod;
}

function podsIn(slice: EndpointSlice): string[] {
  return (slice.endpoints ?? []).flatMap(({ targetRef }) => {
    if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) return [];
    return [`${targetRef.namespace ?? slice.metadata.namespace ?? ''}/${targetRef.name}`];
  });
}
