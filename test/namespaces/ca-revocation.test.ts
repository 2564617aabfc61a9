// A whole mesh below an authority of openssl's: what openssl sees of its certificates, and a connection
// between two pods that ends when the certificate of one is revoked.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { temporaryFolder } from '../controller/running-controller.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { OpensslAuthority } from './openssl-authority.ts';
import { clientAndServer, getInPod, runInPod, ztunnelPods } from './pod-commands.ts';

interface Scene {
  readonly mesh: LaptopMesh;
  readonly folder: string;
  readonly root: OpensslAuthority;
  readonly signer: OpensslAuthority;
}

const test = suite<Scene>('revocation in a whole mesh', {
  deadlineMs: 240_000,
  async setup({ stack }) {
    const folder = temporaryFolder(stack);
    const root = new OpensslAuthority(folder, 'root');
    const signer = new OpensslAuthority(folder, 'signer', root);
    const mesh = await upMesh(stack, 'ca-revoke');
    const scene = { mesh, folder, root, signer };
    await plugIn(scene);
    await startProxiesAnew(scene);
    const applied = await mesh.kubectlRaw(['apply', '-f', '-'], objects);
    if (applied.code !== 0) throw new Error(applied.stderr);
    await mesh.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
    return scene;
  },
});

/** Writes the Secret, with a revocation list if one is given. */
async function plugIn({ mesh, folder, root, signer }: Scene, list?: string): Promise<void> {
  const files: Record<string, string> = {
    'ca-cert.pem': signer.certPem,
    'ca-key.pem': signer.keyPem,
    'cert-chain.pem': signer.certPem,
    'root-cert.pem': root.certPem,
    ...(list !== undefined && { 'ca-crl.pem': list }),
  };
  const from = Object.entries(files).map(([name, text]) => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return `--from-file=${file}`;
  });
  const make = ['create', 'secret', 'generic', 'cacerts', '-n', 'istio-system'];
  const yaml = await mesh.kubectl(...make, ...from, '--dry-run=client', '-o', 'yaml');
  const applied = await mesh.kubectlRaw(['apply', '-f', '-'], yaml);
  if (applied.code !== 0) throw new Error(applied.stderr);
}

/** So that no certificate is exchanged later because the roots have changed. */
async function startProxiesAnew({ mesh, root }: Scene): Promise<void> {
  const system = ['-n', 'istio-system'];
  const content = 'jsonpath={.data.root-cert\\.pem}';
  await until('the new root in the namespace', async () => {
    const now = await mesh.kubectl('get', 'cm', ...system, 'istio-ca-root-cert', '-o', content);
    return now === root.certPem ? true : undefined;
  });
  const before = await ztunnelPods(mesh);
  await mesh.kubectl('delete', 'pods', ...system, ...before);
  await until('new proxies', async () => {
    const now = await ztunnelPods(mesh);
    return now.length === before.length && !now.some((name) => before.includes(name))
      ? true
      : undefined;
  });
  await mesh.kubectl(
    'wait',
    ...system,
    '--for=condition=Ready',
    'pod',
    '--selector=app=ztunnel',
    '--timeout=60s',
  );
}

/** Connects, says something every second, and when the connection ends, connects again. */
const talk = `
const connect = () => {
  const socket = require('node:net').connect(9000, 'server.default.svc.cluster.local');
  const timer = setInterval(() => socket.write('x'), 200);
  let told = false;
  socket.on('data', () => { if (!told) console.log('talking'); told = true; });
  socket.on('error', () => undefined);
  socket.on('close', () => { if (told) console.log('closed'); clearInterval(timer); setTimeout(connect, 300); });
};
connect();`;

const objects = clientAndServer(talk);

/** What openssl is shown on port 15008 of a pod: leaf, then intermediates. */
async function shownBy(mesh: LaptopMesh, name: string): Promise<readonly X509Certificate[]> {
  const address = await mesh.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');
  const connect = ['s_client', '-connect', `${address}:15008`, '-alpn', 'h2', '-showcerts'];
  const text = await runInPod(mesh, { namespace: 'default', name: 'outside' }, [
    'openssl',
    ...connect,
  ]);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => new X509Certificate(pem));
}

async function untilBelow(mesh: LaptopMesh, name: string, issuer: string) {
  return await until(`${name} to show a certificate by ${issuer}`, async () => {
    const shown = await shownBy(mesh, name);
    return shown[0]?.issuer.includes(`CN=${issuer}`) === true ? shown : undefined;
  });
}

test('openssl is shown leaf and intermediate, and finds the path to the root', async (scene) => {
  const { mesh, folder, root } = scene;
  const [leaf, signer, ...more] = await untilBelow(mesh, 'server', 'signer');
  assert.is(leaf?.subjectAltName, 'URI:spiffe://cluster.local/ns/default/sa/server');
  assert.match(signer?.subject ?? '', /CN=signer/);
  assert.equal(more, []);
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  const roots = ['-CAfile', file('r.pem', root.certPem)];
  const between = ['-untrusted', file('i.pem', signer!.toString())];
  for (const purpose of ['sslserver', 'sslclient']) {
    const args = ['verify', '-x509_strict', '-purpose', purpose, ...roots, ...between];
    const told = execFileSync('openssl', [...args, file('l.pem', leaf!.toString())]).toString();
    assert.match(told, /OK/);
  }
});

test('the connection of a revoked pod ends with a code, and its owner gets a new certificate', async (scene) => {
  const { mesh, signer } = scene;
  const [revoked] = await untilBelow(mesh, 'client', 'signer');
  await untilBelow(mesh, 'server', 'signer');
  const log = () => mesh.kubectl('logs', 'client');
  await until('the two to talk', async () =>
    (await log()).endsWith('talking\n') ? true : undefined,
  );
  signer.revoke(revoked!.toString());
  await plugIn(scene, signer.list());
  const record = await until('the reason on record', async () => {
    const ran = await mesh.ambit('why', 'client', 'server', '--last', '20', '--json');
    return /AMB1521/.test(ran.stdout) ? ran.stdout : undefined;
  });
  assert.match(record, /sa\/client \(serial number [0-9A-F]+\), was revoked on .*keyCompromise/);
  const told = await mesh.ambit('why', 'client', 'server', '--last', '20');
  assert.match(told.stdout, /AMB1521/);
  await until('the two to talk again', async () =>
    /talking\nclosed\n(.*\n)*talking\n$/.test(await log()) ? true : undefined,
  );
  const [fresh] = await untilBelow(mesh, 'client', 'signer');
  assert.is.not(fresh?.serialNumber, revoked?.serialNumber);
  const published = ['get', 'configmap', 'istio-ca-crl', '-n', 'default', '-o', 'yaml'];
  assert.match(await mesh.kubectl(...published), /BEGIN X509 CRL/);
  const proxies = await ztunnelPods(mesh);
  const counted = await Promise.all(
    proxies.map((name) => getInPod(mesh, { namespace: 'istio-system', name }, 15_020, '/metrics')),
  );
  assert.match(counted.join(''), /istio_crl_policy_rejections_total\{reporter="\w+"\} [1-9]/);
});

test.run();
