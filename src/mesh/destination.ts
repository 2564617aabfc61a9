// What DestinationRules say of a service, resolved in the controller: for every subset and port one
// whole policy, so that nothing is left to merge where requests go by. The shapes are those of
// proto/ambit/waypoint.proto in canonical protobuf JSON, so optional means "not set".

/** A percentage from 0 to 100; fractions are allowed. */
export type Percent = number;

/** How one of several endpoints is drawn. `PASSTHROUGH` keeps the address that the client asked for. */
export type SimpleBalancer = 'ROUND_ROBIN' | 'LEAST_REQUEST' | 'RANDOM' | 'PASSTHROUGH';

/** What decides which endpoint the requests that are alike go to. Exactly one of the first four is given. */
export interface ConsistentHash {
  readonly header?: string;
  readonly cookie?: HashCookie;
  readonly sourceAddress?: boolean;
  readonly queryParameter?: string;
  /** Exactly one of these: virtual nodes of a ring (at least), or places of a maglev table (a prime). */
  readonly minimumRingSize?: number;
  readonly maglevTableSize?: number;
}

/** A cookie that keeps a client at one endpoint. */
export interface HashCookie {
  readonly name: string;
  readonly path?: string;
  /** Made for clients without one when present; 0 lasts as long as the client's session. */
  readonly ttlMs?: number;
  /** Further attributes of a made cookie, such as `SameSite` and `Strict`. */
  readonly attributes?: readonly { readonly name: string; readonly value?: string }[];
}

/** Which places are preferred, by texts `region/zone/subzone` whose tail may be `*`. At most one of
 * distribute, failover and failoverPriority is given. */
export interface LocalityBalancing {
  /** For waypoints in `from`: the share of each place, in percent. */
  readonly distribute?: readonly {
    readonly from: string;
    readonly to: Readonly<Record<string, number>>;
  }[];
  /** The region that takes over from another. */
  readonly failover?: readonly { readonly from: string; readonly to: string }[];
  /** Labels, or `label=value`; the more of the leading ones agree, the better. */
  readonly failoverPriority?: readonly string[];
}

/** How the share of a new endpoint grows. */
export interface Warmup {
  readonly durationMs: number;
  /** The share at its start. */
  readonly minimumPercent: Percent;
  /** 1 grows evenly, more grows late. */
  readonly aggression: number;
}

/** How endpoints are chosen. At most one of simple and consistentHash is given; neither is
 * `LEAST_REQUEST`. */
export interface LoadBalancer {
  readonly simple?: SimpleBalancer;
  readonly consistentHash?: ConsistentHash;
  /** Absent: place has no effect here but through the Service's own traffic distribution. */
  readonly locality?: LocalityBalancing;
  /** Not even the Service's own traffic distribution counts: a rule speaks of places, without effect. */
  readonly ignoresPlace?: boolean;
  readonly warmup?: Warmup;
}

/** Limits of each waypoint process towards one destination; absent ones do not limit. */
export interface ConnectionPool {
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  readonly keepalive?: {
    readonly probes?: number;
    readonly timeMs?: number;
    readonly intervalMs?: number;
  };
  readonly maxConnectionDurationMs?: number;
  /** Of connections without HTTP; 0 is without end, absent an hour. */
  readonly tcpIdleTimeoutMs?: number;
  readonly http1MaxPendingRequests?: number;
  readonly http2MaxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  readonly maxRetries?: number;
  /** Of connections with HTTP; 0 is without end, absent an hour. */
  readonly httpIdleTimeoutMs?: number;
  /** HTTP/2 towards ports that are declared HTTP/1.1. */
  readonly upgradeToHttp2?: boolean;
  readonly useClientProtocol?: boolean;
  readonly maxConcurrentStreams?: number;
  readonly http2KeepAlive?: { readonly intervalMs: number; readonly timeoutMs: number };
}

/** When an endpoint that fails receives nothing for a while. All are resolved: defaults are in. */
export interface OutlierDetection {
  /** In a row; 0 does not count them. */
  readonly consecutive5xxErrors: number;
  /** 502, 503 and 504 in a row; 0 does not count them. */
  readonly consecutiveGatewayErrors: number;
  /** Failures without an answer are counted apart from answers. */
  readonly splitExternalLocalOriginErrors: boolean;
  readonly consecutiveLocalOriginFailures: number;
  readonly intervalMs: number;
  readonly baseEjectionTimeMs: number;
  /** Of the endpoints; one may always be ejected. */
  readonly maxEjectionPercent: Percent;
  /** With fewer healthy ones than this share, all are used. */
  readonly minHealthPercent: Percent;
}

/** TLS that the waypoint begins, inside its tunnel or towards the world outside. */
export interface ClientTls {
  readonly mode: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  /** Files in the waypoint. */
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  /** A Secret of the waypoint's namespace, or `configmap://NAME` for authorities alone. */
  readonly credentialName?: string;
  readonly subjectAltNames?: readonly string[];
  /** The host of the request when absent. */
  readonly sni?: string;
  readonly insecureSkipVerify?: boolean;
}

/** How many requests of a service may be in a retry at a time. */
export interface RetryBudget {
  /** Of the requests under way. */
  readonly percent: Percent;
  /** May always be. */
  readonly minConcurrency: number;
}

/** Everything that holds for the connections to one destination. */
export interface TrafficPolicy {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTls;
  /** A proxy through which connections go. */
  readonly tunnel?: {
    readonly protocol: 'CONNECT' | 'POST';
    readonly targetHost: string;
    readonly targetPort: number;
  };
  /** The version of the PROXY header that each connection begins with. */
  readonly proxyProtocol?: 'V1' | 'V2';
  readonly retryBudget?: RetryBudget;
}

/** A policy, and those of single ports, which replace it. */
export interface PortPolicies {
  readonly policy?: TrafficPolicy;
  readonly ports?: readonly { readonly port: number; readonly policy: TrafficPolicy }[];
}

/** A subset of a service: the endpoints that carry these labels, with a policy that replaces the
 * service's. */
export interface Subset extends PortPolicies {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What DestinationRules say of a service. */
export interface DestinationRules extends PortPolicies {
  /** `DestinationRule default/reviews`. */
  readonly origin: string;
  readonly subsets: readonly Subset[];
}

const noPolicy: TrafficPolicy = {};

/** The policy that holds for a subset (all endpoints when undefined) and a port of a service. */
export function policyFor(
  rules: DestinationRules | undefined,
  subset: Subset | undefined,
  port: number,
): TrafficPolicy {
  const place: PortPolicies | undefined = subset ?? rules;
  return place?.ports?.find((one) => one.port === port)?.policy ?? place?.policy ?? noPolicy;
}
