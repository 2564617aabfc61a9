import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const test = suite('as an ordinary user in a user namespace', { deadlineMs: 60_000 });

for (const file of [
  'test/linux/mounts.test.ts',
  'test/namespaces/linux-tcp.test.ts',
  'test/namespaces/linux-udp.test.ts',
  'test/namespaces/linux-capture.test.ts',
  'test/namespaces/linux-namespace.test.ts',
]) {
  test(`${file} holds as well`, async () => {
    const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const own = ['unshare', '--user', '--map-root-user', '--net', '--mount', '/bin/sh', '-c'];
    const script = 'mount -t tmpfs tmpfs /run && exec "$0" "$1"';
    const child = spawn('setpriv', [...user, ...own, script, process.execPath, file]);
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    assert.equal(await once(child, 'close'), [0, null], said);
    assert.match(said, /Passed:\s+[1-9]/);
  });
}

test.run();
