// Keeps the last valid version of every configuration object, so that a mistake in an edit takes
// nothing out of force. Those of invalid objects are given out to be saved, and taken back after a
// restart of the controller.

import type { Code } from '../../mesh/catalogue.ts';
import type { KindName, KindTypes } from '../kinds/kinds.ts';
import { type KubernetesObject, keyOf } from '../kinds/object.ts';
import { type Finding, formatProblem, type ObjectReference, type Problem } from './finding.ts';

/** The condition that says whether an object is valid. */
export const acceptedCondition = 'ambit.io/Accepted';

/** What is in force of one kind, and what to tell the authors. */
export interface Settled<Kind extends KindName> {
  readonly objects: readonly KindTypes[Kind][];
  readonly findings: readonly Finding[];
  /** Keys of the objects whose newest version is not valid. */
  readonly invalid: ReadonlySet<string>;
  /** Invalid objects of which no valid version is known. */
  readonly unknown: readonly KindTypes[Kind][];
}

/** The version of an invalid object that is in force in its place. */
export interface KeptVersion {
  readonly kind: KindName;
  readonly valid: KubernetesObject;
  /** The newest generation that is known not to be valid. */
  readonly invalidGeneration: number;
}

/** What comes of an invalid object without a valid version. */
export interface Consequence {
  readonly code: Code;
  /** A sentence part. */
  readonly text: string;
}

/** What else may be asked about objects of a kind. */
export interface Questions<T> {
  /** What to warn of in a valid object. */
  readonly warn?: (object: T) => readonly Problem[];
  /** What comes of an invalid one without a valid version; by default it is out of force. */
  readonly withoutVersion?: (object: T) => Consequence;
}

/** Said of objects that are left out. */
export const notInForce: Consequence = {
  code: 'AMB1613',
  text: 'NOT in force, as no valid version has been seen',
};

interface Check {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** The last valid version of each object, by kind and key. */
export class ValidVersions {
  readonly #byKind = new Map<KindName, Map<string, KubernetesObject>>();
  /** Versions saved by an earlier process, until their objects have been seen. */
  readonly #saved = new Map<string, KeptVersion>();
  /** Those in force in the place of invalid ones, by kind. */
  readonly #kept = new Map<KindName, readonly KeptVersion[]>();
  /** Objects that have been checked; versions are immutable, so the outcome is too. */
  readonly #checked = new WeakMap<KubernetesObject, Check>();

  /** The versions to save: those of the objects that are invalid now. */
  get kept(): readonly KeptVersion[] {
    return [...this.#kept.values()].flat();
  }

  /** Takes versions that an earlier process has saved. */
  restore(saved: readonly KeptVersion[]): void {
    for (const one of saved) this.#saved.set(savedKey(one.kind, one.valid), one);
  }

  /** Checks all objects of a kind and answers the versions in force. */
  settle<Kind extends KindName>(
    kind: Kind,
    objects: readonly KindTypes[Kind][],
    validate: (object: KindTypes[Kind]) => readonly Problem[],
    questions: Questions<KindTypes[Kind]> = {},
  ): Settled<Kind> {
    const before = this.#byKind.get(kind);
    const after = new Map<string, KubernetesObject>();
    const findings: Finding[] = [];
    const invalid = new Set<string>();
    const unknown: KindTypes[Kind][] = [];
    const kept: KeptVersion[] = [];
    for (const object of objects) {
      const key = keyOf(object);
      const { problems, warnings } = this.#check(object, validate, questions.warn);
      const saved = this.#takeSaved(kind, object, validate);
      if (problems.length === 0) {
        after.set(key, object);
        findings.push(accepted(kind, object, warnings));
        continue;
      }
      invalid.add(key);
      const older = before?.get(key);
      const valid = older?.metadata.uid === object.metadata.uid ? older : undefined;
      const inForce = (valid ?? saved) as KindTypes[Kind] | undefined;
      findings.push(refused(kind, object, problems, inForce, questions.withoutVersion));
      if (inForce === undefined) {
        unknown.push(object);
        continue;
      }
      after.set(key, inForce);
      kept.push({ kind, valid: inForce, invalidGeneration: object.metadata.generation ?? 0 });
    }
    this.#byKind.set(kind, after);
    this.#kept.set(kind, kept);
    return { objects: [...after.values()] as KindTypes[Kind][], findings, invalid, unknown };
  }

  #check<Kind extends KindName>(
    object: KindTypes[Kind],
    validate: (object: KindTypes[Kind]) => readonly Problem[],
    warn: (object: KindTypes[Kind]) => readonly Problem[] = () => [],
  ): Check {
    const known = this.#checked.get(object);
    if (known !== undefined) return known;
    const problems = attempt(object, validate);
    const check = { problems, warnings: problems.length === 0 ? warn(object) : [] };
    this.#checked.set(object, check);
    return check;
  }

  /** The saved version of an object, asked for once. It counts only when no generation can have been
   * valid since, and when it is still valid by the rules of this process. */
  #takeSaved<Kind extends KindName>(
    kind: Kind,
    object: KindTypes[Kind],
    validate: (object: KindTypes[Kind]) => readonly Problem[],
  ): KubernetesObject | undefined {
    const key = savedKey(kind, object);
    const saved = this.#saved.get(key);
    if (saved === undefined) return undefined;
    this.#saved.delete(key);
    const { valid, invalidGeneration } = saved;
    if (keyOf(valid) !== keyOf(object)) return undefined;
    if ((object.metadata.generation ?? 0) > invalidGeneration + 1) return undefined;
    return attempt(valid as KindTypes[Kind], validate).length === 0 ? valid : undefined;
  }
}

function savedKey(kind: KindName, object: KubernetesObject): string {
  return `${kind} ${object.metadata.uid ?? ''}`;
}

/** A validator that trips over a field of an unexpected type makes that object invalid, not more. */
export function attempt<T>(
  object: T,
  validate: (object: T) => readonly Problem[],
): readonly Problem[] {
  try {
    return validate(object);
  } catch (error) {
    const text = `has a field of an unexpected type (${String(error)})`;
    return [{ code: 'AMB1601', field: 'spec', text }];
  }
}

function accepted(kind: KindName, object: KubernetesObject, warnings: readonly Problem[]): Finding {
  const shared = { object: referenceTo(kind, object), type: acceptedCondition } as const;
  const [first] = warnings;
  if (first === undefined) {
    return { ...shared, status: 'True', reason: 'Accepted', message: 'valid' };
  }
  return {
    ...shared,
    status: 'True',
    reason: 'AcceptedWithWarning',
    message: `valid, but ${warnings.map(formatProblem).join('; ')}`,
    code: first.code,
  };
}

function refused<T extends KubernetesObject>(
  kind: KindName,
  object: T,
  problems: readonly Problem[],
  inForce: T | undefined,
  withoutVersion: (object: T) => Consequence = () => notInForce,
): Finding {
  const list = problems.map(formatProblem).join('; ');
  const shared = {
    object: referenceTo(kind, object),
    type: acceptedCondition,
    status: 'False',
    reason: 'Invalid',
  } as const;
  if (inForce === undefined) {
    const { code, text } = withoutVersion(object);
    return { ...shared, message: `${list}; ${code}: ${text}`, code };
  }
  const generation = inForce.metadata.generation ?? 'unknown';
  const consequence = `the last valid version (generation ${generation}) stays in force`;
  const code = problems[0]?.code ?? 'AMB1601';
  return { ...shared, message: `${list}; ${consequence}`, code };
}

function referenceTo(kind: KindName, { metadata }: KubernetesObject): ObjectReference {
  const { namespace, name } = metadata;
  return { kind, name, ...(namespace === undefined ? {} : { namespace }) };
}
