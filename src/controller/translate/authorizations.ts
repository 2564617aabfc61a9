// AuthorizationPolicies that node proxies enforce (protocol section 4.9).

import type { Authorization } from '../../mesh/authorization.ts';
import { type KubernetesObject, keyOf, selects } from '../kinds/object.ts';
import type { AuthorizationPolicyObject } from '../kinds/security.ts';
import type { Finding } from './finding.ts';
import type { MeshOptions } from './mesh-options.ts';
import { translateRule } from './policy-rules.ts';

/** Evaluates a policy without effect. */
export const dryRunAnnotation = 'istio.io/dry-run';

/** The outcome for one policy. */
export interface AuthorizationTranslation {
  /** Undefined when the policy is not sent to node proxies. */
  readonly authorization: Authorization | undefined;
  readonly finding: Finding;
}

/** Whether a policy is bound to waypoints rather than to workloads. */
export function hasTargets(policy: AuthorizationPolicyObject): boolean {
  return policy.spec?.targetRef !== undefined || (policy.spec?.targetRefs ?? []).length > 0;
}

/** Whether a policy is only to be evaluated, without effect. */
export function isDryRun(policy: AuthorizationPolicyObject): boolean {
  return policy.metadata.annotations?.[dryRunAnnotation] === 'true';
}

/** Translates a policy without targets. */
export function translateAuthorization(
  policy: AuthorizationPolicyObject,
  mesh: MeshOptions,
): AuthorizationTranslation {
  const { namespace = '', name } = policy.metadata;
  const spec = policy.spec ?? {};
  const action = spec.action ?? 'ALLOW';
  if (action === 'AUDIT' || action === 'CUSTOM') {
    return {
      authorization: undefined,
      finding: ztunnelFinding(policy, 'False', 'UnsupportedValue', {
        code: 'AMB1610',
        text: `spec.action: ${action} is not enforced by node proxies; the policy has no effect`,
      }),
    };
  }
  const verdict = action === 'DENY' ? 'deny' : 'allow';
  const rules = (spec.rules ?? []).map((rule, index) =>
    translateRule(rule, verdict, namespace, `spec.rules[${index}]`),
  );
  const dropped = rules.flatMap((rule) => rule.dropped);
  return {
    authorization: {
      name,
      namespace,
      scope: scopeOf(policy, mesh),
      action: verdict,
      groups: rules.flatMap(({ group }) => group ?? []),
      dryRun: isDryRun(policy),
    },
    finding:
      dropped.length === 0
        ? ztunnelFinding(policy, 'True', 'Accepted')
        : ztunnelFinding(policy, 'True', 'UnsupportedValue', {
            code: 'AMB1612',
            text: `${dropped.join(', ')}: node proxies see no HTTP; ${
              verdict === 'allow'
                ? 'the rules that use them are left out, so less is allowed'
                : 'the attributes are left out, so more is denied; a rule with nothing else has no effect'
            }`,
          }),
  };
}

/** The names of the policies that select a pod by its labels. */
export function policiesSelecting(
  pod: KubernetesObject,
  policies: readonly AuthorizationPolicyObject[],
  mesh: MeshOptions,
): string[] {
  return policies
    .filter((policy) => {
      if (scopeOf(policy, mesh) !== 'workload') return false;
      const home = policy.metadata.namespace;
      if (home !== mesh.rootNamespace && home !== pod.metadata.namespace) return false;
      return selects(policy.spec?.selector?.matchLabels, pod.metadata.labels);
    })
    .map(keyOf);
}

function scopeOf(policy: AuthorizationPolicyObject, mesh: MeshOptions): Authorization['scope'] {
  if (Object.keys(policy.spec?.selector?.matchLabels ?? {}).length > 0) return 'workload';
  return policy.metadata.namespace === mesh.rootNamespace ? 'global' : 'namespace';
}

function ztunnelFinding(
  policy: AuthorizationPolicyObject,
  status: Finding['status'],
  reason: string,
  problem?: { code: 'AMB1610' | 'AMB1612'; text: string },
): Finding {
  const { namespace = '', name } = policy.metadata;
  const attached = isDryRun(policy)
    ? 'attached to ztunnel as a dry run: recorded there, without effect'
    : 'attached to ztunnel';
  return {
    object: { kind: 'AuthorizationPolicy', namespace, name },
    type: 'ZtunnelAccepted',
    status,
    reason,
    message: problem === undefined ? attached : `${problem.code} ${problem.text}`,
    ...(problem === undefined ? {} : { code: problem.code }),
  };
}
