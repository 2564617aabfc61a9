// What each waypoint is told about its services: routes, destination rules and policies. One
// VirtualService counts per service: the one that names its host most closely, of these the oldest.

import type { HttpRoute, ServiceConfig } from '../../mesh/route.ts';
import type { Service } from '../../mesh/service.ts';
import { type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import type { DestinationRule, VirtualService } from '../kinds/networking.ts';
import { byAge, keyOf } from '../kinds/object.ts';
import { DestinationRuleIndex } from './destination-rules.ts';
import { exportsTo, hostCloseness, hostCovers, namespaceOfHost, resolveHost } from './hostnames.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import type { TargetedPolicies } from './policy-targets.ts';
import { forMesh, translateVirtualService } from './virtual-services.ts';
import type { Waypoint } from './waypoints.ts';

/** What configurations are built from; only valid objects. */
export interface ServiceConfigSources {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly waypoints: ReadonlyMap<string, Waypoint>;
  readonly waypointOf: ReadonlyMap<ServiceKey, string>;
  readonly virtualServices: readonly VirtualService[];
  readonly destinationRules: readonly DestinationRule[];
  readonly policies: TargetedPolicies;
}

/** The use that was made of a VirtualService, for its author. */
export interface VirtualServiceUse {
  /** `SERVICE at WAYPOINT`. */
  readonly inForce: string[];
  /** Services that another VirtualService has, with its name. */
  readonly shadowedBy: string[];
  /** Services whose waypoint does not look at this VirtualService, and why. */
  readonly outside: string[];
}

export interface ServiceConfigs {
  readonly byWaypoint: ReadonlyMap<string, ReadonlyMap<ServiceKey, ServiceConfig>>;
  /** By the key of the VirtualService. */
  readonly uses: ReadonlyMap<string, VirtualServiceUse>;
  readonly rules: DestinationRuleIndex;
  readonly hosts: HostIndex;
}

/** Builds the configurations of all waypoints. */
export function buildServiceConfigs(
  sources: ServiceConfigSources,
  mesh: MeshOptions,
): ServiceConfigs {
  const rules = new DestinationRuleIndex(sources.destinationRules, mesh);
  const hosts = new HostIndex(sources.services, mesh);
  const candidates = [...sources.virtualServices]
    .sort(byAge)
    .filter((one) => forMesh(one.spec ?? {}));
  const uses = new Map<string, VirtualServiceUse>();
  const byWaypoint = new Map<string, Map<ServiceKey, ServiceConfig>>();
  for (const [key, waypoint] of sources.waypoints) {
    byWaypoint.set(key, new Map(ownConfig(key, waypoint, sources.policies, mesh)));
  }
  for (const [key, waypointKey] of sources.waypointOf) {
    const service = sources.services.get(key);
    const waypoint = sources.waypoints.get(waypointKey);
    if (service === undefined || waypoint === undefined) continue;
    const routes = routesOf(service, waypoint, candidates, uses, hosts, mesh);
    const destination = rules.find(service.hostname, service.namespace, waypoint.namespace);
    byWaypoint.get(waypointKey)?.set(key, {
      service: key,
      routes,
      ...(destination && { destination }),
      policies: sources.policies.policiesFor(waypointKey, key),
    });
  }
  for (const [waypointKey, configs] of byWaypoint) {
    const namespace = sources.waypoints.get(waypointKey)?.namespace ?? '';
    addDestinations(configs, sources.services, rules, namespace);
  }
  return { byWaypoint, uses, rules, hosts };
}

/** What holds for traffic that is addressed to workloads: the policies of the waypoint as a whole, under
 * the name of its own service. */
function ownConfig(
  waypointKey: string,
  { namespace, name, trafficType }: Waypoint,
  policies: TargetedPolicies,
  mesh: MeshOptions,
): [ServiceKey, ServiceConfig][] {
  if (trafficType !== 'workload' && trafficType !== 'all') return [];
  const service = serviceKey(namespace, serviceHostname(namespace, name, mesh));
  return [[service, { service, routes: [], policies: policies.policiesFor(waypointKey, service) }]];
}

/** Services by host name, as routes refer to them. */
export class HostIndex {
  readonly #byHost = new Map<string, ServiceKey>();
  readonly #mesh: MeshOptions;

  constructor(services: ReadonlyMap<ServiceKey, Service>, mesh: MeshOptions) {
    this.#mesh = mesh;
    for (const [key, service] of services) this.#byHost.set(service.hostname, key);
  }

  /** The service that a host means for an object of a namespace, if it exists. */
  find(host: string, namespace: string): ServiceKey | undefined {
    return this.#byHost.get(resolveHost(host, namespace, this.#mesh));
  }

  /** The same, with a key of its own for a service that does not exist, so that the waypoint answers
   * by name that it has no endpoints. */
  keyFor(host: string, namespace: string): ServiceKey {
    const hostname = resolveHost(host, namespace, this.#mesh);
    const found = this.#byHost.get(hostname);
    return found ?? serviceKey(namespaceOfHost(hostname, this.#mesh) ?? namespace, hostname);
  }
}

function routesOf(
  service: Service,
  waypoint: Waypoint,
  candidates: readonly VirtualService[],
  uses: Map<string, VirtualServiceUse>,
  hosts: HostIndex,
  mesh: MeshOptions,
): HttpRoute[] {
  const matching = candidates
    .map((object) => ({ object, closeness: closenessTo(object, service, mesh) }))
    .filter(({ object, closeness }) => {
      if (closeness === 0) return false;
      const outside = outsideReason(object, service, waypoint);
      if (outside !== undefined) useOf(uses, object).outside.push(outside);
      return outside === undefined;
    })
    .sort((left, right) => right.closeness - left.closeness);
  const [winner, ...losers] = matching;
  if (winner === undefined) return [];
  useOf(uses, winner.object).inForce.push(
    `${service.hostname} at waypoint ${waypoint.namespace}/${waypoint.name}`,
  );
  for (const { object } of losers) {
    useOf(uses, object).shadowedBy.push(
      `${service.hostname} has VirtualService ${keyOf(winner.object)}`,
    );
  }
  const namespace = winner.object.metadata.namespace ?? '';
  return translateVirtualService(winner.object, (host) => hosts.keyFor(host, namespace));
}

/** How closely a VirtualService names a service; 0 when it does not. */
function closenessTo(object: VirtualService, service: Service, mesh: MeshOptions): number {
  const namespace = object.metadata.namespace ?? '';
  return Math.max(
    0,
    ...(object.spec?.hosts ?? [])
      .map((host) => resolveHost(host, namespace, mesh))
      .filter((host) => hostCovers(host, service.hostname))
      .map(hostCloseness),
  );
}

/** Why a waypoint does not look at a VirtualService that names its service (features section
 * 1.1.2); undefined when it does. */
function outsideReason(
  object: VirtualService,
  service: Service,
  waypoint: Waypoint,
): string | undefined {
  const namespace = object.metadata.namespace ?? '';
  if (namespace !== waypoint.namespace && namespace !== service.namespace) {
    const places = [...new Set([service.namespace, waypoint.namespace])].join(' or ');
    return `${service.hostname} takes routes from namespace ${places}, not from ${namespace}`;
  }
  if (exportsTo(object.spec?.exportTo, namespace, waypoint.namespace)) return undefined;
  return `spec.exportTo does not include ${waypoint.namespace}, the namespace of the waypoint of ${service.hostname}`;
}

function useOf(uses: Map<string, VirtualServiceUse>, object: VirtualService): VirtualServiceUse {
  const key = keyOf(object);
  let use = uses.get(key);
  if (use === undefined) {
    use = { inForce: [], shadowedBy: [], outside: [] };
    uses.set(key, use);
  }
  return use;
}

/** Adds the services that a waypoint routes to without serving them, for their subsets. */
function addDestinations(
  configs: Map<ServiceKey, ServiceConfig>,
  services: ReadonlyMap<ServiceKey, Service>,
  rules: DestinationRuleIndex,
  waypointNamespace: string,
): void {
  for (const config of configs.values()) {
    for (const { service: key } of config.routes.flatMap((route) => route.backends ?? [])) {
      const service = services.get(key);
      if (configs.has(key) || service === undefined) continue;
      const destination = rules.find(service.hostname, service.namespace, waypointNamespace);
      configs.set(key, {
        service: key,
        routes: [],
        ...(destination && { destination }),
        policies: [],
      });
    }
  }
}
