// Golden pairs: in.yaml is what the API holds, out.yaml what comes of it, one folder per behaviour.
// `UPDATE_GOLDEN=1` in the environment rewrites out.yaml.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import type { ObjectTables } from '../../src/controller/objects.ts';
import { tablesFrom } from './tables.ts';

/** A stage's behaviours, each with a check that compares. */
export function goldenPairs(
  stage: string,
  make: (tables: ObjectTables) => unknown,
): readonly { readonly title: string; readonly check: () => void }[] {
  const folder = join(import.meta.dirname, '../golden', stage);
  return readdirSync(folder)
    .sort()
    .map((behaviour) => ({
      title: behaviour.replaceAll('-', ' '),
      check() {
        const tables = tablesFrom(readFileSync(join(folder, behaviour, 'in.yaml'), 'utf8'));
        const text = written(readable(make(tables)));
        const path = join(folder, behaviour, 'out.yaml');
        if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
        // Read and written again, so that the layout of the file does not matter.
        assert.fixture(text, written(parse(readFileSync(path, 'utf8'))));
      },
    }));
}

function written(value: unknown): string {
  return stringify(value, { sortMapEntries: false, lineWidth: 0 });
}

/** A value without what is empty, so that goldens show what matters. */
function readable(value: unknown): unknown {
  if (value instanceof Map) return readable(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, inner]) => [key, readable(inner)] as const)
    .filter(([key, inner]) => key === 'rules' || !isEmpty(inner));
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
