import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { PluginProgram, removeProgram } from '../../src/cni/install/program.ts';
import { buildPlugin } from '../../tools/build-plugin.ts';
import { suite } from '../support/suite.ts';

const test = suite<{ executable: string }>('CNI plugin as an executable', {
  deadlineMs: 60_000,
  setup: async () => await Promise.resolve({ executable: buildPlugin() }),
});

/** Calls a program as a runtime does, with nothing of this process's environment. */
function call(program: string, command: string, config: object): { code: number; answer: unknown } {
  const env = { CNI_COMMAND: command, CNI_CONTAINERID: 'sandbox', CNI_NETNS: '/run/netns/none' };
  const input = JSON.stringify(config);
  const { status, stdout } = spawnSync(program, { env, input, encoding: 'utf8' });
  return { code: status ?? -1, answer: stdout === '' ? undefined : JSON.parse(stdout) };
}

const version = { cniVersion: '1.0.0', name: 'net', type: 'ambit-cni' };

test('answers as the source does, whatever the environment says to Node', ({ executable }) => {
  const { code, answer } = call(executable, 'VERSION', version);
  assert.is(code, 0);
  assert.is((answer as { supportedVersions: string[] }).supportedVersions.at(-1), '1.1.0');
  const prevResult = { cniVersion: '1.0.0', ips: [] };
  assert.equal(call(executable, 'ADD', { ...version, prevResult }), {
    code: 0,
    answer: prevResult,
  });
  const broken = call(executable, 'ADD', { ...version, exclude_namespaces: 7 });
  assert.is(broken.code, 1);
  assert.match((broken.answer as { msg: string }).msg, /^AMB1301 .*exclude_namespaces/);
  const env = { CNI_COMMAND: 'VERSION', NODE_OPTIONS: '--no-such-option' };
  assert.is(spawnSync(executable, { env, input: '{}' }).status, 0);
});

test('runs on a host by what was installed beside it', async ({ stack, executable }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'cni-program-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const program = await PluginProgram.read({ executable, mounted: folder, onNode: folder });
  assert.is(await program.isInstalled(), false);
  await program.install();
  assert.is(await program.isInstalled(), true);
  const installed = path.join(folder, 'ambit-cni');
  assert.is(call(installed, 'VERSION', version).code, 0);

  rmSync(path.join(folder, '.ambit-cni'), { recursive: true });
  assert.is(await program.isInstalled(), false);
  const { code, answer } = call(installed, 'ADD', version);
  assert.is(code, 1);
  assert.match((answer as { msg: string }).msg, /^AMB1327 .*cannot start/);
  await removeProgram(folder);
  assert.equal(readdirSync(folder), []);
});

test('needs no library of the host', async ({ stack, executable }) => {
  const root = mkdtempSync(path.join(tmpdir(), 'cni-host-'));
  stack.defer(() => rmSync(root, { recursive: true }));
  // As the host sees its folder of plugins, whatever path the agent has for it.
  const program = await PluginProgram.read({ executable, mounted: root, onNode: '/' });
  await program.install();
  assert.equal(readdirSync(root).toSorted(), ['.ambit-cni', 'ambit-cni']);
  const env = { CNI_COMMAND: 'VERSION', PATH: '/usr/sbin:/usr/bin' };
  const { status, stdout } = spawnSync('chroot', [root, '/ambit-cni'], { env, input: '{}' });
  assert.is(status, 0);
  assert.match(String(stdout), /"supportedVersions"/);
});

test.run();
