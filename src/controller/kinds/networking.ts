// networking.istio.io: VirtualService and DestinationRule (features sections 1.1 and 1.2), as far as
// they are translated. Fields that are not listed are reported by translate/unsupported.ts.

import type { KubernetesObject } from './object.ts';

/** Exactly one is set; none means "present". */
export interface StringMatchSpec {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

export interface HttpMatchSpec {
  readonly name?: string;
  readonly uri?: StringMatchSpec;
  readonly ignoreUriCase?: boolean;
  readonly scheme?: StringMatchSpec;
  readonly method?: StringMatchSpec;
  readonly authority?: StringMatchSpec;
  readonly headers?: Readonly<Record<string, StringMatchSpec>>;
  readonly withoutHeaders?: Readonly<Record<string, StringMatchSpec>>;
  readonly queryParams?: Readonly<Record<string, StringMatchSpec>>;
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
  readonly statPrefix?: string;
}

export interface HeaderOperationsSpec {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface HeadersSpec {
  readonly request?: HeaderOperationsSpec;
  readonly response?: HeaderOperationsSpec;
}

export interface DestinationSpec {
  readonly host?: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}

export interface HttpRouteDestinationSpec {
  readonly destination?: DestinationSpec;
  readonly weight?: number;
  readonly headers?: HeadersSpec;
}

export interface PercentSpec {
  readonly value?: number;
}

export interface FaultSpec {
  readonly delay?: {
    readonly percentage?: PercentSpec;
    readonly percent?: number;
    readonly fixedDelay?: string;
    readonly exponentialDelay?: string;
  };
  readonly abort?: {
    readonly percentage?: PercentSpec;
    readonly httpStatus?: number;
    readonly grpcStatus?: string;
    readonly http2Error?: string;
  };
}

export interface RetriesSpec {
  readonly attempts?: number;
  readonly perTryTimeout?: string;
  readonly retryOn?: string;
  readonly retryRemoteLocalities?: boolean;
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: string;
}

export interface RedirectSpec {
  readonly uri?: string;
  readonly prefixRewrite?: string;
  readonly authority?: string;
  readonly scheme?: string;
  readonly port?: number;
  readonly derivePort?: string;
  readonly redirectCode?: number;
}

export interface RewriteSpec {
  readonly uri?: string;
  readonly authority?: string;
  readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string };
}

export interface MirrorSpec {
  readonly destination?: DestinationSpec;
  readonly percentage?: PercentSpec;
}

export interface CorsPolicySpec {
  readonly allowOrigin?: readonly string[];
  readonly allowOrigins?: readonly StringMatchSpec[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAge?: string;
  readonly allowCredentials?: boolean;
  readonly unmatchedPreflights?: string;
}

export interface HttpRouteSpec {
  readonly name?: string;
  readonly match?: readonly HttpMatchSpec[];
  readonly route?: readonly HttpRouteDestinationSpec[];
  readonly redirect?: RedirectSpec;
  readonly directResponse?: {
    readonly status?: number;
    readonly body?: { readonly string?: string; readonly bytes?: string };
  };
  readonly delegate?: { readonly name?: string; readonly namespace?: string };
  readonly rewrite?: RewriteSpec;
  readonly fault?: FaultSpec;
  readonly timeout?: string;
  readonly retries?: RetriesSpec;
  readonly headers?: HeadersSpec;
  readonly mirror?: DestinationSpec;
  readonly mirrors?: readonly MirrorSpec[];
  readonly mirrorPercentage?: PercentSpec;
  readonly mirrorPercent?: number;
  readonly corsPolicy?: CorsPolicySpec;
}

/** A match of `tls` or, without names, of `tcp` routes. */
export interface ConnectionMatchSpec {
  readonly sniHosts?: readonly string[];
  readonly destinationSubnets?: readonly string[];
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
}

export interface ConnectionRouteSpec {
  readonly match?: readonly ConnectionMatchSpec[];
  readonly route?: readonly HttpRouteDestinationSpec[];
}

export interface VirtualServiceSpec {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly exportTo?: readonly string[];
  readonly http?: readonly HttpRouteSpec[];
  readonly tls?: readonly ConnectionRouteSpec[];
  readonly tcp?: readonly ConnectionRouteSpec[];
}

export type VirtualService = KubernetesObject<VirtualServiceSpec>;

export interface TrafficPolicySpec {
  readonly retryBudget?: { readonly percent?: number; readonly minRetryConcurrency?: number };
  readonly loadBalancer?: { readonly simple?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface SubsetSpec {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly trafficPolicy?: TrafficPolicySpec;
}

export interface DestinationRuleSpec {
  readonly host?: string;
  readonly exportTo?: readonly string[];
  readonly workloadSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly trafficPolicy?: TrafficPolicySpec;
  readonly subsets?: readonly SubsetSpec[];
}

export type DestinationRule = KubernetesObject<DestinationRuleSpec>;
