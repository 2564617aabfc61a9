// Istio's kinds that the controller validates and does not act on (features sections 1.3, 1.6 to 1.9, 3.1
// and 4), with RequestAuthentication, whose fields no translation reads yet.

import type { ConnectionPoolSpec } from './networking.ts';
import type { KubernetesObject } from './object.ts';
import type { LabelSelector, TargetReference } from './security.ts';
import type { WorkloadEntrySpec } from './service-entry.ts';

/** What selects workloads or names targets. */
export interface SelectingSpec {
  readonly selector?: LabelSelector;
  readonly targetRef?: TargetReference;
  readonly targetRefs?: readonly TargetReference[];
}

export interface JwtRuleSpec {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  readonly jwksUri?: string;
  readonly jwks_uri?: string;
  readonly jwks?: string;
  readonly fromHeaders?: readonly { readonly name?: string; readonly prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders?: readonly { readonly header?: string; readonly claim?: string }[];
  readonly timeout?: string;
  readonly spaceDelimitedClaims?: readonly string[];
}

export type RequestAuthentication = KubernetesObject<
  SelectingSpec & { readonly jwtRules?: readonly JwtRuleSpec[] }
>;

export interface PortSpec {
  readonly number?: number;
  readonly name?: string;
  readonly protocol?: string;
  readonly targetPort?: number;
}

export interface ServerTlsSpec {
  readonly httpsRedirect?: boolean;
  readonly mode?: string;
  readonly serverCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  readonly credentialName?: string;
  readonly credentialNames?: readonly string[];
  readonly caCertCredentialName?: string;
  readonly tlsCertificates?: readonly {
    readonly serverCertificate?: string;
    readonly privateKey?: string;
  }[];
  readonly subjectAltNames?: readonly string[];
  readonly minProtocolVersion?: string;
  readonly maxProtocolVersion?: string;
  readonly cipherSuites?: readonly string[];
}

export interface ServerSpec {
  readonly port?: PortSpec | null;
  readonly bind?: string;
  readonly hosts?: readonly string[];
  readonly tls?: ServerTlsSpec;
  readonly name?: string;
}

/** Of networking.istio.io, not of the Gateway API. */
export type IngressGateway = KubernetesObject<{
  readonly selector?: Readonly<Record<string, string>>;
  readonly servers?: readonly ServerSpec[];
}>;

export interface SidecarListenerSpec {
  readonly port?: PortSpec;
  readonly bind?: string;
  readonly captureMode?: string;
  readonly hosts?: readonly string[];
  readonly defaultEndpoint?: string;
  readonly tls?: ServerTlsSpec;
  readonly connectionPool?: ConnectionPoolSpec;
}

export interface SidecarSpec {
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
  readonly ingress?: readonly SidecarListenerSpec[];
  readonly egress?: readonly SidecarListenerSpec[];
  readonly inboundConnectionPool?: ConnectionPoolSpec;
  readonly outboundTrafficPolicy?: {
    readonly mode?: string;
    readonly egressProxy?: { readonly host?: string };
  };
}

export type Sidecar = KubernetesObject<SidecarSpec>;

export interface ReadinessProbeSpec {
  readonly initialDelaySeconds?: number;
  readonly timeoutSeconds?: number;
  readonly periodSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
  readonly httpGet?: { readonly port?: number; readonly path?: string };
  readonly tcpSocket?: { readonly port?: number };
  readonly exec?: { readonly command?: readonly string[] };
  readonly grpc?: { readonly port?: number };
}

export type WorkloadGroup = KubernetesObject<{
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly template?: WorkloadEntrySpec;
  readonly probe?: ReadinessProbeSpec;
}>;

export type ProxyConfig = KubernetesObject<{
  readonly selector?: LabelSelector;
  readonly concurrency?: number;
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly image?: { readonly imageType?: string };
}>;

export interface EnvoyPatchSpec {
  readonly applyTo?: string;
  readonly patch?: { readonly operation?: string; readonly value?: unknown };
}

export type EnvoyFilter = KubernetesObject<
  Pick<SelectingSpec, 'targetRefs'> & {
    readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
    readonly configPatches?: readonly EnvoyPatchSpec[];
    readonly priority?: number;
  }
>;

interface NamedProvider {
  readonly name?: string;
}

export interface TagSpec {
  readonly literal?: { readonly value?: string };
  readonly environment?: { readonly name?: string };
  readonly header?: { readonly name?: string };
  readonly formatter?: { readonly value?: string };
}

export interface TracingSpec {
  readonly providers?: readonly NamedProvider[];
  readonly randomSamplingPercentage?: number;
  readonly customTags?: Readonly<Record<string, TagSpec>>;
}

export interface MetricOverrideSpec {
  readonly match?: { readonly metric?: string; readonly customMetric?: string };
  readonly tagOverrides?: Readonly<
    Record<string, { readonly operation?: string; readonly value?: string }>
  >;
}

export interface MetricsSpec {
  readonly providers?: readonly NamedProvider[];
  readonly overrides?: readonly MetricOverrideSpec[];
  readonly reportingInterval?: string;
}

export interface TelemetrySpec extends SelectingSpec {
  readonly tracing?: readonly TracingSpec[];
  readonly metrics?: readonly MetricsSpec[];
  readonly accessLogging?: readonly {
    readonly providers?: readonly NamedProvider[];
    readonly filter?: { readonly expression?: string };
  }[];
}

export type Telemetry = KubernetesObject<TelemetrySpec>;

export interface WasmSpec {
  readonly url?: string;
  readonly sha256?: string;
  readonly imagePullSecret?: string;
  readonly pluginName?: string;
  readonly vmConfig?: {
    readonly env?: readonly {
      readonly name?: string;
      readonly value?: string;
      readonly valueFrom?: string;
    }[];
  };
}

export interface TrafficSelectorSpec {
  readonly ports?: readonly { readonly number?: number }[];
}

export type WasmPlugin = KubernetesObject<
  SelectingSpec & WasmSpec & { readonly match?: readonly TrafficSelectorSpec[] }
>;

export type TrafficExtension = KubernetesObject<
  SelectingSpec & {
    readonly wasm?: WasmSpec;
    readonly lua?: { readonly inlineCode?: string };
    readonly match?: readonly TrafficSelectorSpec[];
  }
>;
