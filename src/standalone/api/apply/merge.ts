// Merging an applied configuration into the live object, and taking out what is no longer applied.

import { copyJson, isRecord } from '../json.ts';
import { memberSchema } from '../schema/prune.ts';
import type { Schema } from '../schema/schema.ts';
import { elementsOf } from './field-paths.ts';
import { itemKey, listTypeOf } from './list-items.ts';

/** The live value with the applied one merged in, by the list and map types of the schema. */
export function mergedInto(live: unknown, applied: unknown, schema: Schema | undefined): unknown {
  if (isRecord(applied) && isRecord(live) && schema?.['x-kubernetes-map-type'] !== 'atomic') {
    const result = { ...live };
    for (const [name, value] of Object.entries(applied)) {
      const known = schema === undefined ? undefined : memberSchema(schema, name);
      result[name] = mergedInto(live[name], value, known === 'unknown' ? undefined : known);
    }
    return result;
  }
  if (Array.isArray(applied) && Array.isArray(live) && listTypeOf(schema) !== 'atomic') {
    return mergedLists(live as readonly unknown[], applied as readonly unknown[], schema);
  }
  return copyJson(applied);
}

function mergedLists(
  live: readonly unknown[],
  applied: readonly unknown[],
  schema: Schema | undefined,
): unknown[] {
  const wanted = new Map(applied.map((item) => [itemKey(item, schema), item]));
  const result: unknown[] = [];
  for (const item of live) {
    const key = itemKey(item, schema);
    const update = wanted.get(key);
    wanted.delete(key);
    result.push(update === undefined ? item : mergedInto(item, update, schema?.items));
  }
  for (const item of wanted.values()) result.push(copyJson(item));
  return result;
}

/** Removes the field at a path, in place. A field that is not there is passed over. */
export function removeField(root: unknown, schema: Schema | undefined, path: string): void {
  const elements = elementsOf(path);
  const last = elements.pop() ?? '';
  let value = root;
  let known = schema;
  for (const element of elements) {
    const next = stepInto(value, known, element);
    if (next === undefined) return;
    value = next.value;
    known = next.schema;
  }
  if (isRecord(value) && last.startsWith('f:')) delete value[last.slice(2)];
  else if (Array.isArray(value)) {
    const list = value as unknown[];
    const index = list.findIndex((item) => itemKey(item, known) === last);
    if (index >= 0) list.splice(index, 1);
  }
}

function stepInto(
  value: unknown,
  schema: Schema | undefined,
  element: string,
): { value: unknown; schema: Schema | undefined } | undefined {
  if (isRecord(value) && element.startsWith('f:')) {
    const name = element.slice(2);
    const known = schema === undefined ? undefined : memberSchema(schema, name);
    return { value: value[name], schema: known === 'unknown' ? undefined : known };
  }
  if (!Array.isArray(value)) return undefined;
  const found = (value as unknown[]).find((item) => itemKey(item, schema) === element);
  return found === undefined ? undefined : { value: found, schema: schema?.items };
}
