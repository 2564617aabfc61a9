// A full disk below the state file, for real: a small file system in memory.

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as assert from 'uvu/assert';

import { startHarness } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';

const test = suite('a full disk');

test('refuses writes with a code, goes on reading, and recovers', async ({ stack }) => {
  const disk = await mkdtemp(path.join(tmpdir(), 'ambit-disk-'));
  stack.defer(() => rm(disk, { recursive: true, force: true }));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'ambit-api-test', disk]);
  stack.defer(() => void execFileSync('umount', [disk]));
  const api = await startHarness(stack, { databasePath: path.join(disk, 'state.db') });
  await api.succeed('create configmap before --from-literal=a=1');
  const filler = path.join(disk, 'filler');
  await writeFile(filler, Buffer.alloc(1024 * 1024)).catch(() => {});
  const text = 'x'.repeat(200_000);
  const refused = await api.kubectl([
    'create',
    'configmap',
    'large',
    `--from-literal=a=${text.slice(0, 100_000)}`,
  ]);
  assert.is(refused.code, 1);
  assert.match(refused.stderr, 'AMB1204');
  assert.match(refused.stderr, path.join(disk, 'state.db'));
  assert.is(await api.succeed('get cm before -o jsonpath={.data.a}'), '1');
  assert.match((await api.kubectl('get cm large')).stderr, 'not found');
  await rm(filler);
  await api.succeed('create configmap after --from-literal=a=2');
  await api.restart();
  assert.is(await api.succeed('get cm before after -o jsonpath={.items[*].data.a}'), '1 2');
});

test.run();
