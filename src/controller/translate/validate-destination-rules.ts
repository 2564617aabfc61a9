// What makes a DestinationRule invalid (features section 7.3). Parts of a traffic policy that have no
// effect yet are not checked in depth.

import type { DestinationRule } from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { exportProblems, invalid, percentProblems, rangeProblems } from './validate-values.ts';

/** All problems of a DestinationRule. */
export function validateDestinationRule(object: DestinationRule): Problem[] {
  const spec = object.spec ?? {};
  const problems = exportProblems(spec.exportTo, 'spec.exportTo');
  if (spec.host === undefined || !(spec.host === '*' || isHostPattern(spec.host))) {
    const text = `"${spec.host ?? ''}" is no DNS name or "*.suffix"`;
    problems.push({ code: 'AMB1604', field: 'spec.host', text });
  }
  if (spec.trafficPolicy !== undefined && Object.keys(spec.trafficPolicy).length === 0) {
    problems.push(invalid('spec.trafficPolicy', 'must have at least one field'));
  }
  const balancer = spec.trafficPolicy?.loadBalancer;
  if (balancer?.simple !== undefined && balancer['consistentHash'] !== undefined) {
    const text = 'cannot have both simple and consistentHash';
    problems.push(invalid('spec.trafficPolicy.loadBalancer', text));
  }
  const { percent, minRetryConcurrency } = spec.trafficPolicy?.retryBudget ?? {};
  const budget = 'spec.trafficPolicy.retryBudget';
  problems.push(
    ...percentProblems(percent, `${budget}.percent`),
    ...rangeProblems(minRetryConcurrency, `${budget}.minRetryConcurrency`, 0, 2 ** 32 - 1),
  );
  const seen = new Set<string>();
  for (const [index, { name }] of (spec.subsets ?? []).entries()) {
    const path = `spec.subsets[${index}].name`;
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)) {
      problems.push(invalid(path, `"${name}" is no valid subset name`));
    }
    if (seen.has(name)) problems.push(invalid(path, `"${name}" is used twice`));
    seen.add(name);
  }
  return problems;
}
