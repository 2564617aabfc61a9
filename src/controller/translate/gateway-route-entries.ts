// Rules of HTTPRoutes and GRPCRoutes as entries of a route table, one for each match (features sections
// 5.3 and 5.4).

import { hashText } from '../../mesh/hash-text.ts';
import { defaultRetries } from '../../mesh/retry.ts';
import type {
  HttpRoute,
  NamedMatch,
  RequestMatch,
  Retries,
  RouteBackend,
  SessionPersistence,
  UriMatch,
} from '../../mesh/route.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import type {
  BackendReference,
  GrpcRouteMatch,
  GrpcRouteObject,
  HttpRouteMatch,
  HttpRouteObject,
  RouteRule,
  SessionPersistenceSpec,
  TypedMatch,
} from '../kinds/gateway-routes.ts';
import { describeObject } from '../kinds/object.ts';
import { parseDuration } from './durations.ts';
import type { ResolvedBackend, Unresolved } from './gateway-backends.ts';
import { translateFilters } from './gateway-filters.ts';

export type ResolveReference = (reference: BackendReference) => ResolvedBackend;

/** The entries of a route, without what its parents restrict, and what of its references leads nowhere. */
export interface TranslatedRules {
  readonly routes: readonly HttpRoute[];
  readonly problems: readonly Unresolved[];
}

/** Translates an HTTPRoute. `nobody` stands for a backend that does not exist. */
export function translateHttpRoute(
  object: HttpRouteObject,
  resolve: ResolveReference,
  nobody: ServiceKey,
): TranslatedRules {
  return translateRules(object, matchOfHttp, resolve, nobody);
}

/** Translates a GRPCRoute: its methods are paths. */
export function translateGrpcRoute(
  object: GrpcRouteObject,
  resolve: ResolveReference,
  nobody: ServiceKey,
): TranslatedRules {
  return translateRules(object, matchOfGrpc, resolve, nobody);
}

function translateRules<Match>(
  object: { readonly spec?: { readonly rules?: readonly RouteRule<Match>[] } } & Parameters<
    typeof describeObject
  >[0],
  matchOf: (match: Match) => RequestMatch,
  resolve: ResolveReference,
  nobody: ServiceKey,
): TranslatedRules {
  const problems: Unresolved[] = [];
  const routes = (object.spec?.rules ?? []).flatMap((rule, index) => {
    const origin = `${describeObject(object)} rules[${index}]`;
    const own = translateRule(rule, origin, resolve, nobody);
    problems.push(
      ...own.problems.map(({ reason, text }) => ({
        reason,
        text: `spec.rules[${index}]: ${text}`,
      })),
    );
    const matches = (rule.matches ?? []).map(matchOf);
    const several = matches.length > 1;
    return (matches.length === 0 ? [{}] : matches).map((match, place): HttpRoute => {
      const isEmpty = Object.keys(match).length === 0;
      return {
        origin: several ? `${origin}.matches[${place}]` : origin,
        ...(rule.name && { name: rule.name }),
        matches: isEmpty ? [] : [match],
        ...own.actions,
      };
    });
  });
  return { routes, problems };
}

function translateRule<Match>(
  rule: RouteRule<Match>,
  origin: string,
  resolve: ResolveReference,
  nobody: ServiceKey,
): { actions: Omit<HttpRoute, 'origin' | 'matches' | 'name'>; problems: readonly Unresolved[] } {
  const filters = translateFilters(rule.filters ?? [], resolve);
  const problems = [...filters.problems];
  const unsupported = filters.problems.find(({ reason }) => reason === 'InvalidFilter');
  if (unsupported !== undefined) {
    return { actions: { backends: [unusable(nobody, unsupported.text)] }, problems };
  }
  const { redirect, ...others } = filters.actions;
  if (redirect !== undefined) return { actions: { ...others, redirect }, problems };
  const backends = (rule.backendRefs ?? []).map((reference) => {
    const backend = translateBackend(reference, resolve, nobody);
    problems.push(...backend.problems);
    return backend.backend;
  });
  const usable = backends.some(({ weight }) => weight > 0)
    ? backends
    : [
        unusable(
          nobody,
          backends.length === 0 ? 'the rule has no backendRefs' : 'all weights are 0',
        ),
      ];
  const session = rule.sessionPersistence && {
    sessionPersistence: translateSession(rule.sessionPersistence, origin),
  };
  return { actions: { backends: usable, ...others, ...limitsOf(rule), ...session }, problems };
}

/** A session without a name has one of its rule's own, so that those of different rules do not meet. */
function translateSession(spec: SessionPersistenceSpec, origin: string): SessionPersistence {
  const { sessionName, absoluteTimeout = '', idleTimeout = '', type, cookieConfig } = spec;
  const absoluteTimeoutMs = parseDuration(absoluteTimeout) ?? 0;
  const idleTimeoutMs = parseDuration(idleTimeout) ?? 0;
  return {
    name: sessionName || `ambit-session-${hashText(origin).toString(36)}`,
    ...(type === 'Header' && { inHeader: true }),
    ...(cookieConfig?.lifetimeType === 'Permanent' && { permanent: true }),
    ...(absoluteTimeoutMs > 0 && { absoluteTimeoutMs }),
    ...(idleTimeoutMs > 0 && { idleTimeoutMs }),
  };
}

/** A backend for which the waypoint answers 500. */
function unusable(service: ServiceKey, unresolved: string, weight = 1): RouteBackend {
  return { service, weight, unresolved };
}

function translateBackend(
  reference: BackendReference,
  resolve: ResolveReference,
  nobody: ServiceKey,
): { backend: RouteBackend; problems: readonly Unresolved[] } {
  const weight = reference.weight ?? 1;
  const resolved = resolve(reference);
  if (resolved.kind === 'unresolved') {
    return { backend: unusable(nobody, resolved.text, weight), problems: [resolved] };
  }
  const { actions, problems } = translateFilters(reference.filters ?? [], resolve);
  const unsupported = problems.find(({ reason }) => reason === 'InvalidFilter');
  if (unsupported !== undefined) {
    return { backend: unusable(nobody, unsupported.text, weight), problems };
  }
  const { service, port } = resolved;
  const { cors: _, ...own } = actions;
  return { backend: { service, ...(port !== undefined && { port }), weight, ...own }, problems };
}

/** `backendRequest` limits each try where there are retries, and otherwise the whole (features section
 * 5.3.3). */
function limitsOf({
  timeouts,
  retry,
}: RouteRule<unknown>): Pick<HttpRoute, 'timeoutMs' | 'retries'> {
  const requestMs = parseDuration(timeouts?.request ?? '') ?? 0;
  const tryMs = parseDuration(timeouts?.backendRequest ?? '') ?? 0;
  if (retry === undefined) {
    const timeoutMs = tryMs > 0 ? tryMs : requestMs;
    return timeoutMs > 0 ? { timeoutMs } : {};
  }
  const backoffMs = parseDuration(retry.backoff ?? '') ?? 0;
  const retries: Retries = {
    attempts: retry.attempts ?? defaultRetries.attempts,
    ...(tryMs > 0 && { perTryTimeoutMs: tryMs }),
    retryOn: [...(retry.codes ?? []), 'connect-failure,refused-stream,unavailable,cancelled'].join(
      ',',
    ),
    ...(backoffMs > 0 && { backoffMs }),
  };
  return { ...(requestMs > 0 && { timeoutMs: requestMs }), retries };
}

/** The path prefix `/`, which is the default, demands nothing. */
function matchOfHttp({ path, headers, queryParams, method }: HttpRouteMatch): RequestMatch {
  const value = path?.value ?? '/';
  const type = path?.type ?? 'PathPrefix';
  const uri: UriMatch | undefined =
    type === 'Exact'
      ? { exact: value }
      : type === 'RegularExpression'
        ? { regex: value }
        : value === '/'
          ? undefined
          : { pathPrefix: value };
  return {
    ...(uri && { uri }),
    ...(method && { method: { exact: method } }),
    ...namedList('headers', headers, (name) => name.toLowerCase()),
    ...namedList('queryParams', queryParams, (name) => name),
  };
}

function matchOfGrpc({ method, headers }: GrpcRouteMatch): RequestMatch {
  const { type, service, method: name } = method ?? {};
  const uri: UriMatch | undefined =
    service === undefined && name === undefined
      ? undefined
      : type === 'RegularExpression'
        ? { regex: `/${service ?? '[^/]+'}/${name ?? '[^/]+'}` }
        : service === undefined
          ? { regex: `/[^/]+/${name?.replaceAll(/[.+*?^$(){}|[\]\\]/g, '\\$&')}` }
          : name === undefined
            ? { pathPrefix: `/${service}/` }
            : { exact: `/${service}/${name}` };
  return { ...(uri && { uri }), ...namedList('headers', headers, (one) => one.toLowerCase()) };
}

/** Of entries with equal names the first counts. */
function namedList(
  field: 'headers' | 'queryParams',
  list: readonly TypedMatch[] | undefined,
  nameOf: (name: string) => string,
): Pick<RequestMatch, 'headers' | 'queryParams'> {
  const byName = new Map<string, NamedMatch>();
  for (const { type, name, value } of list ?? []) {
    const key = nameOf(name);
    if (byName.has(key)) continue;
    const match = type === 'RegularExpression' ? { regex: value } : { exact: value };
    byName.set(key, { name: key, match });
  }
  return byName.size === 0 ? {} : { [field]: [...byName.values()] };
}
