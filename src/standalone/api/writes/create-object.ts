// Creating an object: metadata, defaults, rules of the kind, validation, storing.

import { alreadyExists, badRequest, forbidden, notFound } from '../api-error.ts';
import { trackUpdate } from '../apply/track-update.ts';
import { copyJson } from '../json.ts';
import { rulesOf } from '../rules/kind-rules.ts';
import type { ApiObject, ObjectMeta } from '../store.ts';
import { cleaned, requireValid } from './check-object.ts';
import { type Core, findObject, subjectOf, timestamp, type Write } from './core.ts';
import { storedForm } from './stored-form.ts';

/** Creates an object from what the caller sent. `track` sets its managed fields, if the write is not a
 * plain one. Throws StatusError. */
export function createObject(
  core: Core,
  write: Write,
  body: ApiObject,
  track?: (previous: undefined, object: ApiObject) => void,
): ApiObject {
  const { kind } = write;
  const sent = cleaned(write, body);
  const metadata = freshMetadata(core, write, sent.metadata);
  requireNamespace(core, write, metadata.name);
  if (findObject(core, write, metadata.name) !== undefined) {
    throw alreadyExists(subjectOf(write, metadata.name));
  }

  const object: ApiObject = { ...sent, metadata };
  if (kind.hasStatus && !keepsStatus.has(kind.storedAs)) delete object.status;
  if (kind.hasGeneration) metadata.generation = 1;
  const rules = rulesOf(kind);
  rules.prepare?.(core, object, undefined, write);
  requireValid(core, write, object, undefined);
  if (track === undefined) trackUpdate(core, write, undefined, object);
  else track(undefined, object);
  const stored = storedForm(kind, object);
  if (write.dryRun) return stored;
  return core.table.put(kind.storedAs, stored);
}

/** Kinds whose creator may bring a status along: they have one but no second writer. */
const keepsStatus: ReadonlySet<string> = new Set(['nodes']);

function freshMetadata(core: Core, write: Write, sent: ObjectMeta): ObjectMeta {
  const metadata = copyJson(sent);
  if (!metadata.name) {
    if (!metadata.generateName) {
      throw badRequest('AMB1203', 'name or generateName is required: set metadata.name');
    }
    metadata.name = `${metadata.generateName.slice(0, 58)}${core.newUid().slice(-5)}`;
  }
  if (metadata.resourceVersion) {
    throw badRequest(
      'AMB1203',
      'metadata.resourceVersion must not be set on objects to be created',
    );
  }
  if (write.kind.namespaced) metadata.namespace = write.namespace;
  else delete metadata.namespace;
  metadata.uid = core.newUid();
  metadata.creationTimestamp = timestamp(core.clock);
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.generation;
  delete metadata.managedFields;
  return metadata;
}

function requireNamespace(core: Core, write: Write, name: string): void {
  if (!write.kind.namespaced) return;
  const namespace = core.table.get({ kind: 'namespaces', namespace: '', name: write.namespace });
  if (namespace === undefined) {
    throw notFound({ resource: 'namespaces', group: '', name: write.namespace });
  }
  if (namespace.metadata.deletionTimestamp !== undefined) {
    const message = `namespace ${write.namespace} is being terminated`;
    throw forbidden(
      subjectOf(write, name),
      `unable to create new content in namespace ${write.namespace} because it is being terminated`,
      [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }],
    );
  }
}
