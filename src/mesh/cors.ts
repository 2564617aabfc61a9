// What cross-origin resource sharing makes of a request (features section 1.1.8): a preflight is
// answered, another request gets headers for its response, or nothing.

import type { HeaderList } from './header-operations.ts';
import type { HttpRequestFacts } from './request-facts.ts';
import type { CorsPolicy } from './route.ts';
import { type CompileRegex, compileText, type TextTest } from './text-match.ts';

/** A policy ready for use. */
export interface CompiledCors {
  readonly policy: CorsPolicy;
  readonly origins: readonly TextTest[];
}

/** What to do; every kind but `none` has a reason. */
export type CorsVerdict =
  | { readonly kind: 'none' }
  /** Answer with status 200 and these headers, and forward nothing. */
  | { readonly kind: 'preflight'; readonly headers: HeaderList; readonly reason: string }
  /** Forward, and set these headers in the response. */
  | { readonly kind: 'allowed'; readonly headers: HeaderList; readonly reason: string };

/** Compiles the patterns of a policy. */
export function compileCors(policy: CorsPolicy, compileRegex: CompileRegex): CompiledCors {
  const origins = policy.allowOrigins.map((origin) =>
    'exact' in origin && origin.exact === '*'
      ? compileText({ present: true }, compileRegex)
      : compileText(origin, compileRegex),
  );
  return { policy, origins };
}

/** Judges one request. */
export function judgeCors({ policy, origins }: CompiledCors, http: HttpRequestFacts): CorsVerdict {
  const origin = http.headers.get('origin');
  if (origin === undefined || origin === '') return { kind: 'none' };
  const isPreflight =
    http.method === 'OPTIONS' && (http.headers.get('access-control-request-method') ?? '') !== '';
  const matched = origins.find((one) => one.test(origin));
  if (matched === undefined) {
    if (!isPreflight || policy.ignoreUnmatchedPreflights !== true) return { kind: 'none' };
    const reason = `a preflight of ${origin}, which is no allowed origin`;
    return { kind: 'preflight', headers: [], reason };
  }
  const reason = `the origin ${matched.words}`;
  const shared: HeaderList = [
    ['access-control-allow-origin', origin],
    ...(policy.allowCredentials === true
      ? [['access-control-allow-credentials', 'true'] as const]
      : []),
  ];
  if (!isPreflight) {
    const headers = [...shared, ...listed('access-control-expose-headers', policy.exposeHeaders)];
    return { kind: 'allowed', headers, reason };
  }
  const { maxAgeSeconds } = policy;
  return {
    kind: 'preflight',
    reason: `a preflight; ${reason}`,
    headers: [
      ...shared,
      ...listed('access-control-allow-methods', policy.allowMethods),
      ...listed('access-control-allow-headers', policy.allowHeaders),
      ...(maxAgeSeconds === undefined
        ? []
        : [['access-control-max-age', String(maxAgeSeconds)] as const]),
    ],
  };
}

function listed(name: string, values: readonly string[] | undefined): HeaderList {
  return values === undefined || values.length === 0 ? [] : [[name, values.join(',')]];
}
