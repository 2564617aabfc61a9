// security.istio.io: policies (features section 2).

import type { PolicyCondition, PolicyOperation, PolicySource } from '../../mesh/request-policy.ts';
import type { KubernetesObject } from './object.ts';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

export interface TargetReference {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** With the fields of Istio's that no proxy of ours judges by yet. */
export interface SourceSpec extends PolicySource {
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
  readonly trustDomains?: readonly string[];
  readonly notTrustDomains?: readonly string[];
}

export interface RuleSpec {
  readonly from?: readonly { readonly source?: SourceSpec }[];
  readonly to?: readonly { readonly operation?: PolicyOperation }[];
  readonly when?: readonly PolicyCondition[];
}

export interface AuthorizationPolicySpec {
  readonly selector?: LabelSelector;
  readonly targetRef?: TargetReference;
  readonly targetRefs?: readonly TargetReference[];
  readonly action?: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
  readonly provider?: { readonly name?: string };
  readonly rules?: readonly RuleSpec[];
}

export type AuthorizationPolicyObject = KubernetesObject<AuthorizationPolicySpec>;

export type MutualTlsMode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

export interface PeerAuthenticationSpec {
  readonly selector?: LabelSelector;
  readonly mtls?: { readonly mode?: MutualTlsMode };
  readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: MutualTlsMode }>>;
}

export type PeerAuthentication = KubernetesObject<PeerAuthenticationSpec>;
