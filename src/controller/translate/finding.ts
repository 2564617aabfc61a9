// What translation has to say to the author of an object. Findings become status conditions, and
// those with a code become Events too.

import type { Code } from '../../mesh/catalogue.ts';
import type { KindName } from '../kinds/kinds.ts';
import type { Condition, KubernetesObject } from '../kinds/object.ts';

/** The object that a finding concerns. */
export interface ObjectReference {
  readonly kind: KindName;
  readonly namespace?: string;
  readonly name: string;
}

/** A condition to write on an object. */
export interface Finding {
  readonly object: ObjectReference;
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  /** Set where the author should act. */
  readonly code?: Code;
}

/** Fields of a status beside its conditions. */
export interface StatusFields {
  readonly object: KubernetesObject;
  readonly fields: object;
  /** Set where findings stand within the fields, instead of in `status.conditions`: what stood there
   * before. */
  readonly before?: readonly Condition[];
}

/** A field that is not valid, and why. */
export interface Problem {
  readonly code: Code;
  /** The path within the object, such as `spec.http[0].match[1].uri.regex`. */
  readonly field: string;
  /** What is wrong and what to write instead, as a sentence part. */
  readonly text: string;
}

/** One problem in the form of a message: `CODE FIELD: TEXT`. */
export function formatProblem(problem: Problem): string {
  return `${problem.code} ${problem.field}: ${problem.text}`;
}

/** Whether two conditions say the same, apart from when they began. */
export function sameCondition(left: Condition, right: Condition): boolean {
  return (
    left.type === right.type &&
    left.status === right.status &&
    left.reason === right.reason &&
    left.message === right.message &&
    left.observedGeneration === right.observedGeneration
  );
}

/** One condition of a type per object: the first. */
export function withoutRepeats(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ object, type }) => {
    const key = `${object.kind} ${object.namespace ?? ''}/${object.name} ${type}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
