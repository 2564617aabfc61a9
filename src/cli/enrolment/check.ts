// Everything that enrolling a namespace would change for the worse. Pure.

import { checkNamespace } from './check-namespace.ts';
import { checkPods } from './check-pods.ts';
import { checkPolicies } from './check-policies.ts';
import type { EnrolmentFacts } from './facts.ts';
import { type Finding, inOrder } from './finding.ts';

/** The findings, the worst first. */
export function checkEnrolment(facts: EnrolmentFacts): readonly Finding[] {
  return inOrder([...checkPolicies(facts), ...checkPods(facts), ...checkNamespace(facts)]);
}
