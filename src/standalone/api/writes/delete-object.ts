// Deleting an object: at once, or after its finalizers, its dependents or its grace period.

import { conflict, forbidden, notFound } from '../api-error.ts';
import { textAt } from '../json.ts';
import type { ApiObject, DeleteOptions, ObjectMeta } from '../store.ts';
import { type Core, findObject, subjectOf, timestamp, type Write } from './core.ts';

/** Holds an owner back until its dependents are gone. */
export const foregroundFinalizer = 'foregroundDeletion';
/** Holds an owner back until its dependents are released. */
export const orphanFinalizer = 'orphan';

/** The object as it was left, and whether it is gone. */
export interface Deletion {
  readonly object: ApiObject;
  readonly removed: boolean;
}

/** Deletes an object or marks it for deletion. Throws NotFound, Conflict. */
export function deleteObject(
  core: Core,
  write: Write,
  name: string,
  options: DeleteOptions,
): Deletion {
  const { kind } = write;
  const stored = findObject(core, write, name);
  if (stored === undefined) throw notFound(subjectOf(write, name));
  requirePreconditions(write, stored, options);
  if (kind.storedAs === 'namespaces' && lasting.has(name)) {
    throw forbidden(subjectOf(write, name), 'this namespace may not be deleted');
  }

  const finalizers = finalizersFor(stored.metadata, options);
  const graceSeconds = graceOf(write, stored, options);
  const held =
    finalizers.length > 0 ||
    graceSeconds > 0 ||
    (kind.storedAs === 'namespaces' && isFinalized(stored));
  if (write.dryRun) return { object: stored, removed: !held };
  if (!held) return { object: core.table.remove(kind.storedAs, stored), removed: true };

  const metadata = markedMetadata(core, stored.metadata, finalizers, graceSeconds, write);
  if (JSON.stringify(metadata) === JSON.stringify(stored.metadata)) {
    return { object: stored, removed: false };
  }
  const marked: ApiObject = { ...stored, metadata };
  if (kind.storedAs === 'namespaces') marked.status = { phase: 'Terminating' };
  return { object: core.table.put(kind.storedAs, marked), removed: false };
}

/** Namespaces that the API cannot be without. */
const lasting: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

function requirePreconditions(write: Write, stored: ApiObject, options: DeleteOptions): void {
  const { uid, resourceVersion, name } = stored.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    throw conflict(
      subjectOf(write, name),
      `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid ?? ''}`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw conflict(
      subjectOf(write, name),
      `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion ?? ''}`,
    );
  }
}

function finalizersFor(metadata: ObjectMeta, options: DeleteOptions): string[] {
  const own = metadata.finalizers ?? [];
  if (options.propagationPolicy === undefined) return [...own];
  const others = own.filter((one) => one !== foregroundFinalizer && one !== orphanFinalizer);
  if (options.propagationPolicy === 'Foreground') return [...others, foregroundFinalizer];
  if (options.propagationPolicy === 'Orphan') return [...others, orphanFinalizer];
  return others;
}

/** Whether the namespace still waits for its contents to go. */
function isFinalized(namespace: ApiObject): boolean {
  return JSON.stringify(namespace.spec ?? {}).includes('kubernetes');
}

/** Only pods that are at a node and have not ended are given time. */
function graceOf(write: Write, stored: ApiObject, options: DeleteOptions): number {
  if (write.kind.storedAs !== 'pods') return 0;
  const phase = textAt(stored.status, 'phase');
  if (textAt(stored.spec, 'nodeName') === undefined) return 0;
  if (phase === 'Succeeded' || phase === 'Failed') return 0;
  const spec = stored.spec as { terminationGracePeriodSeconds?: number };
  const asked = options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
  const left = stored.metadata.deletionGracePeriodSeconds;
  return Math.max(0, left === undefined ? asked : Math.min(asked, left));
}

function markedMetadata(
  core: Core,
  metadata: ObjectMeta,
  finalizers: readonly string[],
  graceSeconds: number,
  write: Write,
): ObjectMeta {
  const marked: ObjectMeta = { ...metadata };
  if (finalizers.length > 0) marked.finalizers = [...finalizers];
  else delete marked.finalizers;
  const shorter =
    graceSeconds > 0 && graceSeconds < (metadata.deletionGracePeriodSeconds ?? Infinity);
  if (metadata.deletionTimestamp === undefined || shorter) {
    const at = core.clock.now() + graceSeconds * 1000;
    marked.deletionTimestamp = timestamp({ ...core.clock, now: () => at });
    if (write.kind.hasGeneration && metadata.deletionTimestamp === undefined) {
      marked.generation = (metadata.generation ?? 1) + 1;
    }
  }
  marked.deletionGracePeriodSeconds = graceSeconds;
  return marked;
}
