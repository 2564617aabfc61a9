// Objects that the controller wants to exist, and which of them are not as wanted. Pure.

import { createHash } from 'node:crypto';
import type { KubernetesObject } from './kinds/object.ts';
import type { ObjectReference } from './translate/finding.ts';

/** An object to be applied. */
export interface DesiredObject {
  readonly path: string;
  readonly body: KubernetesObject;
  /** Set where fields that somebody else has set are left to him, and the author of this object is told. */
  readonly author?: ObjectReference;
  /** Set where another control plane may keep what it has set, and only that. */
  readonly yieldsToRivals?: true;
  /** The version that exists, where it matters whether others have changed it. */
  readonly existing?: KubernetesObject;
}

/** An object to be deleted. */
export interface UnwantedObject {
  readonly path: string;
}

/** What to change in the cluster. */
export interface Changes {
  readonly apply: readonly DesiredObject[];
  readonly remove: readonly UnwantedObject[];
}

/** The name that the fields of the default control plane are kept under. */
export const fieldManager = 'ambit-controller';

/** The annotation with the mark of what was applied. */
export const appliedAnnotation = 'ambit.io/applied';

/** Marks an object with a hash of what was wanted, so that only differences are applied. */
export function marked(object: KubernetesObject): KubernetesObject {
  const hash = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 16);
  const annotations = { ...object.metadata.annotations, [appliedAnnotation]: hash };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** What tells two wanted versions of an object apart: the mark, or all of it. */
export function contentOf(wanted: KubernetesObject): string {
  return wanted.metadata.annotations?.[appliedAnnotation] ?? JSON.stringify(wanted);
}

/** Whether the object that exists was made from what is wanted now. */
export function isApplied(
  existing: KubernetesObject | undefined,
  wanted: KubernetesObject,
): boolean {
  const mark = wanted.metadata.annotations?.[appliedAnnotation];
  return existing !== undefined && existing.metadata.annotations?.[appliedAnnotation] === mark;
}
