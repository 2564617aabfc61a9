// Two pods of a laptop mesh that talk, one outside of it, and programs of the machine run in their networks.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LaptopMesh } from '../support/laptop-mesh.ts';

/** Runs a program in the network of a pod, and answers what it wrote. Its exit code is not looked at. */
export async function runInPod(
  mesh: LaptopMesh,
  pod: { readonly namespace: string; readonly name: string },
  program: readonly string[],
): Promise<string> {
  const where = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = await mesh.kubectl('get', 'pod', '-n', pod.namespace, pod.name, '-o', where);
  const pid = id.replace(/^.*:\/\//, '');
  const child = spawn('nsenter', ['-t', pid, '-n', ...program], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return output;
}

/** The node proxies' pods. */
export async function ztunnelPods(mesh: LaptopMesh): Promise<readonly string[]> {
  const names = 'jsonpath={.items[*].metadata.name}';
  const selected = ['-n', 'istio-system', '-l', 'app=ztunnel'];
  const text = await mesh.kubectl('get', 'pods', ...selected, '-o', names);
  return text.split(' ').filter((name) => name !== '');
}

/** GET on a loopback port of a pod. */
export async function getInPod(
  mesh: LaptopMesh,
  pod: { readonly namespace: string; readonly name: string },
  port: number,
  where: string,
): Promise<string> {
  const script = `fetch('http://127.0.0.1:${port}${where}').then((got) => got.text()).then((text) => process.stdout.write(text))`;
  return await runInPod(mesh, pod, [process.execPath, '-e', script]);
}

const serve = `require('node:net').createServer((socket) => socket.pipe(socket)).listen(9000)`;

/** Objects: a pod `client` in the mesh that runs a program for Node, a pod `server` in the mesh that echoes
 * on port 9000, its service, and a pod `outside` that does nothing. */
export function clientAndServer(program: string): string {
  const pods = [
    podOf('server', 'ambient', ['node', '-e', serve]),
    podOf('client', 'ambient', ['node', '-e', program]),
    podOf('outside', 'none', ['sleep', 'infinity']),
  ];
  return `${pods.join('')}
apiVersion: v1
kind: Service
metadata: { name: server, namespace: default }
spec: { selector: { app: server }, ports: [{ name: tcp, port: 9000 }] }
`;
}

function podOf(name: string, mode: string, command: readonly string[]): string {
  return `
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name}, namespace: default }
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: default, labels: { app: ${name}, istio.io/dataplane-mode: ${mode} } }
spec:
  serviceAccountName: ${name}
  terminationGracePeriodSeconds: 0
  containers:
    - { name: main, image: none, command: ${JSON.stringify(command)} }
---`;
}
