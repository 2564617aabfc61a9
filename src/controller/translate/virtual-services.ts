// VirtualService http routes to entries of a route table (features section 1.1).

import type { HttpRoute, RouteBackend } from '../../mesh/route.ts';
import type {
  HttpRouteDestinationSpec,
  HttpRouteSpec,
  VirtualService,
} from '../kinds/networking.ts';
import { type Delegates, type ExpandedRoute, expandRoutes } from './delegates.ts';
import { parseDuration } from './durations.ts';
import type { HostLookup, ScopedHostLookup } from './host-index.ts';
import {
  translateCors,
  translateDestination,
  translateFault,
  translateHeaders,
  translateMirrors,
  translateRedirect,
  translateRetries,
  translateRewrite,
} from './route-actions.ts';
import { translateMatch } from './route-matches.ts';

/** Translates the HTTP routes of a valid VirtualService, in order, with those of its delegates in
 * their places. Routes and match entries for other gateways than the mesh are left out. */
export function translateVirtualService(
  object: VirtualService,
  lookup: ScopedHostLookup,
  delegates: Delegates = new Map(),
): HttpRoute[] {
  return expandRoutes(object, delegates).routes.flatMap((route) => translateRoute(route, lookup));
}

/** Whether a VirtualService or one of its match entries concerns traffic within the mesh. */
export function forMesh(holder: { readonly gateways?: readonly string[] }): boolean {
  const { gateways } = holder;
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

function translateRoute(
  { spec, origin, namespace }: ExpandedRoute,
  scoped: ScopedHostLookup,
): HttpRoute[] {
  const matches = (spec.match ?? []).filter(forMesh);
  if (matches.length === 0 && (spec.match ?? []).length > 0) return [];
  const lookup: HostLookup = (host) => scoped(host, namespace);
  const fault = spec.fault && translateFault(spec.fault);
  const timeoutMs = spec.timeout === undefined ? undefined : parseDuration(spec.timeout);
  const rewrite = translateRewrite(spec.rewrite);
  const mirrors = translateMirrors(spec, lookup);
  return [
    {
      origin,
      ...(spec.name && { name: spec.name }),
      matches: matches.map(translateMatch),
      ...actionOf(spec, lookup),
      ...(rewrite && { rewrite }),
      ...(fault && { fault }),
      ...(timeoutMs && { timeoutMs }),
      ...(spec.retries && { retries: translateRetries(spec.retries) }),
      ...translateHeaders(spec.headers),
      ...(mirrors.length > 0 && { mirrors }),
      ...(spec.corsPolicy && { cors: translateCors(spec.corsPolicy) }),
    },
  ];
}

function actionOf(
  spec: HttpRouteSpec,
  lookup: HostLookup,
): Pick<HttpRoute, 'backends' | 'redirect' | 'directResponse'> {
  if (spec.redirect !== undefined) return { redirect: translateRedirect(spec.redirect) };
  if (spec.directResponse !== undefined) {
    const { status = 200, body } = spec.directResponse;
    const text =
      body?.string ?? (body?.bytes && Buffer.from(body.bytes, 'base64').toString('utf8'));
    return { directResponse: { status, ...(text !== undefined && { body: text }) } };
  }
  const route = spec.route ?? [];
  return { backends: route.map((entry) => translateBackend(entry, route.length === 1, lookup)) };
}

/** The weight of a single destination does not count. */
function translateBackend(
  entry: HttpRouteDestinationSpec,
  single: boolean,
  lookup: HostLookup,
): RouteBackend {
  return {
    ...translateDestination(entry.destination ?? {}, lookup),
    weight: single ? 1 : (entry.weight ?? 0),
    ...translateHeaders(entry.headers),
  };
}
