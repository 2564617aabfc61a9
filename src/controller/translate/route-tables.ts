// The one ordered table of routes that each service has at its waypoint, merged from all objects that
// name it, and the use that was made of each object.
//
// VirtualServices come first: of those whose hosts cover the service the ones that name it most
// closely, then the oldest; all of them count, one after another. Routes of the Gateway API follow, in
// their own order (gateway-route-order.ts).

import type { ConnectionRoute, HttpRoute } from '../../mesh/route.ts';
import { coveredMatches } from '../../mesh/route-coverage.ts';
import type { Service } from '../../mesh/service.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import type { VirtualService } from '../kinds/networking.ts';
import { byAge, describeObject, keyOf } from '../kinds/object.ts';
import { translateConnectionRoutes } from './connection-routes.ts';
import { type Delegates, expandRoutes, isDelegate } from './delegates.ts';
import type { GatewayRoutes } from './gateway-routes.ts';
import type { HostIndex } from './host-index.ts';
import { exportsTo, hostCloseness, hostCovers, resolveHost } from './hostnames.ts';
import type { MeshOptions } from './mesh-options.ts';
import { type OwnedRoute, type RouteUse, type RouteUses, useOf } from './route-use.ts';
import { forMesh, translateVirtualService } from './virtual-services.ts';
import type { Waypoint } from './waypoints.ts';

export interface RouteSources {
  readonly virtualServices: readonly VirtualService[];
  readonly gatewayRoutes: GatewayRoutes;
}

export class RouteTables {
  readonly #candidates = new CandidateIndex();
  readonly delegates: Delegates;
  readonly #gatewayRoutes: GatewayRoutes;
  readonly #hosts: HostIndex;
  readonly #uses = new Map<string, RouteUse>();

  constructor(sources: RouteSources, hosts: HostIndex, mesh: MeshOptions) {
    for (const object of [...sources.virtualServices].sort(byAge)) {
      if (forMesh(object.spec ?? {}) && !isDelegate(object)) this.#candidates.add(object, mesh);
    }
    this.delegates = new Map(sources.virtualServices.map((one) => [keyOf(one), one]));
    this.#gatewayRoutes = sources.gatewayRoutes;
    this.#hosts = hosts;
  }

  get uses(): RouteUses {
    return this.#uses;
  }

  /** The tables of one service at its waypoint. */
  of(
    service: Service,
    waypoint: Waypoint,
  ): { routes: readonly HttpRoute[]; connectionRoutes?: readonly ConnectionRoute[] } {
    const objects = this.#objectsFor(service, waypoint);
    const key: ServiceKey = `${service.namespace}/${service.hostname}`;
    const http = [
      ...objects.flatMap((owner) => this.#httpRoutesOf(owner)),
      ...this.#gatewayRoutes.http(key),
    ];
    const connections = [
      ...objects.flatMap((owner) => this.#connectionRoutesOf(owner)),
      ...this.#gatewayRoutes.connections(key),
    ];
    const place = `${service.hostname} at waypoint ${waypoint.namespace}/${waypoint.name}`;
    for (const owner of new Set([...http, ...connections].map((one) => one.owner))) {
      useOf(this.#uses, owner).inForce.push(place);
    }
    for (const { owner, route } of [...http, ...connections]) {
      useOf(this.#uses, owner).matches += Math.max(1, route.matches.length);
    }
    this.#noteShadowed(http, service);
    const connectionRoutes = connections.map(({ route }) => route);
    return {
      routes: http.map(({ route }) => route),
      ...(connectionRoutes.length > 0 && { connectionRoutes }),
    };
  }

  #httpRoutesOf(owner: VirtualService): OwnedRoute[] {
    for (const key of expandRoutes(owner, this.delegates).used) {
      const delegate = this.delegates.get(key);
      if (delegate === undefined) continue;
      const { inForce } = useOf(this.#uses, delegate);
      if (!inForce.includes(describeObject(owner))) inForce.push(describeObject(owner));
    }
    return translateVirtualService(
      owner,
      (host, namespace) => this.#hosts.keyFor(host, namespace),
      this.delegates,
    ).map((route) => ({ route, owner }));
  }

  #connectionRoutesOf(owner: VirtualService): OwnedRoute<ConnectionRoute>[] {
    const namespace = owner.metadata.namespace ?? '';
    const lookup = (host: string): ServiceKey => this.#hosts.keyFor(host, namespace);
    return translateConnectionRoutes(owner, lookup).map((route) => ({ route, owner }));
  }

  #objectsFor(service: Service, waypoint: Waypoint): VirtualService[] {
    return this.#candidates.of(service).filter((object) => {
      const outside = outsideReason(object, service, waypoint);
      if (outside !== undefined) useOf(this.#uses, object).outside.push(outside);
      return outside === undefined;
    });
  }

  #noteShadowed(routes: readonly OwnedRoute[], { hostname }: Service): void {
    const covered = coveredMatches(routes.map(({ route }) => route));
    for (const { route: index, match, by } of covered) {
      const owned = routes[index];
      if (owned === undefined) continue;
      const { origin, matches } = owned.route;
      const part = match === undefined || matches.length < 2 ? origin : `${origin}.match[${match}]`;
      useOf(this.#uses, owned.owner).shadowed.push(
        `${part} is never reached for ${hostname}, as ${by} takes its requests first`,
      );
    }
  }
}

interface Candidate {
  readonly object: VirtualService;
  readonly host: string;
  /** Its place among all, the oldest first. */
  readonly age: number;
}

/** VirtualServices by the hosts that they name, so that few are looked at for one service. */
class CandidateIndex {
  readonly #exact = new Map<string, Candidate[]>();
  readonly #wide: Candidate[] = [];
  #next = 0;

  /** The oldest are to be added first. */
  add(object: VirtualService, mesh: MeshOptions): void {
    const age = this.#next++;
    for (const named of object.spec?.hosts ?? []) {
      const host = resolveHost(named, object.metadata.namespace ?? '', mesh);
      const candidate = { object, host, age };
      const list = host.startsWith('*') ? this.#wide : (this.#exact.get(host) ?? []);
      if (list !== this.#wide) this.#exact.set(host, list);
      list.push(candidate);
    }
  }

  /** Those that name a service or one of its addresses: the closest first, then the oldest. */
  of({ hostname, addresses }: Service): VirtualService[] {
    const found = [
      ...(this.#exact.get(hostname) ?? []),
      ...addresses.flatMap(({ address }) => this.#exact.get(address) ?? []),
      ...this.#wide.filter(({ host }) => hostCovers(host, hostname)),
    ].sort(
      (left, right) => hostCloseness(right.host) - hostCloseness(left.host) || left.age - right.age,
    );
    return [...new Set(found.map(({ object }) => object))];
  }
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
