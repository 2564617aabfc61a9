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
export type Binding = { readonly kind: 'none' } | Bound | Refused;

export interface Bound {
  readonly kind: 'bound';
  readonly waypoint: Waypoint;
  readonly address: GatewayAddress;
}

export interface Refused {
  readonly kind: 'refused';
  readonly reason: BindingRefusal;
  readonly message: string;
  /** What was asked for, which may not exist. */
  readonly asked: WaypointName;
}

export interface WaypointName {
  readonly namespace: string;
  readonly name: string;
}

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

/** Whether a class makes waypoints that this controller runs: its controllerName tells, and where there is no
 * such class yet, its name. */
export function isWaypointClass(name: string, gatewayClass: GatewayClass | undefined): boolean {
  const controller = gatewayClass?.spec?.controllerName;
  return controller === undefined ? name === waypointClass : controller === waypointController;
}

/** Resolves the waypoint of a service or workload from its labels and its namespace's. */
export function bindWaypoint(
  object: KubernetesObject,
  subject: 'service' | 'workload',
  objects: ObjectSource,
  waypoints: ReadonlyMap<string, Waypoint>,
): Binding {
  const { namespace = '' } = object.metadata;
  const request = requestOf(object, objects.get('Namespace', undefined, namespace));
  if (request === undefined) return { kind: 'none' };
  const { asked, own } = request;
  const type = waypoints.get(objectKey(asked.namespace, asked.name))?.trafficType ?? 'service';
  // A workload that inherits its namespace's label was not asking for itself.
  if (subject === 'workload' && !own && !serves(type, subject)) return { kind: 'none' };
  return attachTo(asked, namespace, subject, objects, waypoints);
}

/** Whether a waypoint takes a service or workload of a namespace. */
export function attachTo(
  asked: WaypointName,
  namespace: string,
  subject: 'service' | 'workload',
  objects: ObjectSource,
  waypoints: ReadonlyMap<string, Waypoint>,
): Bound | Refused {
  const key = objectKey(asked.namespace, asked.name);
  const waypoint = waypoints.get(key);
  const refuse = (reason: BindingRefusal, message: string): Refused => ({
    kind: 'refused',
    reason,
    message,
    asked,
  });
  if (waypoint === undefined) {
    return refuse('WaypointNotFound', `no Gateway ${key} of class ${waypointClass} exists`);
  }
  if (!serves(waypoint.trafficType, subject)) {
    return refuse(
      'UnsupportedTrafficType',
      `waypoint ${key} is for ${waypoint.trafficType} traffic (label ${waypointForLabel}), not for a ${subject}`,
    );
  }
  if (!admits(waypoint, namespace, objects)) {
    return refuse(
      'AttachmentDenied',
      `waypoint ${key} does not admit namespace ${namespace}; its listener of port ${hbonePort} has allowedRoutes.namespaces`,
    );
  }
  if (waypoint.address === undefined) {
    return refuse('WaypointIsNotReady', `waypoint ${key} has no address yet`);
  }
  return { kind: 'bound', waypoint, address: waypoint.address };
}

/** Whether an object asks for a waypoint by a label of its own. */
export function asksItself({ metadata }: KubernetesObject): boolean {
  return (metadata.labels?.[useWaypointLabel] ?? '') !== '';
}

function requestOf(
  object: KubernetesObject,
  namespace: Namespace | undefined,
): { asked: WaypointName; own: boolean } | undefined {
  const source = asksItself(object) ? object : namespace;
  const name = source?.metadata.labels?.[useWaypointLabel] ?? '';
  if (name === '' || name === 'none') return undefined;
  const home = source?.metadata.labels?.[useNamespaceLabel] ?? object.metadata.namespace ?? '';
  return { asked: { namespace: home, name }, own: source === object };
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
