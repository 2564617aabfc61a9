// The form of what is particular to one kind.

import type { FieldProblem } from '../api-error.ts';
import type { ApiObject } from '../store.ts';
import type { Core, Write } from '../writes/core.ts';

/** What a kind asks for beyond its schema. */
export interface KindRules {
  /** Completes the object before it is checked; `previous` is absent on create. */
  readonly prepare?: (
    core: Core,
    object: ApiObject,
    previous: ApiObject | undefined,
    write: Write,
  ) => void;
  /** What the schema cannot say. Called with objects that the schema accepts. */
  readonly problems?: (
    core: Core,
    object: ApiObject,
    previous: ApiObject | undefined,
  ) => FieldProblem[];
}

/** A field that must not change has changed. */
export function immutable(field: string, value: unknown): FieldProblem {
  return {
    field,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: field is immutable`,
  };
}

/** A field has a value that the kind refuses. */
export function refused(field: string, value: unknown, why: string): FieldProblem {
  return {
    field,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
  };
}

/** A mandatory field is missing. */
export function missing(field: string, why = ''): FieldProblem {
  return {
    field,
    reason: 'FieldValueRequired',
    message: why === '' ? 'Required value' : `Required value: ${why}`,
  };
}
