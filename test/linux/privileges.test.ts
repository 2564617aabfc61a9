import { spawnSync } from 'node:child_process';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { type Privileges, privileges } from '../../src/linux/privileges.ts';
import { suite } from '../support/suite.ts';

const test = suite('privileges');

const source = `import { privileges } from '${path.resolve('src/linux/privileges.ts')}';
console.log(JSON.stringify(privileges()))`;

function inside(command: string, ...args: string[]): Privileges {
  const node = [process.execPath, '--input-type=module-typescript', '-e', source];
  const child = spawnSync(command, [...args, ...node], { encoding: 'utf8' });
  assert.is(child.status, 0, child.stderr);
  return JSON.parse(child.stdout) as Privileges;
}

test('finds that root may do everything, and needs no user namespace', () => {
  assert.equal(privileges(), { root: true, userNamespaces: false, missing: [] });
});

test('finds that an ordinary user may, in a user namespace', () => {
  const found = inside('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');
  assert.equal(found, { root: false, userNamespaces: true, missing: [] });
});

test('finds that root without capabilities may not by itself', () => {
  const found = inside('setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin');
  assert.is(found.root, false);
});

test('finds that it is root within a user namespace of its own', () => {
  const found = inside('unshare', '-Urnm');
  assert.equal(found, { root: true, userNamespaces: false, missing: [] });
});

test('says in words what is missing', () => {
  const off =
    'echo 0 > /proc/sys/user/max_user_namespaces; echo 0 > /proc/sys/user/max_net_namespaces; exec "$0" "$@"';
  const found = inside('unshare', '-Urnm', '/bin/sh', '-c', off);
  assert.is(found.root, false);
  assert.is(found.userNamespaces, false);
  assert.match(found.missing.join('; '), /namespaces/);
});

test('without them, what needs them fails and nothing else happens', () => {
  const script = `
    import { NetworkNamespace } from '${path.resolve('src/linux/network-namespace.ts')}';
    import { existsSync } from 'node:fs';
    import { nft } from '${path.resolve('src/linux/nft.ts')}';
    import { bindUdp } from '${path.resolve('src/linux/udp.ts')}';
    const failures = [];
    const file = '/tmp/linux-test-never-made-' + process.pid;
    const attempt = async (body) => { try { await body(); } catch (e) { failures.push(e.errno); } };
    await attempt(() => NetworkNamespace.create(file));
    await attempt(() => bindUdp({ host: '127.0.0.1', port: 0, mark: 1 }));
    await attempt(() => nft('table inet never_made {}'));
    using own = NetworkNamespace.current();
    console.log(failures.join(), existsSync(file), own.run(() => 'own namespace is fine'));`;
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const node = [process.execPath, '--input-type=module-typescript', '-e', script];
  const child = spawnSync('setpriv', [...user, ...node], { encoding: 'utf8' });
  assert.is(child.stdout, 'EPERM,EPERM,EPERM false own namespace is fine\n', child.stderr);
});

test.run();
