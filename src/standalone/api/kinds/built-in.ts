// The kinds that the API server itself brings.

import { definition } from '../schema/definitions.ts';
import { columnsOf } from '../table/built-in-columns.ts';
import type { Column, Kind, ScalePaths } from './kind.ts';

/** Group/version, kind, plural, and what is not the rule: `namespaced`, no status, no short names. */
interface Entry {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly schema?: string;
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly clusterWide?: boolean;
  readonly status?: boolean;
  readonly generation?: boolean;
  readonly scale?: ScalePaths;
  readonly storedAs?: string;
  readonly note?: string;
}

const workloadScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};
const all = ['all'];
const core = { group: '', version: 'v1' };
const apps = { group: 'apps', version: 'v1', status: true, generation: true, categories: all };

const entries: readonly Entry[] = [
  {
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    short: ['ns'],
    clusterWide: true,
    status: true,
  },
  { ...core, kind: 'Node', plural: 'nodes', short: ['no'], clusterWide: true, status: true },
  { ...core, kind: 'Pod', plural: 'pods', short: ['po'], categories: all, status: true },
  { ...core, kind: 'Service', plural: 'services', short: ['svc'], categories: all, status: true },
  { ...core, kind: 'Endpoints', plural: 'endpoints', short: ['ep'] },
  { ...core, kind: 'ServiceAccount', plural: 'serviceaccounts', short: ['sa'] },
  { ...core, kind: 'ConfigMap', plural: 'configmaps', short: ['cm'] },
  { ...core, kind: 'Secret', plural: 'secrets' },
  { ...core, kind: 'Event', plural: 'events', short: ['ev'], schema: 'CoreEvent' },
  { ...apps, kind: 'Deployment', plural: 'deployments', short: ['deploy'], scale: workloadScale },
  { ...apps, kind: 'ReplicaSet', plural: 'replicasets', short: ['rs'], scale: workloadScale },
  { ...apps, kind: 'DaemonSet', plural: 'daemonsets', short: ['ds'] },
  {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    generation: true,
  },
  {
    group: 'events.k8s.io',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    storedAs: 'events',
  },
  { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    short: ['crd', 'crds'],
    categories: ['api-extensions'],
    clusterWide: true,
    status: true,
    generation: true,
  },
  {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    categories: ['api-extensions'],
    clusterWide: true,
    generation: true,
  },
];

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' };

/** Who may do what. */
const access: readonly Entry[] = [
  { ...rbac, kind: 'Role', plural: 'roles' },
  { ...rbac, kind: 'RoleBinding', plural: 'rolebindings' },
  { ...rbac, kind: 'ClusterRole', plural: 'clusterroles', clusterWide: true },
  { ...rbac, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', clusterWide: true },
];

/** Kinds for the controllers of a cluster to watch and write; nothing here acts on them. */
const surroundings: readonly Entry[] = [
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'Ingress',
    plural: 'ingresses',
    short: ['ing'],
    status: true,
    generation: true,
    note: 'an Ingress is kept, and nothing listens for it in laptop mode; use ambit up --publish',
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'IngressClass',
    plural: 'ingressclasses',
    clusterWide: true,
    generation: true,
  },
  {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    categories: ['api-extensions'],
    clusterWide: true,
    generation: true,
    note: 'a MutatingWebhookConfiguration is kept, and such webhooks are not called in laptop mode',
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    short: ['netpol'],
    generation: true,
    note: 'a NetworkPolicy is kept, and none is enforced in laptop mode',
  },
  {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    short: ['pdb'],
    status: true,
    generation: true,
    note: 'a PodDisruptionBudget is kept, and nothing is evicted in laptop mode',
  },
  {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    short: ['hpa'],
    categories: all,
    status: true,
    note: 'a HorizontalPodAutoscaler is kept, and nothing is scaled in laptop mode',
  },
];

/** All built-in kinds. */
export const builtInKinds: readonly Kind[] = [...entries, ...access, ...surroundings].map(kindFrom);

/** What goes with writes of a kind that nothing acts on. */
export function noteOn(apiVersion: string, kind: string): string | undefined {
  return surroundings.find(
    (one) => `${one.group}/${one.version}` === apiVersion && one.kind === kind,
  )?.note;
}

function kindFrom(entry: Entry): Kind {
  const name = entry.group === '' ? entry.plural : `${entry.group}/${entry.plural}`;
  const columns: readonly Column[] = columnsOf(entry.storedAs ?? name);
  return {
    group: entry.group,
    kind: entry.kind,
    listKind: `${entry.kind}List`,
    plural: entry.plural,
    singular: entry.kind.toLowerCase(),
    shortNames: entry.short ?? [],
    categories: entry.categories ?? [],
    namespaced: entry.clusterWide !== true,
    versions: [{ version: entry.version, schema: definition(entry.schema ?? entry.kind), columns }],
    storageVersion: entry.version,
    storedAs: entry.storedAs ?? name,
    hasStatus: entry.status === true,
    scale: entry.scale,
    hasGeneration: entry.generation === true,
    custom: false,
    ...(entry.note !== undefined && { note: entry.note }),
  };
}
