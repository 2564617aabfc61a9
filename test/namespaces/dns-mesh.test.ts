import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite<{ mesh: LaptopMesh }>('names in a whole mesh', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'dns-mesh');
    const applied = await mesh.kubectlRaw(['apply', '-f', '-'], objects);
    if (applied.code !== 0) throw new Error(applied.stderr);
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await mesh.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
    await until('both pods to be enrolled', async () => {
      const marks =
        '{range .items[*]}{.metadata.annotations.ambient\\.istio\\.io/redirection}{"\\n"}{end}';
      const text = await mesh.kubectl('get', 'pods', '-o', `jsonpath=${marks}`);
      return text === 'enabled\nenabled\n' ? true : undefined;
    });
    return { mesh };
  },
});

const pod = (name: string, annotations: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: sleep }, annotations: { ${annotations} } }
spec:
  containers:
    - { name: sleep, image: none, command: [sleep, infinity] }
---`;

const objects = `${pod('captured', '')}${pod('left-out', 'ambient.istio.io/dns-capture: "false"')}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.5.5, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: crew }
spec: { clusterIP: None, selector: { app: sleep }, ports: [{ name: http, port: 80 }] }
`;

/** What a program in a pod gets to know, or the code of the failure. */
async function ask(mesh: LaptopMesh, podName: string, method: string, name: string) {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = await mesh.kubectl('get', 'pod', podName, '-o', path);
  const pid = id.replace(/^.*:\/\//, '');
  const program = `new (require('node:dns').promises.Resolver)({ timeout: 3000, tries: 2 })
    [process.argv[1]](process.argv[2])
    .then((found) => found, (error) => error.code)
    .then((told) => console.log(JSON.stringify(told)))`;
  const args = ['-t', pid, '-n', '-m', process.execPath, '-e', program, method, name];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return JSON.parse(output) as unknown;
}

test('a pod of the mesh finds services and single pods of headless ones', async ({ mesh }) => {
  const ip = 'jsonpath={.status.podIP}';
  const address = await mesh.kubectl('get', 'pod', 'left-out', '-o', ip);
  assert.equal(await ask(mesh, 'captured', 'resolve4', 'web.default.svc.cluster.local'), [
    '10.96.5.5',
  ]);
  const single = 'left-out.crew.default.svc.cluster.local';
  await until('the single pod', async () => {
    const found = await ask(mesh, 'captured', 'resolve4', single);
    return Array.isArray(found) && found[0] === address ? true : undefined;
  });
});

test('what the mesh does not answer comes from the name server of the cluster', async ({
  mesh,
}) => {
  const host = 'web.default.svc.cluster.local';
  const found = (await ask(mesh, 'captured', 'resolveSrv', host)) as { port: number }[];
  assert.is(found[0]?.port, 80);
  const unknown = await ask(mesh, 'captured', 'resolve4', 'nothing.default.svc.cluster.local');
  assert.is(unknown, 'ENOTFOUND');
});

test('a pod whose annotation says so keeps its own way to names', async ({ mesh }) => {
  assert.equal(await ask(mesh, 'left-out', 'resolve4', 'web.default.svc.cluster.local'), [
    '10.96.5.5',
  ]);
  // Only the mesh knows pods by this name: they have no host name within the service.
  const single = 'captured.crew.default.svc.cluster.local';
  assert.is(await ask(mesh, 'left-out', 'resolve4', single), 'ENOTFOUND');
});

test.run();
