// What is installed on a cluster.

import { type KubernetesObject, partLabel, versionLabel } from './object.ts';
import type { ObjectApi } from './object-api.ts';

/** Kinds of which the mesh itself has objects. */
const ownKinds = [
  ['apps/v1', 'DaemonSet'],
  ['apps/v1', 'Deployment'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['v1', 'Secret'],
  ['v1', 'ServiceAccount'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
  ['rbac.authorization.k8s.io/v1', 'Role'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
  ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
  ['gateway.networking.k8s.io/v1', 'GatewayClass'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ['v1', 'Namespace'],
] as const;

/** Objects of the mesh's own kinds that carry the labels, in the order in which they are best removed.
 * @param selector such as `app.kubernetes.io/part-of=ambit` */
export async function installedObjects(
  api: ObjectApi,
  selector: string = `${partLabel.key}=${partLabel.value}`,
): Promise<KubernetesObject[]> {
  const lists = ownKinds.map(async ([version, kind]) => await api.list(version, kind, selector));
  return (await Promise.all(lists)).flat();
}

/** The version of the controller that is installed; undefined when there is none or it carries none. */
export function installedVersion(objects: readonly KubernetesObject[]): string | undefined {
  const controller = objects.find(
    ({ kind, metadata }) =>
      `${kind} ${metadata.name}` === 'Deployment istiod' &&
      metadata.labels?.[partLabel.key] === partLabel.value,
  );
  return controller?.metadata.labels?.[versionLabel];
}
