// A disk that fills up below the state of a running mesh, beside another mesh that has room.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { ambit, freePort, get, type Ran, until } from '../../demo/mesh.ts';
import { upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');

const test = suite('a mesh whose disk is full', { deadlineMs: 60_000 });

test('a full disk stops writes with a code, not reads and traffic, and meshes do not meet', async ({
  stack,
}) => {
  const disk = mkdtempSync(path.join(tmpdir(), 'ambit-disk-'));
  stack.defer(() => rmSync(disk, { recursive: true, force: true }));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'ambit-bad-input', disk]);
  stack.defer(() => void execFileSync('umount', [disk]));
  const other = await upMesh(stack, 'bad-other', { args: ['--no-mesh'] });
  const port = await freePort();
  const env = { ...process.env, AMBIT_STATE_DIR: disk, HOME: disk };
  stack.defer(async () => void (await ambit(['down', '--name', 'bad-disk'], env)));
  const words = ['up', bookinfo, '--name', 'bad-disk', '--no-mesh', '--detach'];
  const up = await ambit([...words, '--publish', `${port}:productpage:9080`], env);
  assert.is(up.code, 0, up.stdout + up.stderr);
  const kubeconfig = path.join(disk, 'bad-disk', 'kubeconfig');
  const kubectl = (...args: string[]): Promise<Ran> =>
    other.kubectlRaw(['--kubeconfig', kubeconfig, ...args]);
  const served = (): Promise<true> =>
    until('a page', async () => (await get(port, '/productpage')).status === 200 || undefined);
  await served();
  const filler = path.join(disk, 'filler');
  const write = (key: string): Promise<Ran> =>
    kubectl('create', 'configmap', key, `--from-literal=a=${'x'.repeat(60_000)}`);
  try {
    writeFileSync(filler, Buffer.alloc(64 * 1024 * 1024));
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
  let count = 0;
  const refused = await until('a refused write', async () => {
    const ran = await write(`large-${count++}`);
    return ran.code === 0 ? undefined : ran.stderr;
  });
  assert.match(refused, 'AMB1204');
  assert.match(refused, path.join(disk, 'bad-disk', 'state.db'));
  assert.match((await kubectl('get', 'deployments')).stdout, 'productpage-v1');
  await served();
  rmSync(filler);
  await until(
    'writes to be taken again',
    async () => (await write('after')).code === 0 || undefined,
  );
  assert.is((await ambit(['down', '--name', 'bad-disk'], env)).code, 0);
  assert.match(await other.kubectl('get', 'nodes'), 'node2');
  assert.is((await other.ambit('status')).code, 0);
});

test.run();
