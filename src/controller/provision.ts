// Gateways of the waypoint class to the objects that run them, and to their status (features section
// 5.1). Pure.

import {
  appliedAnnotation,
  type Changes,
  type DesiredObject,
  isApplied,
  type UnwantedObject,
} from './desired.ts';
import type { Pod } from './kinds/core.ts';
import type { Gateway } from './kinds/gateway.ts';
import { objectPath } from './kinds/kinds.ts';
import { type KubernetesObject, objectKey } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import type { Problem } from './translate/finding.ts';
import { ownNetwork } from './translate/networks.ts';
import { gatewayNameLabel } from './translate/waypoint-labels.ts';
import {
  collectWaypoints,
  isTunnelListener,
  waypointClass,
  waypointController,
} from './translate/waypoints.ts';
import type { ProvisionOptions } from './waypoint-deployment.ts';
import { type WaypointKind, waypointKinds, waypointObjects } from './waypoint-objects.ts';
import { overridesOf, type ParameterSource } from './waypoint-overrides.ts';

/** What provisioning reads beside the watched objects. */
export interface ProvisionSources {
  readonly parameters: ParameterSource;
  /** Whether an object is as it was after it was applied last, as far as this process knows. */
  readonly isSettled: (path: string, existing: KubernetesObject) => boolean;
}

/** What to change for waypoints, and of which Gateways nothing is changed because of their overrides. */
export interface Provision {
  readonly changes: Changes;
  /** By `NAMESPACE/NAME`. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
}

/** The objects that waypoints need and that are missing or different, and those that nobody asks for. */
export function provisionWaypoints(
  objects: ObjectSource,
  options: ProvisionOptions,
  sources: ProvisionSources,
): Provision {
  const { rootNamespace } = options.mesh;
  const network = ownNetwork(objects, rootNamespace);
  const located = { ...options, mesh: { ...options.mesh, network } };
  const problems = new Map<string, readonly Problem[]>();
  const apply: DesiredObject[] = [...classChanges(objects)];
  /** Paths of what is to stay; undefined for Gateways of which that cannot be told. */
  const wanted = new Map<string, ReadonlySet<string> | undefined>();
  for (const { gateway } of collectWaypoints(objects).values()) {
    const { namespace = '', name, deletionTimestamp } = gateway.metadata;
    const key = objectKey(namespace, name);
    wanted.set(key, undefined);
    if (deletionTimestamp !== undefined || !hasTunnel(gateway)) continue;
    const overrides = overridesOf(gateway, objects, rootNamespace, sources.parameters);
    const own = waypointObjects(gateway, located, overrides);
    if (own.problems.length > 0) {
      problems.set(key, own.problems);
      continue;
    }
    wanted.set(key, new Set(own.objects.map(({ kind }) => objectPath(kind, namespace, name))));
    const author = { kind: 'Gateway', namespace, name } as const;
    for (const { kind, body } of own.objects) {
      const path = objectPath(kind, namespace, name);
      const existing = objects.get(kind, namespace, name);
      const isDone = isApplied(existing, body) && existing !== undefined;
      if (isDone && sources.isSettled(path, existing)) continue;
      apply.push({ path, body, author, ...(existing && { existing }) });
    }
  }
  return { changes: { apply, remove: unwanted(objects, wanted) }, problems };
}

/** What was made here and is no longer asked for. Objects of a Gateway that is gone are collected with their
 * owner; these are of one that has changed its class or its overrides. */
function unwanted(
  objects: ObjectSource,
  wanted: ReadonlyMap<string, ReadonlySet<string> | undefined>,
): UnwantedObject[] {
  const ofKind = (kind: WaypointKind): readonly KubernetesObject[] => {
    if (kind !== 'Service') return objects.list(kind);
    return objects.list('Service').filter(({ metadata }) => metadata.labels?.[gatewayNameLabel]);
  };
  return waypointKinds.flatMap((kind) =>
    ofKind(kind).flatMap(({ metadata }) => {
      const { namespace = '', name, labels, annotations, ownerReferences = [] } = metadata;
      const gateway = objects.get('Gateway', namespace, labels?.[gatewayNameLabel] ?? '');
      const isOwn =
        annotations?.[appliedAnnotation] !== undefined &&
        ownerReferences.some(({ uid }) => uid === gateway?.metadata.uid);
      if (gateway === undefined || !isOwn) return [];
      const key = objectKey(namespace, gateway.metadata.name);
      const path = objectPath(kind, namespace, name);
      const isWanted = wanted.has(key) && wanted.get(key)?.has(path) !== false;
      return isWanted ? [] : [{ path }];
    }),
  );
}

/** Whether a Gateway has the one listener that a waypoint needs. */
export function hasTunnel(gateway: Gateway): boolean {
  return (gateway.spec?.listeners ?? []).some(isTunnelListener);
}

/** The Gateways, by `NAMESPACE/NAME`, of which a pod is ready to take traffic. */
export function gatewaysWithReadyPod(objects: ObjectSource): ReadonlySet<string> {
  const ready = objects.list('Pod').filter((pod) => {
    return pod.metadata.labels?.[gatewayNameLabel] !== undefined && isReady(pod);
  });
  return new Set(
    ready.map(({ metadata }) =>
      objectKey(metadata.namespace, metadata.labels?.[gatewayNameLabel] ?? ''),
    ),
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
