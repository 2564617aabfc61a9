// What the documents promise is compared with the code.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { catalogue } from '../src/mesh/catalogue.ts';
import { errorsPage } from '../tools/errors-page.ts';
import { suite } from './support/suite.ts';

const test = suite('documents');
const root = path.resolve(import.meta.dirname, '..');

test('docs/errors.md is the error catalogue', () => {
  const page = readFileSync(path.join(root, 'docs', 'errors.md'), 'utf8');
  assert.is(page, errorsPage(), 'run: node tools/errors-page.ts');
});

test('every code says what happened, why, and what to do', () => {
  for (const [code, entry] of Object.entries(catalogue)) {
    assert.match(code, /^AMB1\d{3}$/);
    assert.ok(entry.title.length > 5, `${code} has no title`);
    assert.match(entry.cause, /[.!]$/, `${code}: the cause is a sentence`);
    assert.match(entry.remedy, /[.!)]$/, `${code}: the remedy is a sentence`);
  }
});

test('every npm script that the README names exists', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = [...readme.matchAll(/npm (?:run )?(test|demo|check|bench|build)\b/g)];
  assert.ok(named.length > 0);
  for (const match of named) assert.ok(scripts[match[1]!] !== undefined, match[0]);
});

test.run();
