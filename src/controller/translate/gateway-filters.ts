// Filters of Gateway API routes as actions of the route model (features section 5.3.2).

import type {
  CorsPolicy,
  HeaderOperations,
  HttpRoute,
  Mirror,
  Redirect,
  Rewrite,
} from '../../mesh/route.ts';
import type {
  BackendReference,
  HeaderModifier,
  NamedValue,
  PathModifier,
  RouteFilter,
} from '../kinds/gateway-routes.ts';
import type { ResolvedBackend, Unresolved } from './gateway-backends.ts';

/** What a list of filters does. */
export interface FilterActions
  extends Pick<HttpRoute, 'requestHeaders' | 'responseHeaders' | 'redirect' | 'rewrite' | 'cors'> {
  readonly mirrors?: readonly Mirror[];
}

/** Translates filters; those that this mesh has not, and mirrors that lead nowhere, are named. */
export function translateFilters(
  filters: readonly RouteFilter[],
  resolve: (reference: BackendReference) => ResolvedBackend,
): { readonly actions: FilterActions; readonly problems: readonly Unresolved[] } {
  let actions: FilterActions = {};
  const mirrors: Mirror[] = [];
  const problems: Unresolved[] = [];
  for (const filter of filters) {
    if (filter.type === 'RequestMirror' && filter.requestMirror !== undefined) {
      const { backendRef, percent, fraction } = filter.requestMirror;
      const resolved = resolve(backendRef);
      if (resolved.kind === 'unresolved') {
        problems.push(resolved);
        continue;
      }
      const { service, port } = resolved;
      const share =
        fraction === undefined
          ? (percent ?? 100)
          : (100 * fraction.numerator) / (fraction.denominator ?? 100);
      mirrors.push({ service, ...(port !== undefined && { port }), percent: share });
      continue;
    }
    const action = translateFilter(filter);
    if (action === undefined) {
      const text = `the filter ${filter.type} is not supported`;
      problems.push({ reason: 'InvalidFilter', text });
    } else {
      actions = { ...actions, ...action };
    }
  }
  return { actions: { ...actions, ...(mirrors.length > 0 && { mirrors }) }, problems };
}

function translateFilter(filter: RouteFilter): FilterActions | undefined {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter;
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return requestHeaderModifier && { requestHeaders: operations(requestHeaderModifier) };
    case 'ResponseHeaderModifier':
      return responseHeaderModifier && { responseHeaders: operations(responseHeaderModifier) };
    case 'RequestRedirect':
      return requestRedirect && { redirect: translateRedirect(requestRedirect) };
    case 'URLRewrite':
      return urlRewrite && { rewrite: translateRewrite(urlRewrite) };
    case 'CORS':
      return filter.cors && { cors: translateCors(filter.cors) };
    default:
      return undefined;
  }
}

/** A percent sign stands for itself here, unlike in a VirtualService. Of equal names the first counts. */
function operations({ set, add, remove }: HeaderModifier): HeaderOperations {
  const record = (fields: readonly NamedValue[]): Record<string, string> =>
    Object.fromEntries(
      fields.toReversed().map(({ name, value }) => [name, value.replaceAll('%', '%%')]),
    );
  return {
    ...(set && { set: record(set) }),
    ...(add && { add: record(add) }),
    ...(remove && { remove }),
  };
}

/** Without a port a redirect goes to the well-known one of the scheme that it names, or else to the one
 * that was asked for. */
function translateRedirect(spec: NonNullable<RouteFilter['requestRedirect']>): Redirect {
  const { scheme, hostname, path, port, statusCode } = spec;
  const { replaceFullPath, replacePrefixMatch } = path ?? {};
  const wellKnown = scheme === undefined ? undefined : scheme === 'https' ? 443 : 80;
  const target = port ?? wellKnown;
  return {
    ...(replaceFullPath !== undefined && { uri: replaceFullPath }),
    ...(replacePrefixMatch !== undefined && { prefixRewrite: replacePrefixMatch }),
    ...(hostname !== undefined && { authority: hostname }),
    ...(scheme !== undefined && { scheme }),
    ...(target === undefined ? { keepRequestPort: true } : { port: target }),
    status: statusCode ?? 302,
  };
}

function translateRewrite({ hostname, path }: NonNullable<RouteFilter['urlRewrite']>): Rewrite {
  return { ...(hostname !== undefined && { authority: hostname }), ...rewritten(path) };
}

/** A full path replaces whatever was matched, also behind a match on a prefix. */
function rewritten(path: PathModifier | undefined): Rewrite {
  const { replaceFullPath, replacePrefixMatch } = path ?? {};
  if (replaceFullPath !== undefined) {
    return { uriRegexRewrite: { match: '^.*$', rewrite: replaceFullPath } };
  }
  return replacePrefixMatch === undefined ? {} : { uri: replacePrefixMatch };
}

function translateCors(spec: NonNullable<RouteFilter['cors']>): CorsPolicy {
  const { allowMethods, allowHeaders, exposeHeaders, allowCredentials } = spec;
  return {
    allowOrigins: (spec.allowOrigins ?? []).map(originPattern),
    ...(allowMethods && { allowMethods }),
    ...(allowHeaders && { allowHeaders }),
    ...(exposeHeaders && { exposeHeaders }),
    maxAgeSeconds: spec.maxAge ?? 5,
    ...(allowCredentials && { allowCredentials }),
    ignoreUnmatchedPreflights: true,
  };
}

/** A star within an origin stands for any labels of the host. */
function originPattern(origin: string): { exact: string } | { regex: string } {
  if (origin === '*' || !origin.includes('*')) return { exact: origin };
  const parts = origin.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}/]/g, '\\$&'));
  return { regex: parts.join('[^/]+') };
}
