// What a policy applies to: labels of workloads, or targets (features section 7.3, Security). Nothing
// is taken for granted about the types of the fields: the API server may know another definition.

import type { KubernetesObject } from '../kinds/object.ts';
import type { SelectingSpec } from '../kinds/unwatched.ts';
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
    return labelProblems(labels, 'spec.selector.matchLabels');
  }
  return [invalid('spec.selector', 'must have matchLabels, whose values are texts')];
}

/** Problems of labels that select. */
export function labelProblems(labels: unknown, path: string): Problem[] {
  if (labels === undefined) return [];
  if (!isRecord(labels)) return [invalid(path, 'must be labels')];
  return Object.entries(labels).flatMap(([name, value]) => {
    if (name === '') return [invalid(path, 'the name of a label must not be empty')];
    const isPlain = !`${name}${String(value)}`.includes('*');
    return isPlain ? [] : [invalid(`${path}.${name}`, 'must not have wildcards')];
  });
}

/** Problems of the selector and the targets of an object, which may have one of the two. */
export function selectionProblems(object: KubernetesObject<SelectingSpec>): Problem[] {
  const { selector, targetRef, targetRefs = [] } = object.spec ?? {};
  const problems = [...selectorProblems(selector), ...targetProblems(object)];
  if (selector !== undefined && (targetRef !== undefined || targetRefs.length > 0)) {
    problems.push(invalid('spec.selector', 'set either selector or targetRefs, not both'));
  }
  return problems;
}

/** Problems of `spec.targetRefs` and the deprecated `spec.targetRef`. */
export function targetProblems({ metadata, spec }: KubernetesObject<SelectingSpec>): Problem[] {
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
