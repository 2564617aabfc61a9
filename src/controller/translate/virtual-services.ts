// VirtualService routes to entries of a route table (features section 1.1).

import type {
  Fault,
  HeaderOperations,
  HttpRoute,
  NamedMatch,
  Redirect,
  RequestMatch,
  RouteBackend,
  TextMatch,
} from '../../mesh/route.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import type {
  FaultSpec,
  HeaderOperationsSpec,
  HttpMatchSpec,
  HttpRouteDestinationSpec,
  HttpRouteSpec,
  RedirectSpec,
  StringMatchSpec,
  VirtualService,
} from '../kinds/networking.ts';
import { describeObject } from '../kinds/object.ts';
import { parseDuration } from './durations.ts';

/** Finds the service that a host of a route means. */
export type HostLookup = (host: string) => ServiceKey;

/** The condition on `retryOn` where a VirtualService gives none (features section 1.1.6). */
const defaultRetryOn =
  'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** Translates the HTTP routes of a valid VirtualService, in order. Entries that cannot be expressed
 * (delegates) and match entries for other gateways than the mesh are left out. */
export function translateVirtualService(object: VirtualService, lookup: HostLookup): HttpRoute[] {
  return (object.spec?.http ?? []).flatMap((spec, index) => {
    const matches = (spec.match ?? []).filter(forMesh);
    const onlyOtherGateways = matches.length === 0 && (spec.match ?? []).length > 0;
    if (onlyOtherGateways || spec.delegate !== undefined) return [];
    return [translateRoute(spec, matches, `${describeObject(object)} http[${index}]`, lookup)];
  });
}

/** Whether a VirtualService or one of its match entries concerns traffic within the mesh. */
export function forMesh(holder: { readonly gateways?: readonly string[] }): boolean {
  const { gateways } = holder;
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

function translateRoute(
  spec: HttpRouteSpec,
  matches: readonly HttpMatchSpec[],
  origin: string,
  lookup: HostLookup,
): HttpRoute {
  const fault = spec.fault && translateFault(spec.fault);
  const timeoutMs = spec.timeout === undefined ? undefined : parseDuration(spec.timeout);
  const { uri, authority } = spec.rewrite ?? {};
  return {
    origin,
    ...(spec.name && { name: spec.name }),
    matches: matches.map(translateMatch),
    ...actionOf(spec, lookup),
    ...((uri !== undefined || authority !== undefined) && {
      rewrite: { ...(uri !== undefined && { uri }), ...(authority !== undefined && { authority }) },
    }),
    ...(fault && { fault }),
    ...(timeoutMs && { timeoutMs }),
    ...(spec.retries && { retries: translateRetries(spec.retries) }),
    ...headersOf(spec.headers),
  };
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
  const { host = '', subset, port } = entry.destination ?? {};
  const { requestHeaders, responseHeaders } = headersOf(entry.headers);
  return {
    service: lookup(host),
    ...(subset && { subset }),
    ...(port?.number && { port: port.number }),
    weight: single ? 1 : (entry.weight ?? 0),
    ...(requestHeaders && { requestHeaders }),
    ...(responseHeaders && { responseHeaders }),
  };
}

function translateMatch(spec: HttpMatchSpec): RequestMatch {
  const headers: NamedMatch[] = [
    ...namedMatches(spec.headers),
    ...namedMatches(spec.withoutHeaders).map((match) => ({ ...match, invert: true })),
  ].map((match) => ({ ...match, name: match.name.toLowerCase() }));
  const queryParams = namedMatches(spec.queryParams);
  return {
    ...(spec.uri && { uri: textMatch(spec.uri) }),
    ...(spec.ignoreUriCase && { ignoreUriCase: true }),
    ...(spec.scheme && { scheme: textMatch(spec.scheme) }),
    ...(spec.method && { method: textMatch(spec.method) }),
    ...(spec.authority && { authority: textMatch(spec.authority) }),
    ...(headers.length > 0 && { headers }),
    ...(queryParams.length > 0 && { queryParams }),
    ...(spec.port && { port: spec.port }),
    ...(spec.sourceLabels && { sourceLabels: spec.sourceLabels }),
    ...(spec.sourceNamespace && { sourceNamespace: spec.sourceNamespace }),
  };
}

function namedMatches(map: Readonly<Record<string, StringMatchSpec>> | undefined): NamedMatch[] {
  return Object.entries(map ?? {}).map(([name, spec]) => ({ name, match: textMatch(spec) }));
}

/** An empty pattern, or the regular expression `*`, means "present". */
function textMatch(spec: StringMatchSpec): TextMatch {
  if (spec.exact !== undefined) return { exact: spec.exact };
  if (spec.prefix !== undefined) return { prefix: spec.prefix };
  if (spec.regex !== undefined && spec.regex !== '*') return { regex: spec.regex };
  return { present: true };
}

function translateRedirect(spec: RedirectSpec): Redirect {
  return {
    ...(spec.uri !== undefined && { uri: spec.uri }),
    ...(spec.authority !== undefined && { authority: spec.authority }),
    ...(spec.scheme !== undefined && { scheme: spec.scheme }),
    ...(spec.port !== undefined && { port: spec.port }),
    status: spec.redirectCode ?? 301,
  };
}

/** A fault without percentage hits nothing (features section 1.1.7). */
function translateFault(spec: FaultSpec): Fault | undefined {
  const { delay, abort } = spec;
  const delayPercent = delay?.percentage?.value ?? delay?.percent ?? 0;
  const fixedDelayMs = parseDuration(delay?.fixedDelay ?? '');
  const fault: Fault = {
    ...(fixedDelayMs !== undefined && { delay: { percent: delayPercent, fixedDelayMs } }),
    ...(abort?.httpStatus !== undefined && {
      abort: { percent: abort.percentage?.value ?? 0, httpStatus: abort.httpStatus },
    }),
  };
  return fault.delay === undefined && fault.abort === undefined ? undefined : fault;
}

function translateRetries(
  spec: NonNullable<HttpRouteSpec['retries']>,
): NonNullable<HttpRoute['retries']> {
  const perTryTimeoutMs = parseDuration(spec.perTryTimeout ?? '');
  return {
    attempts: spec.attempts ?? 0,
    ...(perTryTimeoutMs && { perTryTimeoutMs }),
    retryOn: spec.retryOn ?? defaultRetryOn,
  };
}

function headersOf(
  spec: HttpRouteSpec['headers'],
): Pick<HttpRoute, 'requestHeaders' | 'responseHeaders'> {
  const requestHeaders = operations(spec?.request);
  const responseHeaders = operations(spec?.response);
  return {
    ...(requestHeaders && { requestHeaders }),
    ...(responseHeaders && { responseHeaders }),
  };
}

function operations(spec: HeaderOperationsSpec | undefined): HeaderOperations | undefined {
  if (spec === undefined) return undefined;
  const { set, add, remove } = spec;
  return { ...(set && { set }), ...(add && { add }), ...(remove && { remove }) };
}
