// The blocks of a traffic policy (features sections 1.2.2 to 1.2.6), each by itself, with the defaults that
// hold within it. Only valid objects come here; what zero means "not set" for is left out.

import type {
  ClientTls,
  ConnectionPool,
  ConsistentHash,
  LoadBalancer,
  LocalityBalancing,
  OutlierDetection,
  RetryBudget,
  SimpleBalancer,
  TrafficPolicy,
  Warmup,
} from '../../mesh/destination.ts';
import type {
  ClientTlsSpec,
  ConnectionPoolSpec,
  ConsistentHashSpec,
  LoadBalancerSpec,
  LocalityLbSpec,
  OutlierDetectionSpec,
  TcpKeepaliveSpec,
  TrafficPolicySpec,
} from '../kinds/networking.ts';
import { parseDuration } from './durations.ts';

/** How endpoints are drawn, apart from their places. */
export function translateBalancer(spec: LoadBalancerSpec): Omit<LoadBalancer, 'locality'> {
  const simple = simpleBalancer(spec.simple);
  const warmup = translateWarmup(spec);
  return {
    ...(simple && { simple }),
    ...(spec.consistentHash && { consistentHash: translateHash(spec.consistentHash) }),
    ...(warmup && { warmup }),
  };
}

function simpleBalancer(simple: string | undefined): SimpleBalancer | undefined {
  switch (simple) {
    case 'ROUND_ROBIN':
    case 'LEAST_REQUEST':
    case 'RANDOM':
    case 'PASSTHROUGH':
      return simple;
    case 'LEAST_CONN':
      return 'LEAST_REQUEST';
    default:
      return undefined;
  }
}

const defaultRingSize = 1024;

function translateHash(spec: ConsistentHashSpec): ConsistentHash {
  const { httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName } = spec;
  const { name = '', path, ttl, attributes = [] } = httpCookie ?? {};
  const ringSize = spec.ringHash?.minimumRingSize || spec.minimumRingSize || defaultRingSize;
  const tableSize = spec.maglev?.tableSize;
  return {
    ...(httpHeaderName !== undefined && { header: httpHeaderName.toLowerCase() }),
    ...(httpCookie && {
      cookie: {
        name,
        ...(path !== undefined && { path }),
        ...duration('ttlMs', ttl),
        ...(attributes.length > 0 && {
          attributes: attributes.map((one) => ({
            name: one.name ?? '',
            ...(one.value !== undefined && { value: one.value }),
          })),
        }),
      },
    }),
    ...(useSourceIp === true && { sourceAddress: true }),
    ...(httpQueryParameterName !== undefined && { queryParameter: httpQueryParameterName }),
    ...(tableSize === undefined ? { minimumRingSize: ringSize } : { maglevTableSize: tableSize }),
  };
}

function translateWarmup({ warmup, warmupDurationSecs }: LoadBalancerSpec): Warmup | undefined {
  const durationMs = parseDuration(warmup?.duration ?? warmupDurationSecs ?? '');
  if (durationMs === undefined) return undefined;
  return {
    durationMs,
    minimumPercent: warmup?.minimumPercent ?? 10,
    aggression: warmup?.aggression ?? 1,
  };
}

/** Which places are preferred. Nothing is said when place has no effect: it is switched off, or only
 * outlier detection would have made it count (features section 1.2.2). */
export function translateLocality(
  { enabled, distribute = [], failover = [], failoverPriority = [] }: LocalityLbSpec,
  detectsOutliers: boolean,
): LocalityBalancing | undefined {
  if (enabled === false) return undefined;
  if (distribute.length > 0) {
    return {
      distribute: distribute.map(({ from = '', to = {} }) => ({ from, to })),
    };
  }
  if (!detectsOutliers) return undefined;
  return {
    ...(failover.length > 0 && {
      failover: failover.map(({ from = '', to = '' }) => ({ from, to })),
    }),
    ...(failoverPriority.length > 0 && { failoverPriority }),
  };
}

/** The limits of connections. `keepalive` is what the mesh says where the destination does not. */
export function translatePool(
  { tcp = {}, http = {} }: ConnectionPoolSpec,
  meshKeepalive: TcpKeepaliveSpec | undefined,
): ConnectionPool {
  const keepalive =
    (tcp.tcpKeepalive ?? meshKeepalive) && translateKeepalive(tcp.tcpKeepalive, meshKeepalive);
  const { http2KeepAlive, h2UpgradePolicy } = http;
  const upgrades: Readonly<Record<string, boolean>> = { UPGRADE: true, DO_NOT_UPGRADE: false };
  const upgradeToHttp2 = upgrades[h2UpgradePolicy ?? ''];
  return {
    ...limit('maxConnections', tcp.maxConnections),
    ...duration('connectTimeoutMs', tcp.connectTimeout),
    ...(keepalive && { keepalive }),
    ...duration('maxConnectionDurationMs', tcp.maxConnectionDuration),
    ...duration('tcpIdleTimeoutMs', tcp.idleTimeout),
    ...limit('http1MaxPendingRequests', http.http1MaxPendingRequests),
    ...limit('http2MaxRequests', http.http2MaxRequests),
    ...limit('maxRequestsPerConnection', http.maxRequestsPerConnection),
    ...limit('maxRetries', http.maxRetries),
    ...duration('httpIdleTimeoutMs', http.idleTimeout),
    ...(upgradeToHttp2 !== undefined && { upgradeToHttp2 }),
    ...(http.useClientProtocol === true && { useClientProtocol: true }),
    ...limit('maxConcurrentStreams', http.maxConcurrentStreams),
    ...(http2KeepAlive && {
      http2KeepAlive: {
        intervalMs: parseDuration(http2KeepAlive.interval ?? '') ?? 0,
        timeoutMs: parseDuration(http2KeepAlive.timeout ?? '') ?? 0,
      },
    }),
  };
}

/** Field by field: what the destination says goes before what the mesh does. */
function translateKeepalive(
  own: TcpKeepaliveSpec | undefined,
  mesh: TcpKeepaliveSpec | undefined,
): NonNullable<ConnectionPool['keepalive']> {
  return {
    ...limit('probes', own?.probes || mesh?.probes),
    ...duration('timeMs', own?.time ?? mesh?.time),
    ...duration('intervalMs', own?.interval ?? mesh?.interval),
  };
}

/** Outlier detection with its defaults: an empty block switches it on. */
export function translateOutliers(spec: OutlierDetectionSpec): OutlierDetection {
  return {
    consecutive5xxErrors: spec.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: spec.consecutiveGatewayErrors ?? 0,
    splitExternalLocalOriginErrors: spec.splitExternalLocalOriginErrors === true,
    consecutiveLocalOriginFailures: spec.consecutiveLocalOriginFailures || 5,
    intervalMs: parseDuration(spec.interval ?? '10s') ?? 10_000,
    baseEjectionTimeMs: parseDuration(spec.baseEjectionTime ?? '30s') ?? 30_000,
    maxEjectionPercent: spec.maxEjectionPercent || 10,
    minHealthPercent: spec.minHealthPercent ?? 0,
  };
}

/** TLS towards the destination. */
export function translateTls({ mode, subjectAltNames = [], ...rest }: ClientTlsSpec): ClientTls {
  const { clientCertificate, privateKey, caCertificates, caCrl, credentialName, sni } = rest;
  return {
    mode: tlsMode(mode),
    ...(clientCertificate && { clientCertificate }),
    ...(privateKey && { privateKey }),
    ...(caCertificates && { caCertificates }),
    ...(caCrl && { caCrl }),
    ...(credentialName && { credentialName }),
    ...(subjectAltNames.length > 0 && { subjectAltNames }),
    ...(sni && { sni }),
    ...(rest.insecureSkipVerify === true && { insecureSkipVerify: true }),
  };
}

function tlsMode(mode: string | undefined): ClientTls['mode'] {
  return mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'ISTIO_MUTUAL' ? mode : 'DISABLE';
}

/** The blocks that ports cannot have for themselves. */
export function translateWayOut({
  tunnel,
  proxyProtocol,
  retryBudget,
}: TrafficPolicySpec): Pick<TrafficPolicy, 'tunnel' | 'proxyProtocol' | 'retryBudget'> {
  const budget: RetryBudget | undefined = retryBudget && {
    percent: retryBudget.percent ?? 20,
    minConcurrency: retryBudget.minRetryConcurrency ?? 3,
  };
  return {
    ...(tunnel && {
      tunnel: {
        protocol: tunnel.protocol === 'POST' ? 'POST' : 'CONNECT',
        targetHost: tunnel.targetHost ?? '',
        targetPort: tunnel.targetPort ?? 0,
      },
    }),
    ...(proxyProtocol && { proxyProtocol: proxyProtocol.version === 'V2' ? 'V2' : 'V1' }),
    ...(budget && { retryBudget: budget }),
  };
}

function limit<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [Key in Name]?: number } {
  return (value ?? 0) > 0 ? ({ [name]: value } as { readonly [Key in Name]: number }) : {};
}

function duration<Name extends string>(
  name: Name,
  text: string | undefined,
): { readonly [Key in Name]?: number } {
  const ms = text === undefined ? undefined : parseDuration(text);
  return ms === undefined ? {} : ({ [name]: ms } as { readonly [Key in Name]: number });
}
