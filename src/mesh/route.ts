// What a waypoint is told about one service: its ordered routes, its destinations' rules and its
// policies. VirtualService, HTTPRoute and the rest compile to this in the controller. The shapes are
// those of proto/ambit/waypoint.proto in canonical protobuf JSON, so optional means "not set".

import type { DestinationRules, Percent } from './destination.ts';
import type { AuthorizationPolicy } from './request-policy.ts';
import type { ServiceKey } from './workload.ts';

/** One pattern for a header, a path or another text; `regex` has RE2 syntax and must match whole. */
export type TextMatch =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly regex: string }
  | { readonly present: true };

/** A pattern for a path; `pathPrefix` matches whole segments: `/foo` takes `/foo/bar`, not `/foobar`. */
export type UriMatch = TextMatch | { readonly pathPrefix: string };

/** A header or query parameter and its pattern; `invert` (`withoutHeaders`) matches where the pattern
 * does not. An absent header is the empty text to an inverted pattern other than `present`. */
export interface NamedMatch {
  readonly name: string;
  readonly match: TextMatch;
  readonly invert?: boolean;
}

/** Conditions on one request: all must hold. An empty one matches everything. */
export interface RequestMatch {
  /** The user's name for it, if any. */
  readonly name?: string;
  readonly uri?: UriMatch;
  readonly ignoreUriCase?: boolean;
  readonly scheme?: TextMatch;
  readonly method?: TextMatch;
  readonly authority?: TextMatch;
  readonly headers?: readonly NamedMatch[];
  readonly queryParams?: readonly NamedMatch[];
  /** The service port the request was addressed to. */
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
}

/** Header changes. Removals are first, then `set` (overwrites), then `add` (appends), each sorted by
 * name (features section 1.1.10). */
export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** A service, perhaps one subset of it, with its share of the traffic. */
export interface RouteBackend {
  readonly service: ServiceKey;
  readonly subset?: string;
  /** The service's port; the port of the request when absent. */
  readonly port?: number;
  /** Relative; 0 receives nothing. */
  readonly weight: number;
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
  /** Instead of the route's own. */
  readonly rewrite?: Rewrite;
  /** Its share is redirected instead of forwarded. */
  readonly redirect?: Redirect;
  /** Beside the route's own. */
  readonly mirrors?: readonly Mirror[];
  /** Why its share cannot be forwarded; it is answered 500 then (features section 5.3.3). */
  readonly unresolved?: string;
}

/** A copy of requests, sent without waiting for what comes of it. */
export interface Mirror {
  readonly service: ServiceKey;
  readonly subset?: string;
  /** The service's port; the port of the request when absent. */
  readonly port?: number;
  readonly percent: Percent;
}

/** Who may read responses from pages of another origin (features section 1.1.8). */
export interface CorsPolicy {
  readonly allowOrigins: readonly TextMatch[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAgeSeconds?: number;
  readonly allowCredentials?: boolean;
  /** Preflights of other origins are answered here, without CORS headers, instead of forwarded. */
  readonly ignoreUnmatchedPreflights?: boolean;
}

/** Failures made on purpose; delay and abort are drawn independently, the delay comes first. */
export interface Fault {
  readonly delay?: { readonly percent: Percent; readonly fixedDelayMs: number };
  readonly abort?: {
    readonly percent: Percent;
    readonly httpStatus: number;
    /** Answered instead as a gRPC status of this number; `httpStatus` is then 200. */
    readonly grpcStatus?: number;
  };
}

export interface Retries {
  /** Tries after the first; 0 disables. */
  readonly attempts: number;
  readonly perTryTimeoutMs?: number;
  /** Comma-separated conditions as in VirtualService `retryOn`. */
  readonly retryOn: string;
  /** The base of the jittered exponential delay; 25 when absent. */
  readonly backoffMs?: number;
  /** A retry may go to an endpoint that was tried before. */
  readonly mayRepeatHosts?: boolean;
  /** A retry may leave the locality of the waypoint. */
  readonly remoteLocalities?: boolean;
}

export interface Rewrite {
  /** Replaces the matched prefix, or the whole path where the match was no prefix. */
  readonly uri?: string;
  readonly authority?: string;
  /** Replaces every match of an RE2 pattern in the path; `\1` is the first group. */
  readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
}

export interface Redirect {
  /** Replaces the whole path. */
  readonly uri?: string;
  /** Replaces the matched prefix only. */
  readonly prefixRewrite?: string;
  readonly authority?: string;
  readonly scheme?: string;
  readonly port?: number;
  /** `derivePort: FROM_REQUEST_PORT`; otherwise the scheme's own port. */
  readonly keepRequestPort?: boolean;
  readonly status: number;
}

/** How the sessions of a route are kept. */
export interface SessionPersistence {
  /** Of the cookie or the header. */
  readonly name: string;
  readonly inHeader?: boolean;
  /** The cookie outlives the client's session, for the absolute time. */
  readonly permanent?: boolean;
  /** After it a session ends, however much it is used. */
  readonly absoluteTimeoutMs?: number;
  /** Without a request for as long it ends. */
  readonly idleTimeoutMs?: number;
}

/** One entry of a route table. Exactly one of backends, redirect and directResponse is given. */
export interface HttpRoute {
  /** Where it comes from: `VirtualService default/reviews http[0]`. */
  readonly origin: string;
  /** The user's name for it, if any. */
  readonly name?: string;
  /** OR; none matches everything. */
  readonly matches: readonly RequestMatch[];
  readonly backends?: readonly RouteBackend[];
  readonly redirect?: Redirect;
  readonly directResponse?: { readonly status: number; readonly body?: string };
  readonly rewrite?: Rewrite;
  readonly fault?: Fault;
  readonly timeoutMs?: number;
  readonly retries?: Retries;
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
  readonly mirrors?: readonly Mirror[];
  readonly cors?: CorsPolicy;
  readonly sessionPersistence?: SessionPersistence;
}

/** Conditions on one connection that carries no HTTP: all must hold. */
export interface ConnectionMatch {
  /** Names in the TLS hello, perhaps `*.suffix`; one must fit. Never true without TLS. */
  readonly sniHosts?: readonly string[];
  /** Addresses or CIDRs, one of which holds the address that was asked for. */
  readonly destinationSubnets?: readonly string[];
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
}

/** One entry of the table for connections; one backend is drawn per connection. */
export interface ConnectionRoute {
  /** Where it comes from: `TCPRoute default/db rules[0]`. */
  readonly origin: string;
  /** OR; none matches everything. */
  readonly matches: readonly ConnectionMatch[];
  readonly backends: readonly RouteBackend[];
}

/** Everything a waypoint needs to serve one service bound to it (or routed to from one that is). The
 * one of the waypoint's own service applies to traffic that is addressed to workloads. */
export interface ServiceConfig {
  readonly service: ServiceKey;
  /** In order; the first match wins. Empty: straight to the service. */
  readonly routes: readonly HttpRoute[];
  /** For connections without HTTP, in order. Absent or without a match: straight to the service. */
  readonly connectionRoutes?: readonly ConnectionRoute[];
  readonly destination?: DestinationRules;
  /** Policies whose targets include this service, its waypoint or its gateway class. */
  readonly policies: readonly AuthorizationPolicy[];
  /** Of the addresses that an endpoint's host name has, one is used at a time. */
  readonly oneAddressAtATime?: boolean;
  /** Connections are opened to several of those addresses at once, and the first one counts. */
  readonly raceConnections?: boolean;
}

/** The labels of one workload, which subsets and `sourceLabels` are compared with. */
export interface WorkloadLabels {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
}
