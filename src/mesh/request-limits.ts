// How long one request may take and how often it is tried: the route's word, and what the client
// asks for in headers as far as the route allows (features sections 1.1.3 and 1.1.6).

import type { HeaderView } from './request-facts.ts';
import { defaultRetries } from './retry.ts';
import type { HttpRoute, Retries } from './route.ts';

export interface RequestLimits {
  /** For the whole request with all attempts; 0 is no limit. */
  readonly timeoutMs: number;
  readonly retries: Retries;
}

/** Most retries that a client can ask for. */
export const maxClientRetries = 16;

const grpcUnits: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The limits of a request. `x-envoy-upstream-rq-timeout-ms`, `x-envoy-upstream-rq-per-try-timeout-ms`,
 * `x-envoy-max-retries` and `x-envoy-retry-on` replace the route's values; `grpc-timeout` is honoured
 * up to the route's timeout. */
export function requestLimits(route: HttpRoute | undefined, headers: HeaderView): RequestLimits {
  const ofRoute = route?.timeoutMs ?? 0;
  const asked = wholeNumber(headers.get('x-envoy-upstream-rq-timeout-ms'));
  const ofGrpc = grpcTimeoutMs(headers.get('grpc-timeout'));
  const own = route?.retries ?? defaultRetries;
  const perTryTimeoutMs =
    wholeNumber(headers.get('x-envoy-upstream-rq-per-try-timeout-ms')) ?? own.perTryTimeoutMs;
  const attempts = wholeNumber(headers.get('x-envoy-max-retries'));
  const retryOn = headers.get('x-envoy-retry-on');
  return {
    timeoutMs: asked ?? smaller(ofGrpc, ofRoute),
    retries: {
      ...own,
      ...(perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs }),
      ...(attempts === undefined ? {} : { attempts: Math.min(attempts, maxClientRetries) }),
      ...(retryOn === undefined ? {} : { retryOn: `${own.retryOn},${retryOn}` }),
    },
  };
}

/** Milliseconds of a `grpc-timeout`, at least 1; undefined when it is none. */
export function grpcTimeoutMs(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text ?? '') ?? [];
  if (digits === undefined) return undefined;
  return Math.max(1, Math.ceil(Number(digits) * (grpcUnits[unit] ?? 0)));
}

function smaller(asked: number | undefined, limit: number): number {
  if (asked === undefined) return limit;
  return limit === 0 ? asked : Math.min(asked, limit);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
