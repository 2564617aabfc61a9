// Server-side apply: the applied fields are merged in and belong to the manager; what it applied before
// and does not any more is taken out, unless somebody else owns it too.

import { badRequest, conflict, StatusError } from '../api-error.ts';
import { copyJson, isRecord, jsonEqual } from '../json.ts';
import { versionOf } from '../kinds/kind.ts';
import { pruned } from '../schema/prune.ts';
import type { Schema } from '../schema/schema.ts';
import type { ApiObject } from '../store.ts';
import { changeObject } from '../writes/change-object.ts';
import { reportUnknown, requireObject } from '../writes/check-object.ts';
import {
  apiVersionOfWrite,
  type Core,
  findObject,
  subjectOf,
  timestamp,
  type Write,
} from '../writes/core.ts';
import { createObject } from '../writes/create-object.ts';
import { type FieldValues, fieldsOf, isBelow, parentOf, readablePath } from './field-paths.ts';
import {
  belongsTo,
  changesBetween,
  type Owner,
  type Ownership,
  ownershipsOf,
  setOwnerships,
} from './managed-fields.ts';
import { mergedInto, removeField } from './merge.ts';
import { intersection, minus, sameMembers, union } from './sets.ts';
import { without } from './track-update.ts';

/** One application of a configuration. */
interface Application {
  readonly write: Write;
  readonly schema: Schema | undefined;
  readonly configuration: ApiObject;
  readonly fields: FieldValues;
  readonly owner: Owner;
  readonly force: boolean;
}

/** Applies a configuration. Throws StatusError; a Conflict names the fields and their owners. */
export function applyObject(
  core: Core,
  write: Write,
  name: string,
  body: unknown,
  options: { readonly force: boolean },
): { object: ApiObject; created: boolean } {
  const application = applicationOf(write, name, body, options.force);
  const track = (previous: ApiObject | undefined, object: ApiObject): void =>
    recordApply(core, application, previous, object);
  if (findObject(core, write, name) === undefined) {
    const { uid } = application.configuration.metadata;
    if (uid) throw conflict(subjectOf(write, name), `uid mismatch: ${uid} does not exist`);
    const object = createObject(core, write, application.configuration, track);
    return { object, created: true };
  }
  const wanted = (current: ApiObject): unknown => mergedState(application, current);
  return { object: changeObject(core, write, name, { wanted, track }), created: false };
}

function applicationOf(write: Write, name: string, body: unknown, force: boolean): Application {
  const schema = versionOf(write.kind, write.version)?.schema;
  const unknown: string[] = [];
  const sent = requireObject(write, body);
  const configuration = pruned(sent, schema, (path) => unknown.push(path)) as ApiObject;
  reportUnknown(write, unknown);
  if ((configuration.metadata.managedFields ?? []).length > 0) {
    throw badRequest('AMB1203', 'metadata.managedFields must be nil');
  }
  delete configuration.metadata.managedFields;
  if (configuration.metadata.name === '') configuration.metadata.name = name;
  if (write.kind.hasStatus && write.subresource === undefined) delete configuration.status;
  const part = write.subresource === 'status' ? 'status' : 'all';
  return {
    write,
    schema,
    configuration,
    fields: fieldsOf(configuration, schema, part),
    owner: {
      manager: write.fieldManager,
      operation: 'Apply',
      subresource: write.subresource ?? '',
    },
    force,
  };
}

/** The live object with the configuration worked in. Throws Conflict. */
function mergedState(application: Application, current: ApiObject): unknown {
  const { schema, configuration, fields, owner, force } = application;
  const all = ownershipsOf(current.metadata);
  const others = all.filter((one) => !belongsTo(one, owner));
  const merged = mergedInto(current, configuration, schema);
  const before = fieldsOf(current, schema, 'all');
  const { written } = changesBetween(before, fieldsOf(merged, schema, 'all'));
  if (!force) refuseConflicts(application, current, others, written);

  const result = copyJson(merged);
  const last = all.find((one) => belongsTo(one, owner))?.paths ?? new Set<string>();
  const kept = union(new Set(fields.keys()), new Set(others.flatMap((one) => [...one.paths])));
  for (const path of minus(last, new Set(fields.keys()))) {
    const top = topUnowned(path, kept);
    if (top !== undefined) removeField(result, schema, top);
  }
  if (isRecord(result) && isRecord(result['metadata'])) {
    result['metadata']['managedFields'] = current.metadata.managedFields;
  }
  return result;
}

/** The highest field on the way to `path` at or below which nobody owns anything: a structure goes with
 * the last field that was applied to it, along with what was defaulted in it. */
function topUnowned(path: string, kept: ReadonlySet<string>): string | undefined {
  let top: string | undefined;
  for (let current: string | undefined = path; current !== undefined; current = parentOf(current)) {
    const at = current;
    if (kept.has(at) || [...kept].some((one) => isBelow(one, at))) break;
    top = at;
  }
  return top;
}

function refuseConflicts(
  application: Application,
  current: ApiObject,
  others: readonly Ownership[],
  written: ReadonlySet<string>,
): void {
  const migrated = migratedFields(application, current);
  const conflicts = others.flatMap((one) =>
    [...written]
      .filter((path) => application.fields.has(path) && one.paths.has(path))
      .filter((path) => !migrated.has(path))
      .map((path) => ({ owner: one, field: readablePath(path) })),
  );
  if (conflicts.length === 0) return;
  const causes = conflicts.map(({ owner, field }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describeOwner(owner)}`,
    field,
  }));
  const count = `${causes.length} conflict${causes.length === 1 ? '' : 's'}`;
  const list = causes.map(({ message, field }) => `${message}: ${field}`).join(', ');
  throw new StatusError('AMB1210', {
    http: 409,
    reason: 'Conflict',
    message: `Apply failed with ${count}: ${list}`,
    details: { causes },
  });
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** What kubectl applied from the client before it came to apply on the server: it may go on changing
 * those fields as long as nobody else has changed them since. */
function migratedFields(application: Application, current: ApiObject): Set<string> {
  const text = current.metadata.annotations?.[lastApplied];
  if (application.owner.manager !== 'kubectl' || text === undefined) return new Set();
  let before: unknown;
  try {
    before = JSON.parse(text);
  } catch {
    // Somebody else's annotation: nothing to go by.
    return new Set();
  }
  const live = fieldsOf(current, application.schema, 'all');
  const applied = [...fieldsOf(before, application.schema, 'all')];
  return new Set(
    applied.filter(([path, value]) => jsonEqual(live.get(path), value)).map(([path]) => path),
  );
}

function describeOwner(owner: Ownership): string {
  const subresource = owner.subresource === '' ? '' : ` with subresource "${owner.subresource}"`;
  return `"${owner.manager}"${subresource} using ${owner.apiVersion}`;
}

/** Writes who owns what after the application. */
function recordApply(
  core: Core,
  application: Application,
  previous: ApiObject | undefined,
  object: ApiObject,
): void {
  const { write, schema, fields, owner } = application;
  const all = ownershipsOf(previous?.metadata);
  const changes = changesBetween(
    fieldsOf(previous, schema, 'all'),
    fieldsOf(object, schema, 'all'),
  );
  const taken = intersection(changes.written, new Set(fields.keys()));
  const others = all
    .filter((one) => !belongsTo(one, owner))
    .map((one) => without(one, taken, changes.removed));
  const before = all.find((one) => belongsTo(one, owner));
  const paths = new Set(fields.keys());
  const same =
    before !== undefined &&
    before.apiVersion === apiVersionOfWrite(write) &&
    sameMembers(before.paths, paths) &&
    changes.written.size + changes.removed.size === 0;
  const own: Ownership = same
    ? before
    : { ...owner, apiVersion: apiVersionOfWrite(write), time: timestamp(core.clock), paths };
  setOwnerships(object.metadata, [...others, own]);
}
