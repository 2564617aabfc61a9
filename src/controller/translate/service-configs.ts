// What each waypoint is told about its services: routes, destination rules and policies.

import type { DestinationRules } from '../../mesh/destination.ts';
import type { ServiceConfig } from '../../mesh/route.ts';
import type { Service } from '../../mesh/service.ts';
import { type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import type { DestinationRule, VirtualService } from '../kinds/networking.ts';
import type { Delegates } from './delegates.ts';
import { DestinationRuleUses } from './destination-findings.ts';
import { DestinationRuleIndex } from './destination-rules.ts';
import type { GatewayRoutes } from './gateway-routes.ts';
import { HostIndex } from './host-index.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import type { TargetedPolicies } from './policy-targets.ts';
import { RouteTables } from './route-tables.ts';
import type { RouteUses } from './route-use.ts';
import type { TrafficDefaults } from './traffic-defaults.ts';
import { podLabelsForWaypoint } from './waypoint-labels.ts';
import type { Waypoint } from './waypoints.ts';

/** What configurations are built from; only valid objects. */
export interface ServiceConfigSources {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly waypoints: ReadonlyMap<string, Waypoint>;
  readonly waypointsOf: ReadonlyMap<ServiceKey, readonly string[]>;
  readonly virtualServices: readonly VirtualService[];
  readonly gatewayRoutes: GatewayRoutes;
  readonly destinationRules: readonly DestinationRule[];
  readonly policies: TargetedPolicies;
  /** What the mesh says of all destinations. */
  readonly traffic: TrafficDefaults;
}

export interface ServiceConfigs {
  readonly byWaypoint: ReadonlyMap<string, ReadonlyMap<ServiceKey, ServiceConfig>>;
  readonly uses: RouteUses;
  readonly rules: DestinationRuleIndex;
  readonly ruleUses: DestinationRuleUses;
  readonly hosts: HostIndex;
  readonly delegates: Delegates;
  /** The ports of a service. */
  readonly ports: (key: ServiceKey) => readonly number[];
}

/** Builds the configurations of all waypoints. */
export function buildServiceConfigs(
  sources: ServiceConfigSources,
  mesh: MeshOptions,
): ServiceConfigs {
  const rules = new DestinationRuleIndex(sources.destinationRules, mesh, sources.traffic);
  const ruleUses = new DestinationRuleUses();
  const hosts = new HostIndex(sources.services, mesh);
  const tables = new RouteTables(sources, hosts, mesh);
  const byWaypoint = new Map<string, Map<ServiceKey, ServiceConfig>>();
  for (const [key, waypoint] of sources.waypoints) {
    byWaypoint.set(key, new Map(ownConfig(key, waypoint, sources.policies, mesh)));
  }
  const bound = [...sources.waypointsOf].flatMap(([key, waypointKeys]) =>
    waypointKeys.map((waypointKey) => [key, waypointKey] as const),
  );
  for (const [key, waypointKey] of bound) {
    const service = sources.services.get(key);
    const waypoint = sources.waypoints.get(waypointKey);
    if (service === undefined || waypoint === undefined) continue;
    const destination = ruled(service, waypoint, rules, ruleUses);
    byWaypoint.get(waypointKey)?.set(key, {
      service: key,
      ...tables.of(service, waypoint),
      ...(destination && { destination }),
      policies: sources.policies.policiesFor(waypointKey, key),
    });
  }
  for (const [waypointKey, configs] of byWaypoint) {
    const waypoint = sources.waypoints.get(waypointKey);
    if (waypoint === undefined) continue;
    addDestinations(configs, sources.services, (service) =>
      ruled(service, waypoint, rules, ruleUses),
    );
  }
  const ports = (key: ServiceKey): number[] =>
    (sources.services.get(key)?.ports ?? []).map(({ servicePort }) => servicePort);
  return {
    byWaypoint,
    uses: tables.uses,
    rules,
    ruleUses,
    hosts,
    delegates: tables.delegates,
    ports,
  };
}

/** What DestinationRules say of a service at a waypoint. */
function ruled(
  service: Service,
  { namespace, name, gateway }: Waypoint,
  rules: DestinationRuleIndex,
  uses: DestinationRuleUses,
): DestinationRules | undefined {
  const { hostname } = service;
  const choice = rules.choose(
    {
      hostname,
      namespace: service.namespace,
      prefersPlace: (service.loadBalancing?.routingPreference ?? []).length > 0,
    },
    { namespace, labels: podLabelsForWaypoint(gateway) },
  );
  uses.note(`${hostname} at waypoint ${namespace}/${name}`, choice);
  return choice.rules;
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

/** Adds the services that a waypoint routes to without serving them, for their subsets. */
function addDestinations(
  configs: Map<ServiceKey, ServiceConfig>,
  services: ReadonlyMap<ServiceKey, Service>,
  rulesFor: (service: Service) => DestinationRules | undefined,
): void {
  for (const config of configs.values()) {
    for (const key of destinationsOf(config)) {
      const service = services.get(key);
      if (configs.has(key) || service === undefined) continue;
      const destination = rulesFor(service);
      configs.set(key, {
        service: key,
        routes: [],
        ...(destination && { destination }),
        policies: [],
      });
    }
  }
}

/** Where the routes of a service lead, mirrors included. */
function destinationsOf({ routes, connectionRoutes = [] }: ServiceConfig): Set<ServiceKey> {
  const keys = new Set<ServiceKey>();
  for (const { backends = [], mirrors = [] } of routes) {
    for (const { service } of [...backends, ...mirrors]) keys.add(service);
    for (const { service } of backends.flatMap((one) => one.mirrors ?? [])) keys.add(service);
  }
  for (const { service } of connectionRoutes.flatMap((one) => one.backends)) keys.add(service);
  return keys;
}
