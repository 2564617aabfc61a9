// Field ownership of writes other than apply: who changes a field owns it, and nobody else does.

import { versionOf } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { apiVersionOfWrite, type Core, timestamp, type Write } from '../writes/core.ts';
import { fieldsOf } from './field-paths.ts';
import {
  belongsTo,
  changesBetween,
  type Owner,
  type Ownership,
  ownershipsOf,
  setOwnerships,
} from './managed-fields.ts';
import { minus, union } from './sets.ts';

/** Records in `object.metadata.managedFields` what this write changed. */
export function trackUpdate(
  core: Core,
  write: Write,
  previous: ApiObject | undefined,
  object: ApiObject,
): void {
  const schema = versionOf(write.kind, write.version)?.schema;
  const part = write.subresource === 'status' ? 'status' : 'all';
  const changes = changesBetween(fieldsOf(previous, schema, part), fieldsOf(object, schema, part));
  const owner: Owner = {
    manager: write.fieldManager,
    operation: 'Update',
    subresource: write.subresource ?? '',
  };
  const all = ownershipsOf(object.metadata);
  const others = all
    .filter((one) => !belongsTo(one, owner))
    .map((one) => without(one, changes.written, changes.removed));
  const before = all.find((one) => belongsTo(one, owner));
  const changed = changes.written.size + changes.removed.size > 0;
  const paths = union(minus(new Set(before?.paths), changes.removed), changes.written);
  const own: Ownership = {
    ...owner,
    apiVersion: apiVersionOfWrite(write),
    time: changed ? timestamp(core.clock) : (before?.time ?? ''),
    paths,
  };
  setOwnerships(object.metadata, [...others, changed || before === undefined ? own : before]);
}

/** An ownership without paths that somebody else wrote or removed. */
export function without(ownership: Ownership, ...sets: readonly ReadonlySet<string>[]): Ownership {
  let { paths } = ownership;
  for (const set of sets) paths = minus(paths, set);
  return { ...ownership, paths };
}
