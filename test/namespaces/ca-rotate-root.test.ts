// A root exchanged by the command for it in a mesh with traffic, from the authority that the controller made
// to one of openssl's with an intermediate: no request fails, and openssl sees the new path at the end.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { temporaryFolder } from '../controller/running-controller.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { OpensslAuthority } from './openssl-authority.ts';
import { clientAndServer, runInPod } from './pod-commands.ts';

const test = suite<{ readonly mesh: LaptopMesh }>('rotation of the root in a whole mesh', {
  deadlineMs: 240_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'ca-rotate');
    const applied = await mesh.kubectlRaw(['apply', '-f', '-'], objects);
    if (applied.code !== 0) throw new Error(applied.stderr);
    await mesh.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
    return { mesh };
  },
});

/** A new connection for every request, and one that is kept all the time; both are counted. */
const talk = `
const net = require('node:net');
const { setTimeout: wait } = require('node:timers/promises');
const host = 'server.default.svc.cluster.local';
let good = 0, started = false;
const fail = (what) => console.log('failed', what);
const once = () => new Promise((resolve) => {
  const socket = net.connect(9000, host, () => socket.end('hello'));
  let text = '';
  socket.on('data', (bytes) => { text += bytes; });
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(text === 'hello'));
});
const keep = () => {
  const kept = net.connect(9000, host);
  const timer = setInterval(() => kept.write('x'), 50);
  kept.on('data', () => undefined);
  kept.on('error', (error) => fail('the kept connection: ' + error.message));
  kept.on('close', () => { clearInterval(timer); fail('the kept connection ended'); });
};
(async () => {
  for (;;) {
    const ok = await once();
    if (ok && !started) { started = true; keep(); console.log('started'); }
    if (ok) good++;
    else if (started) fail('after ' + good);
    if (started && good % 20 === 0) console.log('good', good);
    await wait(20);
  }
})();`;

const objects = clientAndServer(talk);

/** The files that the command wants, in a folder. */
function newAuthority(stack: AsyncDisposableStack): { folder: string; root: OpensslAuthority } {
  const folder = temporaryFolder(stack);
  const root = new OpensslAuthority(folder, 'fresh-root');
  const signer = new OpensslAuthority(folder, 'fresh-signer', root);
  const files = {
    'ca-cert.pem': signer.certPem,
    'ca-key.pem': signer.keyPem,
    'cert-chain.pem': signer.certPem,
    'root-cert.pem': root.certPem,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return { folder, root };
}

async function goodSoFar(mesh: LaptopMesh): Promise<number> {
  const lines = (await mesh.kubectl('logs', 'client')).trim().split('\n');
  return Number(lines.findLast((line) => line.startsWith('good'))?.split(' ')[1] ?? 0);
}

test('no request fails while the command exchanges the authority', async ({ mesh, stack }) => {
  const { folder } = newAuthority(stack);
  await until('traffic', async () => ((await goodSoFar(mesh)) > 0 ? true : undefined));
  const ran = await mesh.ambit('rotate-root', folder, '--timeout', '60');
  assert.is(ran.code, 0, ran.stderr);
  assert.equal(
    ran.stdout.replaceAll(/ \(\d proxies\)/g, ''),
    `1 of 3: both authorities are trusted, the old one signs
2 of 3: both authorities are trusted, the new one signs
3 of 3: the new authority alone is trusted
`,
  );
  const before = await goodSoFar(mesh);
  await until('traffic after it', async () =>
    (await goodSoFar(mesh)) > before + 40 ? true : undefined,
  );
  assert.not.match(await mesh.kubectl('logs', 'client'), /failed/);
  const address = await mesh.kubectl('get', 'pod', 'server', '-o', 'jsonpath={.status.podIP}');
  const connect = ['s_client', '-connect', `${address}:15008`, '-alpn', 'h2', '-showcerts'];
  const roots = ['-CAfile', path.join(folder, 'root-cert.pem')];
  const outside = { namespace: 'default', name: 'outside' };
  const shown = await runInPod(mesh, outside, ['openssl', ...connect, ...roots]);
  assert.match(shown, /Verification: OK/);
  assert.match(shown, /i:O = Test, CN = fresh-signer/);
  const again = await mesh.ambit('rotate-root', folder, '--timeout', '60');
  assert.is(again.code, 0, 'nothing to do: it goes through its stages without a change');
});

test('files that do not belong together change nothing', async ({ mesh, stack }) => {
  const { folder } = newAuthority(stack);
  const secret = () =>
    mesh.kubectl('get', 'secret', 'cacerts', '-n', 'istio-system', '-o', 'jsonpath={.data}');
  const before = await secret();
  writeFileSync(path.join(folder, 'ca-key.pem'), new OpensslAuthority(folder, 'x').keyPem);
  const ran = await mesh.ambit('rotate-root', folder);
  assert.is(ran.code, 1);
  assert.match(ran.stderr, /AMB1808 .*ca-key.pem is of another/);
  assert.is(await secret(), before);
});

test.run();
