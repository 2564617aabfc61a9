// What every write needs, and how a write is described.

import type { Clock } from '../../../runtime/clock.ts';
import type { Subject } from '../api-error.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { Registry } from '../kinds/registry.ts';
import type { ObjectTable } from '../storage/object-table.ts';
import type { ApiObject } from '../store.ts';

/** The state that writes work on. */
export interface Core {
  readonly table: ObjectTable;
  readonly registry: Registry;
  readonly clock: Clock;
  /** A fresh RFC 9562 uid. */
  readonly newUid: () => string;
}

/** What to do about unknown and repeated fields. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** One write, apart from the object. */
export interface Write {
  readonly kind: Kind;
  /** The API version that the caller speaks. */
  readonly version: string;
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly fieldManager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  readonly subresource: 'status' | 'scale' | undefined;
  /** Takes a sentence that the caller should see. */
  readonly warn: (text: string) => void;
}

/** What the write is about, for errors. */
export function subjectOf(write: Pick<Write, 'kind'>, name: string): Subject {
  return { resource: write.kind.plural, group: write.kind.group, name };
}

/** The stored object of a write, if there is one. */
export function findObject(core: Core, write: Write, name: string): ApiObject | undefined {
  return core.table.get({ kind: write.kind.storedAs, namespace: write.namespace, name });
}

/** The API version that the caller speaks, as managed fields record it. */
export function apiVersionOfWrite(write: Write): string {
  return apiVersionOf(write.kind.group, write.version);
}

/** Now, as Kubernetes writes times. */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
}
