// Who owns which fields: reading and writing `metadata.managedFields`.

import { jsonEqual } from '../json.ts';
import type { ManagedFieldsEntry, ObjectMeta } from '../store.ts';
import { type FieldValues, fieldsV1Of, pathsOfFieldsV1 } from './field-paths.ts';
import { minus } from './sets.ts';

/** One writer in one role. */
export interface Ownership {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  readonly paths: ReadonlySet<string>;
}

/** Whose entry an ownership is. */
export type Owner = Pick<Ownership, 'manager' | 'operation' | 'subresource'>;

/** The owners of an object. Entries without a manager say nothing. */
export function ownershipsOf(metadata: ObjectMeta | undefined): Ownership[] {
  return (metadata?.managedFields ?? [])
    .filter((entry) => entry.manager !== undefined && entry.manager !== '')
    .map((entry) => ({
      manager: entry.manager ?? '',
      operation: entry.operation ?? 'Update',
      apiVersion: entry.apiVersion ?? '',
      subresource: entry.subresource ?? '',
      time: entry.time ?? '',
      paths: pathsOfFieldsV1(entry.fieldsV1),
    }));
}

/** Sets the owners of an object. Those who own nothing are left out. */
export function setOwnerships(metadata: ObjectMeta, ownerships: readonly Ownership[]): void {
  const entries = ownerships.filter(({ paths }) => paths.size > 0).map(entryOf);
  if (entries.length === 0) delete metadata.managedFields;
  else metadata.managedFields = entries;
}

function entryOf(ownership: Ownership): ManagedFieldsEntry {
  return {
    apiVersion: ownership.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsV1Of([...ownership.paths].toSorted()),
    manager: ownership.manager,
    operation: ownership.operation,
    ...(ownership.subresource === '' ? {} : { subresource: ownership.subresource }),
    time: ownership.time,
  };
}

/** Whether an ownership is that of an owner. */
export function belongsTo(ownership: Ownership, owner: Owner): boolean {
  return (
    ownership.manager === owner.manager &&
    ownership.operation === owner.operation &&
    ownership.subresource === owner.subresource
  );
}

/** What differs between two states of an object. */
export interface FieldChanges {
  /** New or with another value. */
  readonly written: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

/** Compares two states. */
export function changesBetween(before: FieldValues, after: FieldValues): FieldChanges {
  const written = new Set<string>();
  for (const [path, value] of after) {
    if (!before.has(path) || !jsonEqual(before.get(path), value)) written.add(path);
  }
  return { written, removed: minus(new Set(before.keys()), new Set(after.keys())) };
}
