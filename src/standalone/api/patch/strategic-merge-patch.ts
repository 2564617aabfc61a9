// Strategic merge patch: a merge patch that knows by the schema which lists are merged, and by which key.

import { badRequest } from '../api-error.ts';
import { isRecord, type JsonRecord, jsonEqual } from '../json.ts';
import { memberSchema } from '../schema/prune.ts';
import type { Schema } from '../schema/schema.ts';

const elementOrder = '$setElementOrder/';
const deleteFrom = '$deleteFromPrimitiveList/';

/** The target with the patch merged in. Throws BadRequest for directives that are not known. */
export function strategicallyPatched(
  target: unknown,
  patch: unknown,
  schema: Schema | undefined,
): unknown {
  if (!isRecord(patch)) return patch;
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return undefined;
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest('AMB1201', `unknown patch directive $patch: ${JSON.stringify(directive)}`);
  }
  const result = retained(isRecord(target) ? { ...target } : {}, patch['$retainKeys']);
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(deleteFrom)) {
      const list = name.slice(deleteFrom.length);
      result[list] = withoutItems(result[list], value);
    }
  }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    const known = schema === undefined ? undefined : memberSchema(schema, name);
    const below = known === 'unknown' ? undefined : known;
    if (value === null) delete result[name];
    else {
      const merged = mergedMember(result[name], value, below);
      if (merged === undefined) delete result[name];
      else result[name] = merged;
    }
  }
  return ordered(result, patch, schema);
}

function mergedMember(target: unknown, value: unknown, schema: Schema | undefined): unknown {
  if (isRecord(value)) return strategicallyPatched(target, value, schema);
  if (!Array.isArray(value)) return value;
  const items = value as readonly unknown[];
  const current: readonly unknown[] = Array.isArray(target) ? (target as readonly unknown[]) : [];
  if (!mergesLists(schema)) return items.filter((item) => !isDirective(item)).map(plain);
  const key = schema?.['x-kubernetes-patch-merge-key'];
  if (key === undefined) return mergedSet(current, items);
  return mergedByKey(current, items, key, schema?.items);
}

function mergesLists(schema: Schema | undefined): boolean {
  return (schema?.['x-kubernetes-patch-strategy'] ?? '').split(',').includes('merge');
}

function isDirective(item: unknown): boolean {
  return isRecord(item) && typeof item['$patch'] === 'string';
}

function plain(item: unknown): unknown {
  return isRecord(item) ? withoutDirectives(item) : item;
}

/** What a patch says where there is nothing yet to patch. */
function withoutDirectives(patch: JsonRecord): JsonRecord {
  const entries = Object.entries(patch)
    .filter(([name, value]) => !name.startsWith('$') && value !== null)
    .map(([name, value]): [string, unknown] => [
      name,
      Array.isArray(value)
        ? (value as unknown[]).filter((item) => !isDirective(item)).map(plain)
        : plain(value),
    ]);
  return Object.fromEntries(entries);
}

function mergedSet(current: readonly unknown[], items: readonly unknown[]): unknown[] {
  const result = [...current];
  for (const item of items) if (!result.some((one) => jsonEqual(one, item))) result.push(item);
  return result;
}

function mergedByKey(
  current: readonly unknown[],
  items: readonly unknown[],
  key: string,
  schema: Schema | undefined,
): unknown[] {
  if (items.some((item) => isRecord(item) && item['$patch'] === 'replace')) {
    return items.filter((item) => !isDirective(item)).map(plain);
  }
  let result = [...current];
  for (const item of items) {
    if (!isRecord(item)) continue;
    const id = item[key];
    if (id === undefined && !isDirective(item)) {
      throw badRequest(
        'AMB1201',
        `map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`,
      );
    }
    const matches = (one: unknown): boolean => isRecord(one) && one[key] === id;
    if (item['$patch'] === 'delete') {
      result = result.filter((one) => !matches(one));
      continue;
    }
    const index = result.findIndex(matches);
    if (index < 0) result.push(strategicallyPatched({}, item, schema));
    else result[index] = strategicallyPatched(result[index], item, schema);
  }
  return result;
}

function withoutItems(list: unknown, items: unknown): unknown {
  if (!Array.isArray(list) || !Array.isArray(items)) return list;
  return (list as unknown[]).filter((one) => !items.some((item) => jsonEqual(one, item)));
}

/** `$retainKeys` names the members that stay. */
function retained(target: JsonRecord, keys: unknown): JsonRecord {
  if (!Array.isArray(keys)) return target;
  return Object.fromEntries(Object.entries(target).filter(([name]) => keys.includes(name)));
}

/** Puts merged lists in the order that the patch asks for; what it does not name keeps its place
 * relative to the item before it. */
function ordered(result: JsonRecord, patch: JsonRecord, schema: Schema | undefined): JsonRecord {
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(elementOrder) || !Array.isArray(order)) continue;
    const field = name.slice(elementOrder.length);
    const list = result[field];
    const known = schema === undefined ? undefined : memberSchema(schema, field);
    if (!Array.isArray(list) || known === undefined || known === 'unknown') continue;
    const key = known['x-kubernetes-patch-merge-key'];
    const idOf = (item: unknown): unknown =>
      key !== undefined && isRecord(item) ? item[key] : item;
    const wanted = (order as readonly unknown[]).map(idOf);
    result[field] = inOrder(list as readonly unknown[], wanted, idOf);
  }
  return result;
}

function inOrder(
  list: readonly unknown[],
  wanted: readonly unknown[],
  idOf: (item: unknown) => unknown,
): unknown[] {
  const rank = (item: unknown): number => wanted.findIndex((id) => jsonEqual(id, idOf(item)));
  const listed = list.filter((item) => rank(item) >= 0).toSorted((a, b) => rank(a) - rank(b));
  const result: unknown[] = [];
  for (const item of list) {
    if (rank(item) < 0) result.push(item);
    else {
      const next = listed.shift();
      if (next !== undefined) result.push(next);
    }
  }
  return result;
}
