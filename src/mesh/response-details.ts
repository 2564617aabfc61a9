// Envoy's words for why a response is what it is (`response_code_details`), by our codes: what log queries that were
// written for Istio look for.

import type { Code } from './catalogue.ts';

const words: Partial<Record<Code, string>> = {
  AMB1701: 'route_not_found',
  AMB1702: 'rbac_access_denied_matched_policy[none]',
  AMB1703: 'no_healthy_upstream',
  AMB1704: 'cluster_not_found',
  AMB1705: 'cluster_not_found',
  AMB1706: 'upstream_reset_before_response_started{connection_failure}',
  AMB1707: 'upstream_reset_before_response_started{connection_termination}',
  AMB1708: 'response_timeout',
  AMB1709: 'fault_filter_abort',
  AMB1712: 'upstream_reset_after_response_started{connection_termination}',
  AMB1713: 'downstream_remote_disconnect',
  AMB1716: 'upstream_reset_before_response_started{remote_refused_stream_reset}',
  AMB1717: 'cluster_not_found',
  AMB1720: 'upstream_reset_before_response_started{overflow}',
  AMB1721: 'no_healthy_upstream',
};

/** What is known of a response. */
export interface DetailedResponse {
  readonly code?: Code;
  /** The policy that decided, `NAMESPACE/NAME`, and its rule. */
  readonly policy?: string;
  readonly rule?: number;
  /** An endpoint gave it. */
  readonly isUpstream: boolean;
  /** The route itself gave it: a redirect, or a response written there. */
  readonly isDirect: boolean;
}

/** The words; the code where Envoy has none for it. */
export function responseDetails(response: DetailedResponse): string | undefined {
  const { code, policy, rule, isUpstream, isDirect } = response;
  if (code === 'AMB1702' && policy !== undefined) {
    const [namespace, name] = policy.split('/');
    return `rbac_access_denied_matched_policy[ns[${namespace}]-policy[${name}]-rule[${rule ?? 0}]]`;
  }
  if (code !== undefined) return words[code] ?? code;
  if (isUpstream) return 'via_upstream';
  return isDirect ? 'direct_response' : undefined;
}
