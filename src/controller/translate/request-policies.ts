// AuthorizationPolicies that are bound to waypoints (features section 2.2).

import type {
  AuthorizationPolicy,
  PolicyCondition,
  PolicyRule,
  PolicySource,
} from '../../mesh/request-policy.ts';
import type { AuthorizationPolicyObject, RuleSpec, SourceSpec } from '../kinds/security.ts';
import { isDryRun } from './authorizations.ts';

/** The outcome for one policy. */
export type RequestPolicyTranslation =
  | {
      readonly kind: 'policy';
      readonly policy: AuthorizationPolicy;
      /** Paths of fields that waypoints do not evaluate yet. */
      readonly dropped: readonly string[];
    }
  /** Waypoints cannot enforce it at all; `field` says why. */
  | { readonly kind: 'unsupported'; readonly field: string };

const supportedKey =
  /^(request\.headers\[[^\]]+\]|(source|destination)\.ip|source\.(namespace|principal|serviceAccount)|destination\.port)$/;

const unsupportedSources = [
  'requestPrincipals',
  'notRequestPrincipals',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'trustDomains',
  'notTrustDomains',
] as const satisfies readonly (keyof SourceSpec)[];

/** Translates a policy. Where an attribute is not supported, an ALLOW rule is left out and a DENY
 * rule loses the attribute: less is allowed and more is denied, never the other way. */
export function translateRequestPolicy(
  object: AuthorizationPolicyObject,
): RequestPolicyTranslation {
  const { namespace = '', name } = object.metadata;
  const action = object.spec?.action ?? 'ALLOW';
  if (action === 'AUDIT' || action === 'CUSTOM') {
    return { kind: 'unsupported', field: `spec.action ${action}` };
  }
  const dropped: string[] = [];
  const rules = (object.spec?.rules ?? []).flatMap((rule, index) => {
    const lost = unsupportedFields(rule, `spec.rules[${index}]`);
    dropped.push(...lost);
    return lost.length > 0 && action === 'ALLOW' ? [] : [translateRule(rule, namespace)];
  });
  const dryRun = isDryRun(object) && { dryRun: true };
  return { kind: 'policy', policy: { namespace, name, action, rules, ...dryRun }, dropped };
}

function unsupportedFields(rule: RuleSpec, path: string): string[] {
  const sources = (rule.from ?? []).flatMap(({ source = {} }, index) =>
    unsupportedSources
      .filter((field) => (source[field] ?? []).length > 0)
      .map((field) => `${path}.from[${index}].source.${field}`),
  );
  const conditions = (rule.when ?? []).flatMap(({ key }, index) =>
    supportedKey.test(key) ? [] : [`${path}.when[${index}] (${key})`],
  );
  return [...sources, ...conditions];
}

function translateRule(rule: RuleSpec, namespace: string): PolicyRule {
  const conditions = (rule.when ?? []).filter(({ key }) => supportedKey.test(key));
  return {
    ...(rule.from?.length && {
      from: rule.from.map(({ source }) => translateSource(source ?? {}, namespace)),
    }),
    ...(rule.to?.length && { to: rule.to.map(({ operation }) => ({ ...operation })) }),
    ...(conditions.length > 0 && { when: conditions.map((one) => translateCondition(one)) }),
  };
}

function translateCondition(condition: PolicyCondition): PolicyCondition {
  const { key, values, notValues } = condition;
  return { key, ...(values && { values }), ...(notValues && { notValues }) };
}

function translateSource(source: SourceSpec, namespace: string): PolicySource {
  const complete = (accounts: readonly string[]): string[] =>
    accounts.map((text) => (text.includes('/') ? text : `${namespace}/${text}`));
  const { principals, notPrincipals, namespaces, notNamespaces, ipBlocks, notIpBlocks } = source;
  return {
    ...(principals && { principals }),
    ...(notPrincipals && { notPrincipals }),
    ...(namespaces && { namespaces }),
    ...(notNamespaces && { notNamespaces }),
    ...(source.serviceAccounts && { serviceAccounts: complete(source.serviceAccounts) }),
    ...(source.notServiceAccounts && {
      notServiceAccounts: complete(source.notServiceAccounts),
    }),
    ...(ipBlocks && { ipBlocks }),
    ...(notIpBlocks && { notIpBlocks }),
  };
}
