// The plural names under which the store knows kinds.

import type { ApiObject, KindName, ObjectStore } from '../api/store.ts';

/** Kinds without a namespace that people write manifests for. */
const clusterWide: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'CustomResourceDefinition',
  'PersistentVolume',
  'ClusterRole',
  'ClusterRoleBinding',
  'IngressClass',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
]);

/** Built-in kinds that manifests may hold, as the store names them. */
export const builtInNames: readonly KindName[] = [
  'services',
  'serviceaccounts',
  'configmaps',
  'secrets',
  'pods',
  'apps/deployments',
  'apps/replicasets',
  'apps/daemonsets',
  'discovery.k8s.io/endpointslices',
  'networking.k8s.io/ingresses',
  'networking.k8s.io/ingressclasses',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'policy/poddisruptionbudgets',
  'autoscaling/horizontalpodautoscalers',
  'apiextensions.k8s.io/customresourcedefinitions',
  'namespaces',
];

interface DefinitionSpec {
  readonly group: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly names: { readonly kind: string; readonly plural: string };
}

/** The names of all custom kinds. */
export function customNames(store: ObjectStore): KindName[] {
  return definitions(store).map(({ group, names }) => `${group}/${names.plural}`);
}

function definitions(store: ObjectStore): DefinitionSpec[] {
  const kind = 'apiextensions.k8s.io/customresourcedefinitions';
  return store.list(kind).map(({ spec }) => spec as DefinitionSpec);
}

/** Whether objects of this kind live in namespaces. */
export function isNamespaced(store: ObjectStore, object: ApiObject): boolean {
  if (clusterWide.has(object.kind)) return false;
  const group = object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : '';
  const definition = definitions(store).find(
    (one) => one.group === group && one.names.kind === object.kind,
  );
  return definition?.scope !== 'Cluster';
}
