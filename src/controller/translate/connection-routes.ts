// The tls and tcp routes of a VirtualService as the route model has them (features section 1.1.11).

import type { ConnectionMatch, ConnectionRoute, RouteBackend } from '../../mesh/route.ts';
import type {
  ConnectionMatchSpec,
  ConnectionRouteSpec,
  HttpRouteDestinationSpec,
  VirtualService,
} from '../kinds/networking.ts';
import { describeObject } from '../kinds/object.ts';
import type { HostLookup } from './host-index.ts';
import { translateDestination } from './route-actions.ts';
import { forMesh } from './virtual-services.ts';

/** Translates them: all of `tls` before all of `tcp`. */
export function translateConnectionRoutes(
  object: VirtualService,
  lookup: HostLookup,
): ConnectionRoute[] {
  return (['tls', 'tcp'] as const).flatMap((field) =>
    (object.spec?.[field] ?? []).flatMap((spec, index) =>
      translateOne(spec, `${describeObject(object)} ${field}[${index}]`, lookup),
    ),
  );
}

function translateOne(
  spec: ConnectionRouteSpec,
  origin: string,
  lookup: HostLookup,
): ConnectionRoute[] {
  const matches = (spec.match ?? []).filter(forMesh);
  if (matches.length === 0 && (spec.match ?? []).length > 0) return [];
  const route = spec.route ?? [];
  const backends = route.map((entry) => translateBackend(entry, route.length === 1, lookup));
  return [{ origin, matches: matches.map(translateMatch), backends }];
}

function translateMatch(spec: ConnectionMatchSpec): ConnectionMatch {
  const { sniHosts, destinationSubnets = [], port, sourceLabels = {}, sourceNamespace } = spec;
  return {
    ...(sniHosts && { sniHosts: sniHosts.map((host) => host.toLowerCase()) }),
    ...(destinationSubnets.length > 0 && { destinationSubnets }),
    ...(port && { port }),
    ...(Object.keys(sourceLabels).length > 0 && { sourceLabels }),
    ...(sourceNamespace && { sourceNamespace }),
  };
}

/** The weight of a single destination does not count. */
function translateBackend(
  { destination, weight }: HttpRouteDestinationSpec,
  single: boolean,
  lookup: HostLookup,
): RouteBackend {
  return {
    ...translateDestination(destination ?? {}, lookup),
    weight: single ? 1 : (weight ?? 0),
  };
}
