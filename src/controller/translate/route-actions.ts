// What a VirtualService does with requests, as the route model has it (features sections 1.1.5 to
// 1.1.10).

import type {
  CorsPolicy,
  Fault,
  HeaderOperations,
  Mirror,
  Redirect,
  Retries,
  Rewrite,
  TextMatch,
} from '../../mesh/route.ts';
import type {
  CorsPolicySpec,
  DestinationSpec,
  FaultSpec,
  HeaderOperationsSpec,
  HeadersSpec,
  HttpRouteSpec,
  RedirectSpec,
  RetriesSpec,
  RewriteSpec,
} from '../kinds/networking.ts';
import { parseDuration } from './durations.ts';
import type { HostLookup } from './host-index.ts';

/** The condition on `retryOn` where a VirtualService gives none (features section 1.1.6). */
const defaultRetryOn =
  'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** gRPC statuses by name; the place is the number. */
export const grpcStatusNames: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

export function translateRedirect(spec: RedirectSpec): Redirect {
  const { uri, prefixRewrite, authority, scheme, port } = spec;
  return {
    ...(uri !== undefined && { uri }),
    ...(prefixRewrite !== undefined && { prefixRewrite }),
    ...(authority !== undefined && { authority }),
    ...(scheme !== undefined && { scheme }),
    ...(port !== undefined && { port }),
    ...(spec.derivePort === 'FROM_REQUEST_PORT' && { keepRequestPort: true }),
    status: spec.redirectCode ?? 301,
  };
}

/** Undefined where nothing is changed. */
export function translateRewrite(spec: RewriteSpec | undefined): Rewrite | undefined {
  if (spec === undefined) return undefined;
  const { uri, authority, uriRegexRewrite } = spec;
  const { match, rewrite } = uriRegexRewrite ?? {};
  return {
    ...(uri !== undefined && { uri }),
    ...(authority !== undefined && { authority }),
    ...(match !== undefined && { uriRegexRewrite: { match, rewrite: rewrite ?? '' } }),
  };
}

/** A fault without percentage hits nothing (features section 1.1.7). */
export function translateFault(spec: FaultSpec): Fault | undefined {
  const { delay, abort } = spec;
  const delayPercent = delay?.percentage?.value ?? delay?.percent ?? 0;
  const fixedDelayMs = parseDuration(delay?.fixedDelay ?? '');
  const grpcStatus = grpcStatusNames.indexOf(abort?.grpcStatus ?? '');
  const percent = abort?.percentage?.value ?? 0;
  const fault: Fault = {
    ...(fixedDelayMs !== undefined && { delay: { percent: delayPercent, fixedDelayMs } }),
    ...(abort?.httpStatus !== undefined && { abort: { percent, httpStatus: abort.httpStatus } }),
    ...(grpcStatus !== -1 && { abort: { percent, httpStatus: 200, grpcStatus } }),
  };
  return fault.delay === undefined && fault.abort === undefined ? undefined : fault;
}

export function translateRetries(spec: RetriesSpec): Retries {
  const perTryTimeoutMs = parseDuration(spec.perTryTimeout ?? '');
  const backoffMs = parseDuration(spec.backoff ?? '');
  return {
    attempts: spec.attempts ?? 0,
    ...(perTryTimeoutMs && { perTryTimeoutMs }),
    retryOn: spec.retryOn || defaultRetryOn,
    ...(backoffMs && { backoffMs }),
    ...(spec.retryIgnorePreviousHosts === false && { mayRepeatHosts: true }),
    ...(spec.retryRemoteLocalities === true && { remoteLocalities: true }),
  };
}

/** `mirror` with its percentage, or `mirrors`; everything is copied where no percentage is given. */
export function translateMirrors(spec: HttpRouteSpec, lookup: HostLookup): Mirror[] {
  const single =
    spec.mirror === undefined
      ? []
      : [
          {
            destination: spec.mirror,
            percent: spec.mirrorPercentage?.value ?? spec.mirrorPercent ?? 100,
          },
        ];
  const several = (spec.mirrors ?? []).map(({ destination, percentage }) => ({
    destination: destination ?? {},
    percent: percentage?.value ?? (percentage === undefined ? 100 : 0),
  }));
  return [...single, ...several].map(({ destination, percent }) => ({
    ...translateDestination(destination, lookup),
    percent,
  }));
}

export function translateDestination(
  { host = '', subset, port }: DestinationSpec,
  lookup: HostLookup,
): Pick<Mirror, 'service' | 'subset' | 'port'> {
  return {
    service: lookup(host),
    ...(subset && { subset }),
    ...(port?.number && { port: port.number }),
  };
}

export function translateCors(spec: CorsPolicySpec): CorsPolicy {
  const { allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials } = spec;
  const maxAgeMs = parseDuration(maxAge ?? '');
  const patterns = (spec.allowOrigins ?? []).flatMap(({ exact, prefix, regex }): TextMatch[] => {
    if (exact !== undefined) return [{ exact }];
    if (prefix !== undefined) return [{ prefix }];
    return regex === undefined ? [] : [{ regex }];
  });
  return {
    allowOrigins:
      patterns.length > 0 ? patterns : (spec.allowOrigin ?? []).map((exact) => ({ exact })),
    ...(allowMethods && { allowMethods }),
    ...(allowHeaders && { allowHeaders }),
    ...(exposeHeaders && { exposeHeaders }),
    ...(maxAgeMs !== undefined && { maxAgeSeconds: Math.floor(maxAgeMs / 1000) }),
    ...(allowCredentials && { allowCredentials }),
    ...(spec.unmatchedPreflights === 'IGNORE' && { ignoreUnmatchedPreflights: true }),
  };
}

/** The operations on both heads, as far as there are any. */
export function translateHeaders(spec: HeadersSpec | undefined): {
  requestHeaders?: HeaderOperations;
  responseHeaders?: HeaderOperations;
} {
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
