// How items of lists are told apart when objects are merged.

import { isRecord } from '../json.ts';
import type { Schema } from '../schema/schema.ts';

/** How a list is merged: as a whole, item by item, or keyed record by keyed record. */
export function listTypeOf(schema: Schema | undefined): 'atomic' | 'set' | 'map' {
  return schema?.['x-kubernetes-list-type'] ?? 'atomic';
}

/** The path element of an item of a keyed list or of a set. */
export function itemKey(item: unknown, schema: Schema | undefined): string {
  const keys = schema?.['x-kubernetes-list-map-keys'];
  if (listTypeOf(schema) !== 'map' || keys === undefined || !isRecord(item)) {
    return `v:${JSON.stringify(item)}`;
  }
  const pairs = keys.toSorted().map((name): [string, unknown] => {
    // A key that is left out counts as its default, such as protocol TCP.
    return [name, item[name] ?? schema?.items?.properties?.[name]?.default];
  });
  return `k:${JSON.stringify(Object.fromEntries(pairs.filter(([, value]) => value !== undefined)))}`;
}
