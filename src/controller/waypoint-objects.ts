// The objects that run one waypoint (features section 5.1.1). Pure.

import { marked } from './desired.ts';
import type { Gateway } from './kinds/gateway.ts';
import type { KubernetesObject, ObjectMeta } from './kinds/object.ts';
import type { Problem } from './translate/finding.ts';
import { gatewayNameLabel, labelsForWaypoint } from './translate/waypoint-labels.ts';
import { hbonePort } from './translate/waypoints.ts';
import { type ProvisionOptions, waypointDeployment } from './waypoint-deployment.ts';
import type { OverrideKey, WaypointOverrides } from './waypoint-overrides.ts';

/** The kinds that a waypoint may consist of, in the order in which they are made. */
export const waypointKinds = [
  'ServiceAccount',
  'Service',
  'Deployment',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
] as const;

export type WaypointKind = (typeof waypointKinds)[number];

/** Made only if an override asks for them. */
const optionalKinds: ReadonlySet<WaypointKind> = new Set([
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
]);

const keysOfKinds: Readonly<Record<WaypointKind, OverrideKey>> = {
  ServiceAccount: 'serviceAccount',
  Service: 'service',
  Deployment: 'deployment',
  PodDisruptionBudget: 'podDisruptionBudget',
  HorizontalPodAutoscaler: 'horizontalPodAutoscaler',
};

/** What is wanted for a waypoint, or why that cannot be told. */
export interface WaypointObjects {
  readonly objects: readonly { readonly kind: WaypointKind; readonly body: KubernetesObject }[];
  readonly problems: readonly Problem[];
}

/** The objects of a Gateway with its overrides. */
export function waypointObjects(
  gateway: Gateway,
  options: ProvisionOptions,
  overrides: WaypointOverrides,
): WaypointObjects {
  const bases = baseObjects(gateway, options);
  const problems: Problem[] = [...overrides.problems];
  const objects = waypointKinds.flatMap((kind) => {
    const key = keysOfKinds[kind];
    if (optionalKinds.has(kind) && !overrides.has(key)) return [];
    const made = overrides.apply(key, bases[kind]);
    if ('metadata' in made) return [{ kind, body: marked(made) }];
    problems.push(made);
    return [];
  });
  return { objects: problems.length > 0 ? [] : objects, problems };
}

function baseObjects(
  gateway: Gateway,
  options: ProvisionOptions,
): Readonly<Record<WaypointKind, KubernetesObject>> {
  const { namespace = '', name, uid = '' } = gateway.metadata;
  const metadata: ObjectMeta = {
    name,
    namespace,
    labels: labelsForWaypoint(gateway),
    annotations: { ...gateway.spec?.infrastructure?.annotations },
    ownerReferences: [
      { apiVersion: gateway.apiVersion, kind: gateway.kind, name, uid, controller: true },
    ],
  };
  const selector = { matchLabels: { [gatewayNameLabel]: name } };
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name };
  return {
    ServiceAccount: { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    Service: {
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
        selector: selector.matchLabels,
        ports: [
          { name: 'status-port', port: 15_021, protocol: 'TCP', targetPort: 15_021 },
          { name: 'mesh', port: hbonePort, protocol: 'TCP', targetPort: hbonePort },
        ],
      },
    },
    Deployment: waypointDeployment(gateway, metadata, options),
    PodDisruptionBudget: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { selector },
    },
    HorizontalPodAutoscaler: {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata,
      spec: { scaleTargetRef },
    },
  };
}
