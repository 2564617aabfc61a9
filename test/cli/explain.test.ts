import { spawnSync } from 'node:child_process';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const test = suite('command line');
const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const ambit = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

test('explains a code whatever its case', () => {
  const done = ambit('explain', 'amb1401');
  assert.is(done.status, 0);
  assert.match(done.stdout, /^AMB1401 {2}denied by an authorization policy/);
  assert.match(done.stdout, /Remedy: /);
});

test('answers an unknown code, command or flag with a code and a remedy', () => {
  for (const [args, code] of [
    [['explain', 'AMB9999'], 'AMB1802'],
    [['frobnicate'], 'AMB1801'],
    [['why', '--frobnicate'], 'AMB1801'],
    [['explain'], 'AMB1801'],
  ] as const) {
    const done = ambit(...args);
    assert.is(done.status, 1);
    assert.match(done.stderr, code);
  }
});

test('lists its commands', () => {
  const done = ambit('help');
  assert.is(done.status, 0);
  assert.match(done.stdout, /ambit why .+/);
});

test.run();
