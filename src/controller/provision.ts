// Gateways of the waypoint class to the objects that run them, and to their status (features section
// 5.1). Pure.

import { type Changes, type DesiredObject, isApplied, marked } from './desired.ts';
import type { Pod } from './kinds/core.ts';
import type { Gateway } from './kinds/gateway.ts';
import { objectPath } from './kinds/kinds.ts';
import type { KubernetesObject } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import { ownNetwork } from './translate/networks.ts';
import { gatewayNameLabel, labelsForWaypoint } from './translate/waypoint-labels.ts';
import {
  collectWaypoints,
  hbonePort,
  isTunnelListener,
  waypointClass,
  waypointController,
} from './translate/waypoints.ts';
import { type ProvisionOptions, waypointDeployment } from './waypoint-deployment.ts';

/** The objects that waypoints need and that are missing or different, and those without Gateway. */
export function provisionChanges(objects: ObjectSource, options: ProvisionOptions): Changes {
  const network = ownNetwork(objects, options.mesh.rootNamespace);
  const located = { ...options, mesh: { ...options.mesh, network } };
  const waypoints = collectWaypoints(objects);
  const apply: DesiredObject[] = [...classChanges(objects)];
  for (const { gateway } of waypoints.values()) {
    if (gateway.metadata.deletionTimestamp !== undefined || !hasTunnel(gateway)) continue;
    apply.push(...gatewayChanges(gateway, objects, located));
  }
  const remove = objects.list('Deployment').flatMap((deployment) => {
    const { namespace = '', name, labels } = deployment.metadata;
    const gateway = labels?.[gatewayNameLabel];
    // Objects of a Gateway that is gone are collected with their owner; these are of one that has
    // changed its class.
    if (gateway === undefined || objects.get('Gateway', namespace, gateway) === undefined)
      return [];
    if (waypoints.has(`${namespace}/${gateway}`)) return [];
    return [
      { path: objectPath('Deployment', namespace, name) },
      { path: objectPath('Service', namespace, name) },
    ];
  });
  return { apply, remove };
}

/** Whether a Gateway has the one listener that a waypoint needs. */
export function hasTunnel(gateway: Gateway): boolean {
  return (gateway.spec?.listeners ?? []).some(isTunnelListener);
}

/** Whether a pod of a waypoint is ready to take traffic. */
export function hasReadyPod(gateway: Gateway, objects: ObjectSource): boolean {
  return objects.list('Pod').some((pod) => belongsTo(pod, gateway) && isReady(pod));
}

function belongsTo(pod: Pod, gateway: Gateway): boolean {
  return (
    pod.metadata.namespace === gateway.metadata.namespace &&
    pod.metadata.labels?.[gatewayNameLabel] === gateway.metadata.name
  );
}

function isReady(pod: Pod): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' && pod.metadata.deletionTimestamp === undefined;
}

/** The class itself, where the manifests have not brought it. */
function classChanges(objects: ObjectSource): DesiredObject[] {
  if (objects.get('GatewayClass', undefined, waypointClass) !== undefined) return [];
  const body: KubernetesObject = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: waypointClass },
    spec: { controllerName: waypointController, description: 'A waypoint of the mesh' },
  };
  return [{ path: objectPath('GatewayClass', undefined, waypointClass), body }];
}

function gatewayChanges(
  gateway: Gateway,
  objects: ObjectSource,
  options: ProvisionOptions,
): DesiredObject[] {
  const { namespace = '', name } = gateway.metadata;
  const metadata = {
    name,
    namespace,
    labels: labelsForWaypoint(gateway),
    annotations: { ...gateway.spec?.infrastructure?.annotations },
    ownerReferences: [
      {
        apiVersion: gateway.apiVersion,
        kind: gateway.kind,
        name,
        uid: gateway.metadata.uid ?? '',
        controller: true,
      },
    ],
  };
  const account: KubernetesObject = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
  const service: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata,
      annotations: {
        'networking.istio.io/traffic-distribution': 'PreferClose',
        ...metadata.annotations,
      },
    },
    spec: {
      type: 'ClusterIP',
      ipFamilyPolicy: 'PreferDualStack',
      selector: { [gatewayNameLabel]: name },
      ports: [
        { name: 'status-port', port: 15_021, protocol: 'TCP', targetPort: 15_021 },
        { name: 'mesh', port: hbonePort, protocol: 'TCP', targetPort: hbonePort },
      ],
    },
  };
  const deployment = waypointDeployment(gateway, metadata, options);
  const wanted = [
    ['Service', marked(service)],
    ['Deployment', marked(deployment)],
  ] as const;
  const changed = wanted.filter(
    ([kind, body]) => !isApplied(objects.get(kind, namespace, name), body),
  );
  if (changed.length === 0) return [];
  const base = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
  return [
    { path: base, body: account },
    ...changed.map(([kind, body]) => ({ path: objectPath(kind, namespace, name), body })),
  ];
}
