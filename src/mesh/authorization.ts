// L4 authorization policies in the form that reaches the node proxies, `istio.security.
// Authorization` (protocol sections 4.8 and 6).

import type { Cidr } from './address.ts';

/** One pattern for a text. */
export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  | { readonly kind: 'presence' };

export interface ServiceAccountMatch {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Conditions on one connection: AND across fields, OR within a list. */
export interface AuthorizationMatch {
  readonly namespaces: readonly StringMatch[];
  readonly notNamespaces: readonly StringMatch[];
  readonly principals: readonly StringMatch[];
  readonly notPrincipals: readonly StringMatch[];
  readonly sourceIps: readonly Cidr[];
  readonly notSourceIps: readonly Cidr[];
  readonly destinationIps: readonly Cidr[];
  readonly notDestinationIps: readonly Cidr[];
  readonly destinationPorts: readonly number[];
  readonly notDestinationPorts: readonly number[];
  readonly serviceAccounts: readonly ServiceAccountMatch[];
  readonly notServiceAccounts: readonly ServiceAccountMatch[];
}

/** OR over its matches. */
export interface AuthorizationClause {
  readonly matches: readonly AuthorizationMatch[];
}

/** AND over its clauses; one user-visible rule of a policy. */
export interface AuthorizationGroup {
  readonly clauses: readonly AuthorizationClause[];
}

/** A policy: OR over its groups. */
export interface Authorization {
  readonly name: string;
  readonly namespace: string;
  readonly scope: 'global' | 'namespace' | 'workload';
  readonly action: 'allow' | 'deny';
  readonly groups: readonly AuthorizationGroup[];
  readonly dryRun: boolean;
}

/** One rule of a policy, by its place there. */
export interface PolicyRule {
  readonly policy: Authorization;
  readonly index: number;
}
