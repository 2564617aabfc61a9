// Routes of the Gateway API at the services that they are bound to: parents, their conditions, and the
// entries that they add (features sections 5.2 to 5.4).

import type { ConnectionRoute, HttpRoute, RouteBackend } from '../../mesh/route.ts';
import { type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import type {
  ConnectionRouteObject,
  GrpcRouteObject,
  HttpRouteObject,
  ReferenceGrant,
  RouteObject,
} from '../kinds/gateway-routes.ts';
import { byAge, describeObject } from '../kinds/object.ts';
import {
  type BackendSources,
  lacksGrant,
  resolveBackend,
  type Unresolved,
} from './gateway-backends.ts';
import {
  type Binding,
  bindParent,
  type ParentReport,
  type ParentSources,
  type RouteReport,
  resolvedRefs,
} from './gateway-parents.ts';
import {
  type ResolveReference,
  translateGrpcRoute,
  translateHttpRoute,
} from './gateway-route-entries.ts';
import { byCloseness } from './gateway-route-order.ts';
import type { MeshOptions } from './mesh-options.ts';
import type { OwnedRoute } from './route-use.ts';

/** What routes are attached by; only valid objects. */
export interface GatewayRouteSources extends ParentSources {
  readonly httpRoutes: readonly HttpRouteObject[];
  readonly grpcRoutes: readonly GrpcRouteObject[];
  readonly tcpRoutes: readonly ConnectionRouteObject[];
  readonly tlsRoutes: readonly ConnectionRouteObject[];
  readonly grants: readonly ReferenceGrant[];
}

export interface GatewayRoutes {
  /** The entries of a service for requests, in order. */
  http(key: ServiceKey): readonly OwnedRoute[];
  /** The entries of a service for connections, in order. */
  connections(key: ServiceKey): readonly OwnedRoute<ConnectionRoute>[];
  readonly reports: readonly RouteReport[];
}

/** Attaches all routes to their parents. */
export function attachRoutes(sources: GatewayRouteSources, mesh: MeshOptions): GatewayRoutes {
  const http = new Map<ServiceKey, OwnedRoute[]>();
  const connections = new Map<ServiceKey, OwnedRoute<ConnectionRoute>[]>();
  const reports: RouteReport[] = [];
  const attach = <T extends RouteObject, Entry>(
    object: T,
    table: Map<ServiceKey, OwnedRoute<Entry>[]>,
    translate: (
      resolve: ResolveReference,
      nobody: ServiceKey,
    ) => {
      readonly routes: readonly Entry[];
      readonly problems: readonly Unresolved[];
    },
    restrict: (entry: Entry, binding: Binding) => Entry,
  ): void => {
    const backends = backendSources(sources);
    const nobody = serviceKey(object.metadata.namespace ?? '', 'invalid');
    const { routes, problems } = translate(
      (reference) => resolveBackend(reference, object, backends, mesh),
      nobody,
    );
    const parents: ParentReport[] = [];
    for (const parentRef of object.spec?.parentRefs ?? []) {
      const bound = bindParent(parentRef, object, sources, mesh);
      if (bound === undefined) continue;
      const { bindings, conditions } = bound;
      parents.push({ parentRef, conditions: [...conditions, resolvedRefs(problems)] });
      for (const binding of bindings) {
        const list = table.get(binding.service) ?? [];
        table.set(binding.service, list);
        for (const route of routes) list.push({ route: restrict(route, binding), owner: object });
      }
    }
    const ungranted = (object.spec?.rules ?? []).flatMap(({ backendRefs = [] }, index) =>
      backendRefs
        .filter((one) => lacksGrant(one, object, sources.grants))
        .map(
          (one) => `spec.rules[${index}]: ${one.kind ?? 'Service'} ${one.namespace}/${one.name}`,
        ),
    );
    reports.push({ object, parents, problems, ungranted });
  };
  for (const object of sources.httpRoutes) {
    attach(object, http, (...given) => translateHttpRoute(object, ...given), restrictHttp);
  }
  for (const object of sources.grpcRoutes) {
    attach(object, http, (...given) => translateGrpcRoute(object, ...given), restrictHttp);
  }
  const byKind = [...[...sources.tlsRoutes].sort(byAge), ...[...sources.tcpRoutes].sort(byAge)];
  for (const object of byKind) {
    attach(object, connections, (...given) => translateRules(object, ...given), restrictConnection);
  }
  for (const list of http.values()) list.sort(byCloseness);
  return {
    http: (key) => http.get(key) ?? [],
    connections: (key) => connections.get(key) ?? [],
    reports,
  };
}

function restrictHttp(route: HttpRoute, { port, clients }: Binding): HttpRoute {
  if (port === undefined && clients === undefined) return route;
  const limits = {
    ...(port !== undefined && { port }),
    ...(clients !== undefined && { sourceNamespace: clients }),
  };
  const matches = route.matches.length === 0 ? [{}] : route.matches;
  return { ...route, matches: matches.map((match) => ({ ...match, ...limits })) };
}

function restrictConnection(route: ConnectionRoute, { port, clients }: Binding): ConnectionRoute {
  if (port === undefined && clients === undefined) return route;
  const limits = {
    ...(port !== undefined && { port }),
    ...(clients !== undefined && { sourceNamespace: clients }),
  };
  const matches = route.matches.length === 0 ? [{}] : route.matches;
  return { ...route, matches: matches.map((match) => ({ ...match, ...limits })) };
}

/** The rules of a TCPRoute or TLSRoute. */
function translateRules(
  object: ConnectionRouteObject,
  resolve: ResolveReference,
  nobody: ServiceKey,
): { routes: readonly ConnectionRoute[]; problems: readonly Unresolved[] } {
  const problems: Unresolved[] = [];
  const sniHosts = object.kind === 'TLSRoute' ? (object.spec?.hostnames ?? []) : [];
  const routes = (object.spec?.rules ?? []).map((rule, index): ConnectionRoute => {
    const backends = (rule.backendRefs ?? []).map((reference): RouteBackend => {
      const resolved = resolve(reference);
      const weight = reference.weight ?? 1;
      if (resolved.kind === 'unresolved') {
        const text = `spec.rules[${index}]: ${resolved.text}`;
        problems.push({ reason: resolved.reason, text });
        return { service: nobody, weight, unresolved: resolved.text };
      }
      const { service, port } = resolved;
      return { service, ...(port !== undefined && { port }), weight };
    });
    const none = {
      service: nobody,
      weight: 1,
      unresolved: 'the rule has no backendRefs with a weight',
    };
    return {
      origin: `${describeObject(object)} rules[${index}]`,
      matches: sniHosts.length === 0 ? [] : [{ sniHosts }],
      backends: backends.some(({ weight }) => weight > 0) ? backends : [none],
    };
  });
  return { routes, problems };
}

function backendSources({ services, keysOfEntry, grants }: GatewayRouteSources): BackendSources {
  return {
    hasService: (key) => services.has(key),
    portsOf: (key) => (services.get(key)?.ports ?? []).map(({ servicePort }) => servicePort),
    keysOfEntry,
    byHostname: (hostname) =>
      [...services].find(([, service]) => service.hostname === hostname)?.[0],
    grants,
  };
}
