// What the server knows of one kind of object, whether built in or from a CustomResourceDefinition.

import type { Schema } from '../schema/schema.ts';
import type { ApiObject, KindName } from '../store.ts';

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 shows always, 1 only with `-o wide`. */
  readonly priority?: number;
  /** JSONPath of the cell, for columns of a CustomResourceDefinition. */
  readonly jsonPath?: string;
  /** Makes the cell, for columns of built-in kinds. */
  readonly cell?: (object: ApiObject, now: number) => unknown;
}

/** Where the scale subresource reads and writes. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A text selector in status, or a LabelSelector in spec. */
  readonly selector: readonly string[] | undefined;
}

/** One served version of a kind. */
export interface KindVersion {
  readonly version: string;
  readonly schema: Schema | undefined;
  readonly columns: readonly Column[];
  readonly deprecationWarning?: string;
}

/** Names and properties that all versions of a kind share. */
export interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Served versions, preferred first. */
  readonly versions: readonly KindVersion[];
  /** The version that objects are kept in. */
  readonly storageVersion: string;
  /** Under which name objects are kept; two kinds may share one (the two Event kinds). */
  readonly storedAs: KindName;
  readonly hasStatus: boolean;
  readonly scale: ScalePaths | undefined;
  /** Whether `metadata.generation` counts changes of everything but metadata and status. */
  readonly hasGeneration: boolean;
  /** From a CustomResourceDefinition. */
  readonly custom: boolean;
  /** Goes with every answer to a write, as a warning. */
  readonly note?: string;
}

/** `pods`, `apps/deployments`. */
export function kindName(kind: Pick<Kind, 'group' | 'plural'>): KindName {
  return kind.group === '' ? kind.plural : `${kind.group}/${kind.plural}`;
}

/** `v1`, `apps/v1`. */
export function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Group and version of an `apiVersion`. */
export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The version of a kind by its name, if it is served. */
export function versionOf(kind: Kind, version: string): KindVersion | undefined {
  return kind.versions.find((one) => one.version === version);
}
