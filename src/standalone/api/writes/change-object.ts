// Changing an object, however it was asked for: replace, patch, apply, status or scale.

import { badRequest, conflict, notFound } from '../api-error.ts';
import { trackUpdate } from '../apply/track-update.ts';
import { copyJson, isRecord, jsonEqual } from '../json.ts';
import { rulesOf } from '../rules/kind-rules.ts';
import type { ApiObject, ObjectMeta } from '../store.ts';
import { cleaned, requireValid } from './check-object.ts';
import { type Core, findObject, subjectOf, type Write } from './core.ts';
import { presentedForm, storedForm } from './stored-form.ts';

/** How a change is made and who then owns what. */
export interface Change {
  /** The wanted object, from a copy of the current one in the caller's version. */
  readonly wanted: (current: ApiObject) => unknown;
  /** Sets `metadata.managedFields` of the new object; an update by the field manager if absent. */
  readonly track?: (previous: ApiObject, object: ApiObject) => void;
}

/** Replaces an object by what the caller sent. */
export function replaceObject(core: Core, write: Write, name: string, body: unknown): ApiObject {
  const wanted = (current: ApiObject): unknown =>
    write.subresource === 'status' ? withLabelsOf(current, body) : body;
  return changeObject(core, write, name, { wanted });
}

/** Who replaces status may have read the metadata long ago: only a patch changes it. */
function withLabelsOf(current: ApiObject, body: unknown): unknown {
  if (!isRecord(body) || !isRecord(body['metadata'])) return body;
  const { labels, annotations } = current.metadata;
  return { ...body, metadata: { ...body['metadata'], labels, annotations } };
}

/** Changes an object. A change that changes nothing makes no new version. Throws StatusError. */
export function changeObject(core: Core, write: Write, name: string, change: Change): ApiObject {
  const { kind } = write;
  const stored = findObject(core, write, name);
  if (stored === undefined) throw notFound(subjectOf(write, name));
  const previous = presentedForm(kind, write.version, stored);
  const sent = cleaned(write, change.wanted(copyJson(previous)));
  requireSameObject(write, name, sent.metadata, previous.metadata);

  const object = combined(write, sent, previous);
  object.metadata = changedMetadata(write, sent.metadata, previous.metadata);
  const rules = rulesOf(kind);
  if (write.subresource === undefined) rules.prepare?.(core, object, previous, write);
  if (kind.hasGeneration && write.subresource !== 'status' && contentChanged(object, previous)) {
    object.metadata.generation = (previous.metadata.generation ?? 1) + 1;
  }
  requireValid(core, write, object, previous);
  if (change.track === undefined) trackUpdate(core, write, previous, object);
  else change.track(previous, object);

  if (sameButTimes(object, previous)) return stored;
  const next = storedForm(kind, object);
  if (write.dryRun) return next;
  if (next.metadata.deletionTimestamp !== undefined && isReleased(next.metadata)) {
    return core.table.remove(kind.storedAs, next);
  }
  return core.table.put(kind.storedAs, next);
}

/** Whether a deleted object has nothing left to wait for. */
export function isReleased(metadata: ObjectMeta): boolean {
  return (metadata.finalizers ?? []).length === 0 && !metadata.deletionGracePeriodSeconds;
}

function requireSameObject(
  write: Write,
  name: string,
  sent: ObjectMeta,
  current: ObjectMeta,
): void {
  if (sent.name !== '' && sent.name !== name) {
    throw badRequest(
      'AMB1201',
      `the name of the object (${sent.name}) does not match the name on the URL (${name})`,
    );
  }
  if (sent.uid && sent.uid !== current.uid) {
    throw conflict(
      subjectOf(write, name),
      `Precondition failed: UID in precondition: ${sent.uid}, UID in object meta: ${current.uid ?? ''}`,
    );
  }
  if (sent.resourceVersion && sent.resourceVersion !== current.resourceVersion) {
    throw conflict(subjectOf(write, name));
  }
}

/** Only status for a write to status; everything but status otherwise, where the kind has one. */
function combined(write: Write, sent: ApiObject, previous: ApiObject): ApiObject {
  if (write.subresource === 'status') {
    const { status: _, ...rest } = copyJson(previous);
    return { ...rest, ...(sent.status === undefined ? {} : { status: sent.status }) };
  }
  if (!write.kind.hasStatus) return { ...sent };
  const { status: _, ...rest } = sent;
  return {
    ...rest,
    ...(previous.status === undefined ? {} : { status: copyJson(previous.status) }),
  };
}

function changedMetadata(write: Write, sent: ObjectMeta, current: ObjectMeta): ObjectMeta {
  const { labels, annotations } = sent;
  // As in Kubernetes, node agents may annotate a pod through its status.
  const ofStatus = write.kind.storedAs === 'pods' ? { ...current, labels, annotations } : current;
  const base = write.subresource === 'status' ? ofStatus : sent;
  const metadata: ObjectMeta = copyJson({
    ...base,
    name: current.name,
    namespace: current.namespace,
    generateName: current.generateName,
    uid: current.uid,
    resourceVersion: current.resourceVersion,
    generation: current.generation,
    creationTimestamp: current.creationTimestamp,
    deletionTimestamp: current.deletionTimestamp,
    deletionGracePeriodSeconds: current.deletionGracePeriodSeconds,
    managedFields: sent.managedFields ?? current.managedFields,
  });
  for (const name of ['labels', 'annotations'] as const) {
    if (metadata[name] !== undefined && Object.keys(metadata[name]).length === 0) {
      delete metadata[name];
    }
  }
  if (metadata.finalizers?.length === 0) delete metadata.finalizers;
  if (metadata.ownerReferences?.length === 0) delete metadata.ownerReferences;
  return metadata;
}

function contentChanged(object: ApiObject, previous: ApiObject): boolean {
  const { metadata: _m, status: _s, ...content } = object;
  const { metadata: _pm, status: _ps, ...before } = previous;
  return !jsonEqual(content, before);
}

/** Equality but for the times in managed fields. */
function sameButTimes(object: ApiObject, previous: ApiObject): boolean {
  const timeless = (one: ApiObject): ApiObject => ({
    ...one,
    metadata: {
      ...one.metadata,
      managedFields: one.metadata.managedFields?.map((entry) => ({ ...entry, time: '' })),
    },
  });
  return jsonEqual(timeless(object), timeless(previous));
}
