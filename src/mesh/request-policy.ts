// AuthorizationPolicy as a waypoint enforces it: every field that works on requests. The shapes are
// those of proto/ambit/waypoint.proto in canonical protobuf JSON. Values keep Istio's patterns:
// `exact`, `prefix*`, `*suffix`, `*` (features section 2.2.3).

/** Who sent a request; AND across fields, OR within a list. */
export interface PolicySource {
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  /** `NAMESPACE/NAME`. */
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
}

/** What a request asks for; AND across fields, OR within a list. */
export interface PolicyOperation {
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  readonly ports?: readonly string[];
  readonly notPorts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
}

export interface PolicyCondition {
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

/** One rule: some source, some operation and all conditions. An absent list matches everything. */
export interface PolicyRule {
  readonly from?: readonly PolicySource[];
  readonly to?: readonly PolicyOperation[];
  readonly when?: readonly PolicyCondition[];
}

/** A policy for requests. An ALLOW policy without rules allows nothing. */
export interface AuthorizationPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly PolicyRule[];
  /** Evaluated and recorded, never enforced. */
  readonly dryRun?: boolean;
}
