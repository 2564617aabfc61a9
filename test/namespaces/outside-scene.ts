// A machine outside of a laptop mesh, on the link between its nodes, and programs run in the pods, for
// the tests of what the mesh has beside pods.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { ip } from '../../src/linux/ip.ts';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { listenTcp } from '../../src/linux/tcp.ts';
import { fabricNamespace } from '../../src/standalone/network/namespace-names.ts';
import type { LaptopMesh } from '../support/laptop-mesh.ts';

/** The addresses of the machine; the last is nobody's in the mesh's configuration. */
export const outside = {
  ipv4: '172.30.0.200',
  second: '172.30.0.201',
  unregistered: '172.30.0.202',
  ipv6: 'fd00:30::c8',
} as const;

/** Joins a machine to the link; it is gone with the stack. */
export async function joinOutside(
  stack: AsyncDisposableStack,
  mesh: LaptopMesh,
): Promise<NetworkNamespace> {
  const path = `/run/netns/svc-${process.pid}`;
  const machine = stack.use(NetworkNamespace.create(path));
  stack.defer(() => removeNamespaceMount(path));
  const place = fabricNamespace(mesh.name);
  const fabric = stack.use(NetworkNamespace.open(place));
  const far = `svc${process.pid}`;
  await ip([`link add eth0 type veth peer name ${far} netns ${basename(place)}`], machine);
  await ip([`link set ${far} master fabric0 up`], fabric);
  await ip(
    [
      'link set eth0 up',
      ...[outside.ipv4, outside.second, outside.unregistered].map(
        (address) => `address add ${address}/24 dev eth0`,
      ),
      `address add ${outside.ipv6}/64 dev eth0 nodad`,
      ...[1, 2].flatMap((node) => [
        `route add 10.244.${node}.0/24 via 172.30.0.${node + 10}`,
        `route add fd00:10:244:${node}::/64 via fd00:30::${(node + 10).toString(16)}`,
      ]),
    ],
    machine,
  );
  return machine;
}

/** Answers every request with a text, and the address and port that it came to. */
export async function serve(
  stack: AsyncDisposableStack,
  machine: NetworkNamespace,
  port: number,
  text: string,
): Promise<void> {
  const server = createServer(({ socket }, response) => {
    const address = (socket.localAddress ?? '').replace('::ffff:', '');
    response.setHeader('connection', 'close');
    response.end(`${text} at ${address} ${socket.localPort ?? ''}`);
  });
  stack.defer(() => void server.close());
  server.listen({ fd: listenTcp({ host: '::', port, namespace: machine }).fd });
  await once(server, 'listening');
}

/** A pod that waits, and one that answers HTTP with its name on port 8080. */
export const pods = {
  waiting: (name: string, more = '') => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  ${more}
  containers: [{ name: main, image: none, command: [sleep, infinity] }]
---`,
  answering: (name: string, app: string, more = '') => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${app} } }
spec:
  ${more}
  containers:
    - name: main
      image: none
      command: [node, -e, "require('http').createServer((q, r) => r.end(process.argv[1])).listen(8080, '::')", ${name}]
---`,
};

/** Runs a program of Node's in a pod, and answers what it prints as JSON. */
async function inPod(mesh: LaptopMesh, pod: string, program: string, args: readonly string[]) {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = await mesh.kubectl('get', 'pod', pod, '-o', path);
  const inside = ['-t', id.replace(/^.*:\/\//, ''), '-n', '-m', process.execPath, '-e', program];
  const child = spawn('nsenter', [...inside, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return JSON.parse(output) as unknown;
}

/** What pods get at addresses, one answer each: the body, or the code of the failure. */
export async function ask(
  mesh: LaptopMesh,
  pod: string,
  urls: readonly string[],
  family = 4,
): Promise<string[]> {
  const program = `
    const family = Number(process.argv[1]);
    const ask = (url) => new Promise((resolve) => {
      require('http').get(url, { family, agent: false, timeout: 4000 }, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk)).on('end', () => resolve(body));
      }).on('error', (error) => resolve(error.code)).on('timeout', () => resolve('timeout'));
    });
    Promise.all(process.argv.slice(2).map(ask)).then((all) => {
      console.log(JSON.stringify(all));
      process.exit();
    });`;
  return (await inPod(mesh, pod, program, [String(family), ...urls])) as string[];
}

/** What pods get for requests of any method: status and body, or the code of the failure. */
export async function request(
  mesh: LaptopMesh,
  pod: string,
  asked: readonly { readonly url: string; readonly method?: string }[],
): Promise<string[]> {
  const program = `
    const ask = ({ url, method }) => new Promise((resolve) => {
      require('http').request(url, { method, family: 4, agent: false, timeout: 8000 }, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk))
          .on('end', () => resolve(response.statusCode + ' ' + body));
      }).on('error', (error) => resolve(error.code)).on('timeout', () => resolve('timeout')).end();
    });
    Promise.all(JSON.parse(process.argv[1]).map(ask)).then((all) => {
      console.log(JSON.stringify(all));
      process.exit();
    });`;
  return (await inPod(mesh, pod, program, [JSON.stringify(asked)])) as string[];
}

/** What a pod's resolver finds, or the code of the failure. */
export async function lookUp(mesh: LaptopMesh, pod: string, method: string, name: string) {
  const program = `new (require('node:dns').promises.Resolver)({ timeout: 3000, tries: 2 })
    [process.argv[1]](process.argv[2])
    .then((found) => found.flat().toSorted(), (error) => error.code)
    .then((told) => console.log(JSON.stringify(told)))`;
  return await inPod(mesh, pod, program, [method, name]);
}

/** Applies objects. */
export async function apply(mesh: LaptopMesh, text: string): Promise<void> {
  const ran = await mesh.kubectlRaw(['apply', '-f', '-'], text);
  if (ran.code !== 0) throw new Error(ran.stderr);
}

/** Waits until all pods are ready, and those of the mesh enrolled. */
export async function waitForPods(mesh: LaptopMesh): Promise<void> {
  await mesh.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=40s');
  const enrolled = 'jsonpath={.metadata.annotations.ambient\\.istio\\.io/redirection}=enabled';
  await mesh.kubectl('wait', `--for=${enrolled}`, 'pod', '-l', 'app', '--timeout=40s');
}
