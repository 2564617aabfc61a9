// The services that a Gateway API route is bound to, and what is said of each of its parents (features
// sections 5.2 and 5.2.1).

import type { Service } from '../../mesh/service.ts';
import { type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import type { ParentReference, RouteObject } from '../kinds/gateway-routes.ts';
import { type Condition, objectKey } from '../kinds/object.ts';
import type { Unresolved } from './gateway-backends.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { acceptedCondition } from './valid-versions.ts';

/** What parents are looked up in. */
export interface ParentSources {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly waypointsOf: ReadonlyMap<ServiceKey, unknown>;
  /** By `NAMESPACE/NAME`. */
  readonly waypoints: ReadonlyMap<string, unknown>;
  /** The services of each ServiceEntry, by its key. */
  readonly keysOfEntry: ReadonlyMap<string, readonly ServiceKey[]>;
  /** The port of a Service by the name of the port. */
  readonly portNamed: (namespace: string, name: string, port: string) => number | undefined;
}

/** What to say of one parent of a route. */
export interface ParentReport {
  readonly parentRef: ParentReference;
  readonly conditions: readonly Condition[];
}

/** What to say of one route. */
export interface RouteReport {
  readonly object: RouteObject;
  /** Those that are services; other controllers see to the rest. */
  readonly parents: readonly ParentReport[];
  readonly problems: readonly Unresolved[];
  /** References into other namespaces that no grant permits; they work in the mesh all the same. */
  readonly ungranted: readonly string[];
}

/** A service that a route is bound to, and what restricts it there. */
export interface Binding {
  readonly service: ServiceKey;
  readonly port?: number;
  /** Of a route in another namespace than its service: for its own clients only. */
  readonly clients?: string;
}

/** Binds a route to one parent; undefined when the parent is not a service. */
export function bindParent(
  parentRef: ParentReference,
  object: RouteObject,
  sources: ParentSources,
  mesh: MeshOptions,
):
  | { readonly bindings: readonly Binding[]; readonly conditions: readonly Condition[] }
  | undefined {
  const { kind, name } = parentRef;
  const home = object.metadata.namespace ?? '';
  const namespace = parentRef.namespace ?? home;
  if (!isMeshParent(parentRef)) return refuseWaypoint(parentRef, object, sources);
  const isService = kind === 'Service';
  const key = serviceKey(namespace, serviceHostname(namespace, name, mesh));
  const keys = isService ? [key] : (sources.keysOfEntry.get(objectKey(namespace, name)) ?? []);
  const services = keys.flatMap((one) => sources.services.get(one) ?? []);
  const refuse = (message: string) => ({
    bindings: [],
    conditions: [condition('Accepted', false, 'NoMatchingParent', message)],
  });
  if (services.length === 0) return refuse(`AMB1628 ${kind} ${namespace}/${name} does not exist`);
  const { sectionName } = parentRef;
  const port = parentRef.port ?? sources.portNamed(namespace, name, sectionName ?? '');
  if (sectionName !== undefined && port === undefined) {
    return refuse(`AMB1628 ${kind} ${namespace}/${name} has no port named ${sectionName}`);
  }
  if (
    port !== undefined &&
    !services.some((one) => one.ports.some((own) => own.servicePort === port))
  ) {
    return refuse(`AMB1628 ${kind} ${namespace}/${name} has no port ${port}`);
  }
  const clients = namespace === home ? {} : { clients: home };
  const bindings = services.map((service) => ({
    service: serviceKey(service.namespace, service.hostname),
    ...(port !== undefined && { port }),
    ...clients,
  }));
  const only = namespace === home ? '' : `, for clients of namespace ${home}`;
  const accepted = condition(
    'Accepted',
    true,
    'Accepted',
    `bound to ${kind} ${namespace}/${name}${only}`,
  );
  return { bindings, conditions: [accepted, resolvedWaypoints(bindings, sources)] };
}

/** A waypoint takes no routes by itself; of other gateways their controllers speak. */
function refuseWaypoint(
  { group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace, name }: ParentReference,
  { metadata }: RouteObject,
  { waypoints }: ParentSources,
):
  | { readonly bindings: readonly Binding[]; readonly conditions: readonly Condition[] }
  | undefined {
  const key = objectKey(namespace ?? metadata.namespace, name);
  const isOwn = group === 'gateway.networking.k8s.io' && kind === 'Gateway' && waypoints.has(key);
  if (!isOwn) return undefined;
  const message = `AMB1628 Gateway ${key} is a waypoint, which takes routes by their services: write a parentRef with group "" and kind Service`;
  return {
    bindings: [],
    conditions: [condition('Accepted', false, 'NoMatchingParent', message)],
  };
}

/** What is said of the parents of a route that is not valid. */
export function reportInvalid(object: RouteObject): RouteReport {
  const message = `not valid; see condition ${acceptedCondition}`;
  const conditions = [condition('Accepted', false, 'UnsupportedValue', message)];
  const parents = (object.spec?.parentRefs ?? [])
    .filter(isMeshParent)
    .map((parentRef) => ({ parentRef, conditions }));
  return { object, parents, problems: [], ungranted: [] };
}

/** Whether a parent is a service, not a gateway. */
function isMeshParent({ group, kind }: ParentReference): boolean {
  return (
    (group === '' && kind === 'Service') ||
    (group === 'networking.istio.io' && kind === 'ServiceEntry')
  );
}

/** Istio's own condition: without a waypoint the route has no effect. */
function resolvedWaypoints(
  bindings: readonly Binding[],
  { waypointsOf }: ParentSources,
): Condition {
  const without = bindings.filter(({ service }) => !waypointsOf.has(service));
  if (without.length === 0) {
    return condition('ResolvedWaypoints', true, 'ResolvedWaypoints', 'a waypoint serves it');
  }
  const message = `AMB1615 no waypoint serves ${without.map(({ service }) => service).join(', ')}, so the route has no effect; label the Service or its namespace with istio.io/use-waypoint`;
  return condition('ResolvedWaypoints', false, 'MissingUseWaypointLabel', message);
}

/** Gateway API's condition on references. */
export function resolvedRefs(problems: readonly Unresolved[]): Condition {
  const [first] = problems;
  if (first === undefined) {
    return condition('ResolvedRefs', true, 'ResolvedRefs', 'all references lead to something');
  }
  const texts = problems.map(({ text }) => text).join('; ');
  return condition('ResolvedRefs', false, first.reason, `AMB1607 ${texts}`);
}

function condition(type: string, good: boolean, reason: string, message: string): Condition {
  return { type, status: good ? 'True' : 'False', reason, message };
}
