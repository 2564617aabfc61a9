// Golden pairs of translation: in.yaml is what the API holds, out.yaml what proxies and authors are
// told. `UPDATE_GOLDEN=1 node test/controller/translate/golden.test.ts` rewrites out.yaml.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { translate } from '../../../src/controller/translate/translate.ts';
import { ValidVersions } from '../../../src/controller/translate/valid-versions.ts';
import { suite } from '../../support/suite.ts';
import { mesh, tablesFrom } from '../tables.ts';

const folder = join(import.meta.dirname, '../../golden/translate');

const test = suite('translation golden pairs');

for (const behaviour of readdirSync(folder).sort()) {
  test(behaviour.replaceAll('-', ' '), () => {
    const tables = tablesFrom(readFileSync(join(folder, behaviour, 'in.yaml'), 'utf8'));
    const outcome = translate(tables, new ValidVersions(), mesh);
    const text = stringify(readable(outcome), { sortMapEntries: false, lineWidth: 100 });
    const path = join(folder, behaviour, 'out.yaml');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    assert.fixture(text, readFileSync(path, 'utf8'));
  });
}

test.run();

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
