// Keeps the last valid version of every configuration object, so that a mistake in an edit takes
// nothing out of force. The memory is the process's own: after a restart of the controller an
// invalid object has no valid version, and its condition says so.

import type { Code } from '../../mesh/catalogue.ts';
import type { KindName, KindTypes } from '../kinds/kinds.ts';
import { type KubernetesObject, keyOf } from '../kinds/object.ts';
import { type Finding, formatProblem, type Problem } from './finding.ts';

/** The condition that says whether an object is valid. */
export const acceptedCondition = 'ambit.io/Accepted';

/** What is in force of one kind, and what to tell the authors. */
export interface Settled<Kind extends KindName> {
  readonly objects: readonly KindTypes[Kind][];
  readonly findings: readonly Finding[];
  /** Keys of the objects whose newest version is not valid. */
  readonly invalid: ReadonlySet<string>;
}

/** The last valid version of each object, by kind and key. */
export class ValidVersions {
  readonly #byKind = new Map<KindName, Map<string, KubernetesObject>>();
  /** Objects that have been checked; versions are immutable, so the outcome is too. */
  readonly #checked = new WeakMap<KubernetesObject, readonly Problem[]>();

  /** Checks all objects of a kind and answers the versions in force. */
  settle<Kind extends KindName>(
    kind: Kind,
    objects: readonly KindTypes[Kind][],
    validate: (object: KindTypes[Kind]) => readonly Problem[],
  ): Settled<Kind> {
    const before = this.#byKind.get(kind);
    const after = new Map<string, KubernetesObject>();
    const findings: Finding[] = [];
    const invalid = new Set<string>();
    for (const object of objects) {
      const key = keyOf(object);
      const problems = this.#check(object, validate);
      const older = before?.get(key);
      const kept = older?.metadata.uid === object.metadata.uid ? older : undefined;
      const effective = problems.length === 0 ? object : kept;
      if (effective !== undefined) after.set(key, effective);
      if (problems.length > 0) invalid.add(key);
      findings.push(verdict(kind, object, problems, kept));
    }
    this.#byKind.set(kind, after);
    return { objects: [...after.values()] as KindTypes[Kind][], findings, invalid };
  }

  #check<Kind extends KindName>(
    object: KindTypes[Kind],
    validate: (object: KindTypes[Kind]) => readonly Problem[],
  ): readonly Problem[] {
    const known = this.#checked.get(object);
    if (known !== undefined) return known;
    const problems = attempt(object, validate);
    this.#checked.set(object, problems);
    return problems;
  }
}

/** A validator that trips over a field of an unexpected type makes that object invalid, not more. */
function attempt<T>(object: T, validate: (object: T) => readonly Problem[]): readonly Problem[] {
  try {
    return validate(object);
  } catch (error) {
    const text = `has a field of an unexpected type (${String(error)})`;
    return [{ code: 'AMB1601', field: 'spec', text }];
  }
}

function verdict(
  kind: KindName,
  object: KubernetesObject,
  problems: readonly Problem[],
  kept: KubernetesObject | undefined,
): Finding {
  const { namespace, name } = object.metadata;
  const reference = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
  const shared = { object: reference, type: acceptedCondition } as const;
  const [first] = problems;
  if (first === undefined) {
    return { ...shared, status: 'True', reason: 'Accepted', message: 'valid' };
  }
  const list = problems.map(formatProblem).join('; ');
  const code: Code = kept === undefined ? 'AMB1613' : first.code;
  const consequence =
    kept === undefined
      ? 'AMB1613: NOT in force, as no valid version has been seen'
      : `the last valid version (generation ${kept.metadata.generation ?? 'unknown'}) stays in force`;
  return {
    ...shared,
    status: 'False',
    reason: 'Invalid',
    message: `${list}; ${consequence}`,
    code,
  };
}
