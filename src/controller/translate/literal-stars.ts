// Warns of stars in patterns of an AuthorizationPolicy that Istio compares literally: neither the whole
// value nor its first or last character (features section 2.2.3).

import type { PolicyCondition } from '../../mesh/request-policy.ts';
import type { AuthorizationPolicyObject, RuleSpec, SourceSpec } from '../kinds/security.ts';
import type { Problem } from './finding.ts';
import { requestOperations, stringMatch } from './policy-rules.ts';

const sourceFields = [
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  'trustDomains',
  'notTrustDomains',
] as const satisfies readonly (keyof SourceSpec)[];

/** Warnings about a valid policy, one per value. */
export function literalStars({ spec }: AuthorizationPolicyObject): Problem[] {
  return (spec?.rules ?? []).flatMap((rule, index) => inRule(rule, `spec.rules[${index}]`));
}

function inRule(rule: RuleSpec, path: string): Problem[] {
  return [
    ...(rule.from ?? []).flatMap(({ source = {} }, index) =>
      sourceFields.flatMap((field) =>
        inList(source[field], `${path}.from[${index}].source.${field}`),
      ),
    ),
    ...(rule.to ?? []).flatMap(({ operation = {} }, index) =>
      requestOperations.flatMap((field) =>
        inList(operation[field], `${path}.to[${index}].operation.${field}`),
      ),
    ),
    ...(rule.when ?? []).flatMap((condition, index) =>
      inCondition(condition, `${path}.when[${index}]`),
    ),
  ];
}

function inCondition(condition: PolicyCondition, path: string): Problem[] {
  return (['values', 'notValues'] as const).flatMap((field) =>
    inList(condition[field], `${path}.${field}`),
  );
}

function inList(values: readonly string[] | undefined, path: string): Problem[] {
  return (values ?? []).flatMap((value, index): Problem[] => {
    const match = stringMatch(value);
    // Templates of paths have stars of their own.
    const rest = match.kind === 'presence' ? '' : match.value.replace(/\{\*{1,2}\}/g, '');
    if (!rest.includes('*')) return [];
    const text = `"${value}" has a star that is compared literally; only one at the beginning or the end stands for any text`;
    return [{ code: 'AMB1624', field: `${path}[${index}]`, text }];
  });
}
