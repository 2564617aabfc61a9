// The command line, used wrongly: every case ends with a code and a remedy, and touches nothing else.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { ambit, type Ran, root } from '../../demo/mesh.ts';
import { suite } from '../support/suite.ts';

interface Shell {
  readonly folder: string;
  readonly run: (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Ran>;
}

const test = suite<Shell>('a command line used wrongly', {
  deadlineMs: 40_000,
  setup({ stack }) {
    const folder = mkdtempSync(path.join(tmpdir(), 'ambit-bad-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const { KUBECONFIG: _, ...inherited } = process.env;
    const own = { ...inherited, AMBIT_STATE_DIR: path.join(folder, 'state'), HOME: folder };
    return Promise.resolve({ folder, run: (args, env) => ambit(args, { ...own, ...env }) });
  },
});

function assertCoded(ran: Ran, code: string, ...words: readonly string[]): void {
  assert.is(ran.code, 1, ran.stdout);
  assert.match(ran.stderr, new RegExp(`^${code} `));
  assert.match(ran.stderr, /\nRemedy: \S/);
  for (const word of words) assert.ok(ran.stderr.includes(word), `${word} in: ${ran.stderr}`);
}

const wrong: readonly (readonly [string, string, ...string[]])[] = [
  ['AMB1801', 'frobnicate', 'frobnicate'],
  ['AMB1801', '--frob', 'up', '--frob'],
  ['AMB1801', '--nodes', 'up', '--nodes', '0'],
  ['AMB1801', '--port', 'up', '--port', '70000'],
  ['AMB1801', '--publish', 'up', '--publish', 'nonsense'],
  ['AMB1801', '/nowhere', 'up', '/nowhere'],
  ['AMB1801', 'extra', 'down', 'extra'],
  ['AMB1801', 'COMMAND', 'run'],
  ['AMB1803', 'KUBECONFIG', 'why', 'a', 'b'],
  ['AMB1108', '--image', 'up', '--image', 'nonsense', '--name', 'bad-image'],
];

test('names an unknown command, flag or value', async ({ run }) => {
  for (const [code, word, ...args] of wrong) assertCoded(await run(args), code, word);
});

test('refuses mesh names that would lead to other folders', async ({ run, folder }) => {
  writeFileSync(path.join(folder, 'keep'), '');
  for (const name of ['..', '.', '', 'a/../..', 'Big']) {
    for (const verb of ['down', 'status', 'up']) {
      assertCoded(await run([verb, '--name', name]), 'AMB1150', JSON.stringify(name));
    }
  }
  assert.ok(readdirSync(folder).includes('keep'));
});

test('tells of a mesh that is not there, and removes nothing', async ({ run }) => {
  const down = await run(['down', '--name', 'bad-absent']);
  assert.is(down.code, 0);
  assert.match(down.stdout, 'is not there');
  const status = await run(['status', '--name', 'bad-absent']);
  assert.is(status.code, 3);
  assert.match(status.stdout, 'there is no mesh bad-absent');
});

test('names a kubeconfig that is garbage', async ({ run, folder }) => {
  const file = path.join(folder, 'kubeconfig');
  for (const text of ['apiVersion: v1\nkind: Config\n', 'just words', '\0\x01{[']) {
    writeFileSync(file, text);
    assertCoded(await run(['why', 'a', 'b'], { KUBECONFIG: file }), 'AMB1803', file);
  }
});

test('names a port in use', async ({ run, stack }) => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const { port } = server.address() as net.AddressInfo;
  const flags = [['--port', String(port)] as const, ['--publish', `${port}:web:80`] as const];
  for (const words of flags) {
    const ran = await run(['up', '--name', 'bad-port', '--detach', ...words]);
    assertCoded(ran, 'AMB1103', words[0], String(port));
  }
});

test('names a state folder that cannot be used', async ({ run, folder }) => {
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  for (const parent of [file, '/proc/none']) {
    const ran = await run(['up', '--name', 'bad-state'], { AMBIT_STATE_DIR: parent });
    assertCoded(ran, 'AMB1119', path.join(parent, 'bad-state'));
    const down = await run(['down', '--name', 'bad-state'], { AMBIT_STATE_DIR: parent });
    assert.is(down.code, 0, down.stderr);
  }
});

test('names a damaged state file and a damaged key, and leaves them', async ({ run, folder }) => {
  const state = path.join(folder, 'state', 'bad-file');
  mkdirSync(path.join(state, 'pki'), { recursive: true });
  writeFileSync(path.join(state, 'state.db'), 'no database at all '.repeat(500));
  const args = ['up', '--name', 'bad-file', '--no-mesh', '--detach'];
  assertCoded(await run(args), 'AMB1205', 'state.db');
  rmSync(path.join(state, 'state.db'));
  for (const name of readdirSync(path.join(state, 'pki'))) {
    writeFileSync(path.join(state, 'pki', name), 'no key');
  }
  assertCoded(await run(args), 'AMB1213', 'pki');
  assert.is((await run(['down', '--name', 'bad-file'])).code, 0);
});

test('lets one of two simultaneous starts of a name win', async ({ run, stack }) => {
  stack.defer(async () => void (await run(['down', '--name', 'bad-twice'])));
  const up = ['up', '--name', 'bad-twice', '--no-mesh', '--detach'];
  const rans = await Promise.all([run(up), run(up)]);
  const lost = rans.filter(({ code }) => code !== 0);
  assert.is(lost.length, 1, JSON.stringify(rans));
  for (const ran of lost) assertCoded(ran, 'AMB1102', 'bad-twice');
  assert.is((await run(['status', '--name', 'bad-twice'])).code, 0);
  assertCoded(await run(up), 'AMB1102', 'bad-twice');
  writeFileSync(path.join(stateOf(rans), 'kubeconfig'), 'garbage');
  assertCoded(await run(['status', '--name', 'bad-twice']), 'AMB1109', 'damaged');
});

function stateOf(rans: readonly Ran[]): string {
  const kubeconfig = rans.map(({ stdout }) => /KUBECONFIG=(\S+)/.exec(stdout)?.[1]).find(Boolean);
  return path.dirname(kubeconfig ?? '');
}

test('Ctrl-C in the foreground leaves no process, namespace or mount', async ({ run, folder }) => {
  const env = { ...process.env, AMBIT_STATE_DIR: path.join(folder, 'state'), HOME: folder };
  const main = path.join(root, 'src/cli/main.ts');
  const words = [main, 'up', '--name', 'bad-keys', '--no-mesh', '--', 'sleep', '900'];
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await new Promise<void>((resolve) => {
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Ctrl-C ends the mesh')) resolve();
    });
    child.once('close', () => resolve());
  });
  child.kill('SIGINT');
  assert.is(await ended, 0);
  const named = readdirSync('/run/netns').filter((name) => name.startsWith('ambit-bad-keys-'));
  assert.equal(named, []);
  const state = path.join(folder, 'state', 'bad-keys');
  assert.is(readFileSync('/proc/mounts', 'utf8').includes(state), false);
  assert.is((await run(['status', '--name', 'bad-keys'])).code, 3);
  const down = await run(['down', '--name', 'bad-keys']);
  assert.match(down.stdout, '0 namespaces, 0 links, 0 processes, 0 mounts, 0 files');
});

test('says what an ordinary user lacks where user namespaces are forbidden', async () => {
  const script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv "$@"';
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const drop = ['--bounding-set=-all', '--inh-caps=-all', process.execPath];
  const main = [path.join(root, 'src/cli/main.ts'), 'up', '--name', 'bad-user'];
  const words = [...user, 'unshare', '--user', '--map-root-user', 'sh', '-c', script, 'sh'];
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
  const child = spawn('setpriv', [...words, ...drop, ...main], { env });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  assertCoded({ code: code ?? 1, stdout: '', stderr }, 'AMB1101', 'user.max_user_namespaces');
});

test.run();
