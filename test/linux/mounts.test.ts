import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { LinuxError } from '../../src/linux/errors.ts';
import {
  bindMount,
  isMounted,
  makePrivate,
  makeShared,
  mountTmpfs,
  unescapeMountPath,
  unmountAll,
} from '../../src/linux/mounts.ts';
import { suite } from '../support/suite.ts';

const test = suite('mounts');

function makeFolder(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'linux-mounts-'));
  stack.defer(() => {
    unmountAll(folder);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test('shows a folder and a file elsewhere, and takes everything below a prefix away again', ({
  stack,
}) => {
  const folder = makeFolder(stack);
  const at = (name: string): string => path.join(folder, name);
  for (const name of ['source', 'with blank', 'source/deep', 'neighbour', 'neighbour2']) {
    mkdirSync(at(name), { recursive: true });
  }
  writeFileSync(at('source/file'), 'seen');
  writeFileSync(at('neighbour/file'), '');
  bindMount(at('source'), at('with blank'));
  mountTmpfs(at('with blank/deep'));
  bindMount(at('source/file'), at('neighbour/file'));
  bindMount(at('source'), at('neighbour2'));
  assert.is(readFileSync(at('neighbour/file'), 'utf8'), 'seen');
  assert.is(readFileSync(at('with blank/file'), 'utf8'), 'seen');
  assert.ok(isMounted(at('with blank/deep')));
  unmountAll(at('with blank'));
  assert.not(isMounted(at('with blank/deep')));
  assert.not(isMounted(at('with blank')));
  assert.not(existsSync(at('with blank/file')));
  unmountAll(at('neighbour'));
  assert.ok(isMounted(at('neighbour2')), 'a longer name is not below the prefix');
  unmountAll(`${folder}/`);
  assert.not(isMounted(at('neighbour2')));
  unmountAll(at('neighbour2'));
});

test('shares and keeps mounts', ({ stack }) => {
  const folder = makeFolder(stack);
  const propagation = (): string => {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.find((line) => line.split(' ')[4] === folder)?.split(' ')[6] ?? 'no mount';
  };
  makeShared(folder);
  assert.match(propagation(), /^shared:/);
  makeShared(folder);
  makePrivate(folder);
  assert.is(propagation(), '-');
});

test('names what could not be mounted', ({ stack }) => {
  const folder = makeFolder(stack);
  assert.throws(
    () => bindMount(path.join(folder, 'missing'), folder),
    (error: unknown) =>
      error instanceof LinuxError && error.errno === 'ENOENT' && error.message.includes('missing'),
  );
});

test('reads the escapes of mountinfo, also beside other scripts', () => {
  assert.is(unescapeMountPath('/a\\040b\\134c'), '/a b\\c');
  assert.is(unescapeMountPath('/größe\\011x'), '/größe\tx');
});

test.run();
