// What a policy applies to: labels of workloads, or targets (features section 7.3, Security). Nothing
// is taken for granted about the types of the fields: the API server may know another definition.

import type { AuthorizationPolicyObject } from '../kinds/security.ts';
import type { Problem } from './finding.ts';
import { invalid } from './validate-values.ts';

const targetKinds = new Set([
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
  '/Service',
  'networking.istio.io/ServiceEntry',
]);

/** Problems of `spec.selector`. */
export function selectorProblems(selector: unknown): Problem[] {
  if (selector === undefined) return [];
  const labels = isRecord(selector) ? (selector['matchLabels'] ?? {}) : undefined;
  if (isRecord(labels) && Object.values(labels).every((value) => typeof value === 'string')) {
    return [];
  }
  return [invalid('spec.selector', 'must have matchLabels, whose values are texts')];
}

/** Problems of `spec.targetRefs` and the deprecated `spec.targetRef`. */
export function targetProblems({ metadata, spec }: AuthorizationPolicyObject): Problem[] {
  const { targetRef, targetRefs = [] }: { targetRef?: unknown; targetRefs?: unknown } = spec ?? {};
  if (!Array.isArray(targetRefs)) return [invalid('spec.targetRefs', 'must be a list')];
  const targets: readonly unknown[] = [
    ...(targetRef === undefined ? [] : [targetRef]),
    ...targetRefs,
  ];
  return targets.flatMap((target, index) =>
    problemsOfTarget(target, `spec.targetRefs[${index}]`, metadata.namespace),
  );
}

function problemsOfTarget(
  target: unknown,
  path: string,
  ownNamespace: string | undefined,
): Problem[] {
  if (!isRecord(target) || typeof target['name'] !== 'string' || target['name'] === '') {
    return [invalid(path, 'must have a kind and a name')];
  }
  const { namespace, group = '', kind } = target;
  const problems: Problem[] = [];
  if (namespace !== undefined && namespace !== ownNamespace) {
    const text = 'must be left out: targets are in the namespace of the policy';
    problems.push(invalid(`${path}.namespace`, text));
  }
  if (!targetKinds.has(`${String(group)}/${String(kind)}`)) {
    const shown = `${group === '' ? '""' : String(group)} ${String(kind)}`;
    const text = `must be Gateway, GatewayClass, Service or ServiceEntry with its group, not ${shown}`;
    problems.push(invalid(`${path}.kind`, text));
  }
  return problems;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
