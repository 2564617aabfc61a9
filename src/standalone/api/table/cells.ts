// The cells of one row.

import type { Column, Kind } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { age } from './ages.ts';
import { jsonPathValue } from './json-path.ts';

/** The value of each column. */
export function cellsOf(
  kind: Kind,
  columns: readonly Column[],
  object: ApiObject,
  now: number,
): unknown[] {
  return columns.map((column) => {
    if (column.cell !== undefined) return column.cell(object, now);
    const value =
      column.jsonPath === undefined ? undefined : jsonPathValue(object, column.jsonPath);
    if (value === undefined || value === null) return null;
    if (column.type === 'date') return age(String(value as string), now);
    if (column.type === 'string') return typeof value === 'string' ? value : JSON.stringify(value);
    return kind.custom ? value : String(value as string);
  });
}
