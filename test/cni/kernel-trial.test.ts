import { spawnSync } from 'node:child_process';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { tryKernel } from '../../src/cni/agent/kernel-trial.ts';
import { suite } from '../support/suite.ts';
import { usualSettings } from './pod-network.ts';

const test = suite('trial of the kernel');
const trial = path.resolve(import.meta.dirname, '../../src/cni/agent/kernel-trial.ts');

/** Tries in a process that has other rights or programs. */
function tryWith(prefix: readonly string[]): string {
  const script = `import { tryKernel } from ${JSON.stringify(trial)};
const settings = JSON.parse(process.argv.at(-1));
try { await tryKernel(settings); console.log('fine'); } catch (error) { console.log(error.message); }`;
  const [command, ...args] = [...prefix, process.execPath, '--input-type=module', '-e', script];
  const { stdout } = spawnSync(command, [...args, JSON.stringify(usualSettings)], {
    encoding: 'utf8',
  });
  return stdout.trim();
}

test('passes where the mesh can run, and leaves nothing', async () => {
  await tryKernel(usualSettings);
});

test('names the step and the capability for want of which it failed', () => {
  const message = tryWith(['setpriv', '--reuid', '65534', '--clear-groups']);
  assert.match(
    message,
    /^AMB1320 making and entering a network namespace failed, for want of a capability/,
  );
});

test('names the program that is not installed', () => {
  // A mount namespace without the programs of the system.
  const hide =
    'for one in /usr/sbin/nft /sbin/nft; do [ -e $one ] && mount -t tmpfs none $(dirname $(readlink -f $one)); done; exec "$0" "$@"';
  const message = tryWith(['unshare', '--mount', 'sh', '-c', hide]);
  assert.match(message, /^AMB1320 the rules of a pod failed, for want of a program/);
});

test.run();
