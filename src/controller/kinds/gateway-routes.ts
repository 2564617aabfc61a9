// gateway.networking.k8s.io: routes and grants (features sections 5.3 and 5.4).

import type { Condition, KubernetesObject } from './object.ts';

export interface ParentReference {
  /** `gateway.networking.k8s.io` when absent; empty for the core group. */
  readonly group?: string;
  /** `Gateway` when absent. */
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

export interface BackendReference {
  /** The core group when absent. */
  readonly group?: string;
  /** `Service` when absent. */
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly port?: number;
  /** 1 when absent. */
  readonly weight?: number;
  readonly filters?: readonly RouteFilter[];
}

export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

export interface HeaderModifier {
  readonly set?: readonly NamedValue[];
  readonly add?: readonly NamedValue[];
  readonly remove?: readonly string[];
}

export interface PathModifier {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

/** Has the field that its type names. */
export interface RouteFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderModifier;
  readonly responseHeaderModifier?: HeaderModifier;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly path?: PathModifier;
    readonly port?: number;
    /** 302 when absent. */
    readonly statusCode?: number;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
  readonly requestMirror?: {
    readonly backendRef: BackendReference;
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
  readonly cors?: {
    readonly allowOrigins?: readonly string[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    /** Seconds; 5 when absent. */
    readonly maxAge?: number;
    readonly allowCredentials?: boolean;
  };
}

/** `Exact` when no type is given. */
export interface TypedMatch {
  readonly type?: string;
  readonly name: string;
  readonly value: string;
}

export interface HttpRouteMatch {
  readonly path?: { readonly type?: string; readonly value?: string };
  readonly headers?: readonly TypedMatch[];
  readonly queryParams?: readonly TypedMatch[];
  readonly method?: string;
}

export interface GrpcRouteMatch {
  readonly method?: { readonly type?: string; readonly service?: string; readonly method?: string };
  readonly headers?: readonly TypedMatch[];
}

/** GEP-1619. */
export interface SessionPersistenceSpec {
  readonly sessionName?: string;
  readonly absoluteTimeout?: string;
  readonly idleTimeout?: string;
  /** `Cookie` or `Header`. */
  readonly type?: string;
  /** `Session` or `Permanent`. */
  readonly cookieConfig?: { readonly lifetimeType?: string };
}

export interface RouteRule<Match> {
  readonly name?: string;
  readonly matches?: readonly Match[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly BackendReference[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly retry?: {
    readonly codes?: readonly number[];
    readonly attempts?: number;
    readonly backoff?: string;
  };
  readonly sessionPersistence?: SessionPersistenceSpec;
}

export interface RouteSpec<Match> {
  readonly parentRefs?: readonly ParentReference[];
  readonly hostnames?: readonly string[];
  readonly rules?: readonly RouteRule<Match>[];
}

/** What one controller says of one parent of a route. */
export interface ParentStatus {
  readonly parentRef: ParentReference;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

export interface RouteStatus {
  readonly conditions?: readonly Condition[];
  readonly parents?: readonly ParentStatus[];
}

export type HttpRouteObject = KubernetesObject<RouteSpec<HttpRouteMatch>, RouteStatus>;
export type GrpcRouteObject = KubernetesObject<RouteSpec<GrpcRouteMatch>, RouteStatus>;
/** TCPRoutes and TLSRoutes, whose rules have no matches. */
export type ConnectionRouteObject = KubernetesObject<RouteSpec<never>, RouteStatus>;
export type RouteObject = HttpRouteObject | GrpcRouteObject | ConnectionRouteObject;

export interface ReferenceGrantSpec {
  readonly from?: readonly {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
  }[];
  readonly to?: readonly {
    readonly group: string;
    readonly kind: string;
    readonly name?: string;
  }[];
}

export type ReferenceGrant = KubernetesObject<ReferenceGrantSpec>;
