// What a cluster has of the mesh, and who uses it.

import { installedObjects } from './installed.ts';
import { type KubernetesObject, partLabel } from './object.ts';
import type { ObjectApi } from './object-api.ts';
import type { UninstallFacts } from './plan-uninstall.ts';

const waypointSelector = 'gateway.istio.io/managed=istio.io-mesh-controller';
const waypointKinds = [
  ['apps/v1', 'Deployment'],
  ['v1', 'Service'],
  ['v1', 'ServiceAccount'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
] as const;
/** Objects that the controller names and labels by itself, with the namespace they are in, if it is one. */
const writtenSelectors = [
  { kind: ['v1', 'ConfigMap'], selector: 'istio.io/config=true' },
  { kind: ['v1', 'ConfigMap'], selector: 'ambit.io/last-valid=true' },
] as const;
const writtenNames = [
  { kind: ['coordination.k8s.io/v1', 'Lease'], name: 'ambit-leader' },
  { kind: ['v1', 'Secret'], name: 'istio-ca-secret' },
] as const;
/** What Kubernetes puts into every namespace. */
const ofKubernetes = ['ConfigMap kube-root-ca.crt', 'ServiceAccount default'];
/** What comes and goes with other objects. */
const passing = ['Event', 'Endpoints', 'EndpointSlice', 'Lease', 'PodMetrics'];

/** Looks. @param namespace where the mesh is installed */
export async function uninstallFacts(api: ObjectApi, namespace: string): Promise<UninstallFacts> {
  const own = await installedObjects(api);
  const gateways = await listed(api, 'gateway.networking.k8s.io/v1', 'Gateway');
  const waypoints = waypointKinds.map(([version, kind]) =>
    listed(api, version, kind, waypointSelector),
  );
  const selected = writtenSelectors.map(({ kind: [version, kind], selector }) =>
    listed(api, version, kind, selector),
  );
  const named = writtenNames.map(async ({ kind: [version, kind], name }) => {
    const all = await listed(api, version, kind);
    return all.filter(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  });
  const written = (await Promise.all([...selected, ...named])).flat();
  const inside = own.some(({ kind }) => kind === 'Namespace')
    ? await api.listNamespace(namespace)
    : [];
  return {
    own,
    gateways: gateways.filter(isWaypoint),
    waypoints: (await Promise.all(waypoints)).flat(),
    written,
    foreign: inside.filter((one) => isForeign(one, written)),
  };
}

async function listed(
  api: ObjectApi,
  version: string,
  kind: string,
  selector?: string,
): Promise<KubernetesObject[]> {
  return await api.list(version, kind, selector);
}

function isWaypoint(gateway: KubernetesObject): boolean {
  const { gatewayClassName } = gateway['spec'] as { readonly gatewayClassName?: string };
  return gatewayClassName === 'istio-waypoint';
}

/** Whether an object is somebody's own: not of the mesh, not of Kubernetes, and not made for another object. */
export function isForeign(
  { kind, metadata }: KubernetesObject,
  written: readonly KubernetesObject[],
): boolean {
  const { name, labels = {}, ownerReferences = [] } = metadata;
  if (passing.includes(kind) || ofKubernetes.includes(`${kind} ${name}`)) return false;
  if ((ownerReferences as readonly object[]).length > 0) return false;
  if (labels[partLabel.key] === partLabel.value) return false;
  if (labels['gateway.istio.io/managed'] !== undefined) return false;
  return !written.some((one) => one.kind === kind && one.metadata.name === name);
}

/** Who uses the mesh, in words; empty when nobody does. */
export async function usersOf(api: ObjectApi, facts: UninstallFacts): Promise<string[]> {
  const namespaces = await api.list('v1', 'Namespace', 'istio.io/dataplane-mode=ambient');
  const pods = (await api.list('v1', 'Pod')).filter(isEnrolled);
  const lines: string[] = [];
  if (namespaces.length > 0) {
    const names = namespaces.map(({ metadata }) => metadata.name).join(', ');
    lines.push(`namespaces in the mesh: ${names}`);
  }
  if (pods.length > 0) {
    lines.push(
      `${pods.length} pods are in the mesh; they go on, and their traffic is in the clear`,
    );
  }
  if (facts.gateways.length > 0) {
    const names = facts.gateways.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    lines.push(`waypoints that end: ${names.join(', ')}`);
  }
  return lines;
}

/** Whether traffic of the pod is redirected. */
export function isEnrolled({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.['ambient.istio.io/redirection'] === 'enabled';
}
