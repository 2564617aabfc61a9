// Which waypoint serves which object (protocol section 1.11).

import { parseIp } from '../../mesh/address.ts';
import type { GatewayAddress } from '../../mesh/workload.ts';
import type { Namespace } from '../kinds/core.ts';
import type { Gateway, GatewayClass, ListenerSpec } from '../kinds/gateway.ts';
import { type KubernetesObject, objectKey } from '../kinds/object.ts';
import type { ObjectSource } from '../objects.ts';
import { type LabelRequirement, matchesLabels } from './label-selector.ts';

export const waypointClass = 'istio-waypoint';
export const waypointController = 'istio.io/mesh-controller';
export const useWaypointLabel = 'istio.io/use-waypoint';
const useNamespaceLabel = 'istio.io/use-waypoint-namespace';
const canaryLabel = 'istio.io/use-waypoint-canary';
const waypointForLabel = 'istio.io/waypoint-for';
/** The port of every waypoint's tunnel. */
export const hbonePort = 15_008;

/** What may be sent through a waypoint. */
export type TrafficType = 'service' | 'workload' | 'all' | 'none';

/** A waypoint as declared by its Gateway. */
export interface Waypoint {
  readonly namespace: string;
  readonly name: string;
  /** Where it is reached; undefined until it has been ready once. */
  readonly address: GatewayAddress | undefined;
  readonly trafficType: TrafficType;
  readonly gateway: Gateway;
}

/** The outcome for one object. `none` when it asks for no waypoint. */
export type Binding =
  | { readonly kind: 'none' }
  | { readonly kind: 'bound'; readonly waypoint: Waypoint; readonly address: GatewayAddress }
  | { readonly kind: 'refused'; readonly reason: BindingRefusal; readonly message: string };

export type BindingRefusal =
  | 'WaypointNotFound'
  | 'WaypointIsNotReady'
  | 'AttachmentDenied'
  | 'UnsupportedTrafficType'
  | 'CrossNamespaceWaypointForbidden';

/** All waypoints, by `NAMESPACE/NAME`. `network` is the mesh's own, where their addresses are. */
export function collectWaypoints(
  objects: ObjectSource,
  network = '',
): ReadonlyMap<string, Waypoint> {
  const waypoints = new Map<string, Waypoint>();
  for (const gateway of objects.list('Gateway')) {
    const className = gateway.spec?.gatewayClassName ?? '';
    const gatewayClass = objects.get('GatewayClass', undefined, className);
    if (!isWaypointClass(className, gatewayClass)) continue;
    const { namespace = '', name } = gateway.metadata;
    waypoints.set(objectKey(namespace, name), {
      namespace,
      name,
      address: addressOf(gateway, network),
      trafficType: trafficTypeOf(gateway, gatewayClass),
      gateway,
    });
  }
  return waypoints;
}

/** Whether a class makes waypoints that this controller runs. */
export function isWaypointClass(name: string, gatewayClass: GatewayClass | undefined): boolean {
  return name === waypointClass || gatewayClass?.spec?.controllerName === waypointController;
}

/** Resolves the waypoint of a service or workload from its labels and its namespace's. */
export function bindWaypoint(
  object: KubernetesObject,
  subject: 'service' | 'workload',
  objects: ObjectSource,
  waypoints: ReadonlyMap<string, Waypoint>,
): Binding {
  const namespace = object.metadata.namespace ?? '';
  const request = requestOf(object, objects.get('Namespace', undefined, namespace));
  if (request === undefined) return { kind: 'none' };
  const waypoint = waypoints.get(request.key);
  if (waypoint === undefined) {
    const message = `no Gateway ${request.key} of class ${waypointClass} exists`;
    return { kind: 'refused', reason: 'WaypointNotFound', message };
  }
  if (!serves(waypoint.trafficType, subject)) {
    // A workload that inherits its namespace's label was not asking for itself.
    if (subject === 'workload' && !request.own) return { kind: 'none' };
    const message = `waypoint ${request.key} is for ${waypoint.trafficType} traffic (label ${waypointForLabel}), not for a ${subject}`;
    return { kind: 'refused', reason: 'UnsupportedTrafficType', message };
  }
  if (!admits(waypoint, namespace, objects)) {
    const message = `waypoint ${request.key} does not admit namespace ${namespace}; its listener of port ${hbonePort} has allowedRoutes.namespaces`;
    return { kind: 'refused', reason: 'AttachmentDenied', message };
  }
  if (waypoint.address === undefined) {
    const message = `waypoint ${request.key} has no address yet; until it is ready traffic goes directly, without its routes and policies`;
    return { kind: 'refused', reason: 'WaypointIsNotReady', message };
  }
  return { kind: 'bound', waypoint, address: waypoint.address };
}

/** Whether an object asks for a second waypoint, which is not implemented. */
export function asksForCanary(object: KubernetesObject): boolean {
  return (object.metadata.labels?.[canaryLabel] ?? '') !== '';
}

function requestOf(
  object: KubernetesObject,
  namespace: Namespace | undefined,
): { key: string; own: boolean } | undefined {
  for (const [source, own] of [[object, true] as const, [namespace, false] as const]) {
    const name = source?.metadata.labels?.[useWaypointLabel];
    if (name === undefined || name === '') continue;
    if (name === 'none') return undefined;
    const home = source?.metadata.labels?.[useNamespaceLabel] ?? object.metadata.namespace;
    return { key: objectKey(home, name), own };
  }
  return undefined;
}

function serves(type: TrafficType, subject: 'service' | 'workload'): boolean {
  return type === 'all' || type === subject;
}

function trafficTypeOf(gateway: Gateway, gatewayClass: GatewayClass | undefined): TrafficType {
  const label =
    gateway.metadata.labels?.[waypointForLabel] ??
    gatewayClass?.metadata.labels?.[waypointForLabel];
  return label === 'workload' || label === 'all' || label === 'none' ? label : 'service';
}

function addressOf(gateway: Gateway, network: string): GatewayAddress | undefined {
  const addresses = gateway.status?.addresses ?? [];
  const hostname = addresses.find(({ type }) => type === 'Hostname')?.value;
  if (hostname !== undefined) {
    const namespace = gateway.metadata.namespace ?? '';
    return { destination: { kind: 'hostname', namespace, hostname }, hbonePort };
  }
  for (const { value } of addresses) {
    const address = parseIp(value);
    if (address !== undefined) {
      return { destination: { kind: 'address', network, address }, hbonePort };
    }
  }
  return undefined;
}

/** Whether a waypoint's listener admits objects of a namespace; its own by default. */
function admits(waypoint: Waypoint, namespace: string, objects: ObjectSource): boolean {
  const listener = waypoint.gateway.spec?.listeners?.find(isTunnelListener);
  const rule = listener?.allowedRoutes?.namespaces;
  switch (rule?.from ?? 'Same') {
    case 'All':
      return true;
    case 'Same':
      return namespace === waypoint.namespace;
    case 'Selector':
      return selectsNamespace(rule?.selector, objects.get('Namespace', undefined, namespace));
    default:
      return false;
  }
}

/** Whether a listener is the tunnel of a waypoint. */
export function isTunnelListener(listener: ListenerSpec): boolean {
  return listener.protocol === 'HBONE' && listener.port === hbonePort;
}

function selectsNamespace(
  selector: LabelRequirement | undefined,
  namespace: Namespace | undefined,
): boolean {
  if (selector === undefined || namespace === undefined) return false;
  return matchesLabels(selector, {
    'kubernetes.io/metadata.name': namespace.metadata.name,
    ...namespace.metadata.labels,
  });
}
