// The fields of an object as a flat set of paths, and their form in `metadata.managedFields` (FieldsV1).
// A path element is `f:NAME`, `k:{KEYS}` for an item of a keyed list, or `v:VALUE` for one of a set.

import { isRecord, type JsonRecord } from '../json.ts';
import { memberSchema } from '../schema/prune.ts';
import type { Schema } from '../schema/schema.ts';
import { itemKey, listTypeOf } from './list-items.ts';

/** Between the elements of a path; it cannot be in a field name that JSON clients send. */
const separator = '\u0000';

/** Every field by its path, with its value where the field is a leaf: plain, atomic or empty. */
export type FieldValues = ReadonlyMap<string, unknown>;

const serverFields: ReadonlySet<string> = new Set(
  [
    'name',
    'generateName',
    'namespace',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => `f:metadata${separator}f:${name}`),
);

/** The fields of an object that somebody can own. `only` is the part that a subresource writes. */
export function fieldsOf(
  object: unknown,
  schema: Schema | undefined,
  only: 'status' | 'all but status' | 'all',
): FieldValues {
  const found = new Map<string, unknown>();
  if (isRecord(object)) {
    for (const [name, value] of Object.entries(object)) {
      if (name === 'apiVersion' || name === 'kind' || value === undefined) continue;
      if (only === 'status' ? name !== 'status' : name === 'status' && only !== 'all') continue;
      const below = schema === undefined ? undefined : memberSchema(schema, name);
      collect(value, below === 'unknown' ? undefined : below, `f:${name}`, found);
    }
  }
  for (const path of found.keys()) {
    const [first, second] = path.split(separator);
    if (serverFields.has(`${first ?? ''}${separator}${second ?? ''}`)) found.delete(path);
  }
  return found;
}

function collect(
  value: unknown,
  schema: Schema | undefined,
  path: string,
  found: Map<string, unknown>,
): void {
  if (isRecord(value)) {
    if (schema?.['x-kubernetes-map-type'] === 'atomic') found.set(path, value);
    else collectRecord(value, schema, path, found);
  } else if (Array.isArray(value)) {
    collectList(value as readonly unknown[], schema, path, found);
  } else found.set(path, value);
}

function collectRecord(
  value: JsonRecord,
  schema: Schema | undefined,
  path: string,
  found: Map<string, unknown>,
): void {
  const names = Object.keys(value);
  if (names.length === 0) found.set(path, {});
  for (const name of names) {
    const member = value[name];
    if (member === undefined) continue;
    const known = schema === undefined ? undefined : memberSchema(schema, name);
    const below = `${path}${separator}f:${name}`;
    // Entries of free-form maps are owned as such, members of structures only through their leaves.
    if (schema?.properties?.[name] === undefined) found.set(below, undefined);
    collect(member, known === 'unknown' ? undefined : known, below, found);
  }
}

function collectList(
  value: readonly unknown[],
  schema: Schema | undefined,
  path: string,
  found: Map<string, unknown>,
): void {
  const type = listTypeOf(schema);
  if (type === 'atomic') {
    found.set(path, value);
    return;
  }
  if (value.length === 0) found.set(path, []);
  for (const item of value) {
    const below = `${path}${separator}${itemKey(item, schema)}`;
    found.set(below, undefined);
    if (type === 'map') collect(item, schema?.items, below, found);
  }
}

/** FieldsV1 of paths. */
export function fieldsV1Of(paths: Iterable<string>): JsonRecord {
  const root: JsonRecord = {};
  const owned: JsonRecord[] = [];
  for (const path of paths) {
    let node = root;
    for (const element of path.split(separator)) {
      const next = node[element];
      const child: JsonRecord = isRecord(next) ? next : {};
      node[element] = child;
      node = child;
    }
    owned.push(node);
  }
  for (const node of owned) if (Object.keys(node).length > 0) node['.'] = {};
  return root;
}

/** The paths of FieldsV1. */
export function pathsOfFieldsV1(fields: unknown): Set<string> {
  const paths = new Set<string>();
  const visit = (node: unknown, path: string): void => {
    const names = isRecord(node) ? Object.keys(node) : [];
    if (path !== '' && (names.length === 0 || names.includes('.'))) paths.add(path);
    for (const name of names) {
      if (name === '.' || !isRecord(node)) continue;
      visit(node[name], path === '' ? name : `${path}${separator}${name}`);
    }
  };
  visit(fields, '');
  return paths;
}

/** Whether `path` is below `ancestor`. */
export function isBelow(path: string, ancestor: string): boolean {
  return path.startsWith(`${ancestor}${separator}`);
}

/** The path without its last element. */
export function parentOf(path: string): string | undefined {
  const end = path.lastIndexOf(separator);
  return end < 0 ? undefined : path.slice(0, end);
}

/** The elements of a path. */
export function elementsOf(path: string): string[] {
  return path.split(separator);
}

/** A path as people write it: `.spec.containers[name="web"].image`. */
export function readablePath(path: string): string {
  return elementsOf(path)
    .map((element) => {
      const rest = element.slice(2);
      if (element.startsWith('f:')) return `.${rest}`;
      if (element.startsWith('v:')) return `[=${rest}]`;
      const keys = Object.entries(JSON.parse(rest) as JsonRecord);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
