// Whole meshes started and ended by the command line, without the mesh's own parts.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { ApiClient } from '../../src/standalone/api-client.ts';
import type { Pod } from '../../src/standalone/kubelet/pod-types.ts';
import { meshPaths } from '../../src/standalone/state-folder.ts';
import { readRecord } from '../../src/standalone/supervisor-record.ts';
import { suite, type TestContext } from '../support/suite.ts';
import { isReady } from './kubelet-support.ts';

const test = suite('mesh of the command line', { deadlineMs: 60_000 });
const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const nobody = 65_534;
const nothingLeft = 'left behind: 0 namespaces, 0 links, 0 processes, 0 mounts, 0 files';

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** A folder of meshes and the command line on it; every mesh is ended with the test. */
class TestMeshes {
  readonly parent: string;
  readonly folder: string;
  readonly #user: number | undefined;

  constructor(stack: AsyncDisposableStack, user?: number) {
    this.#user = user;
    const folder = mkdtempSync(path.join(tmpdir(), 'ambit-meshes-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    this.parent = path.join(folder, 'state');
    this.folder = folder;
    chmodSync(folder, 0o755);
    if (user !== undefined) chownSync(folder, user, user);
    stack.defer(async () => {
      for (const mesh of existsSync(this.parent) ? readdirSync(this.parent) : []) {
        await this.ambit(['down', '--name', mesh]);
      }
    });
  }

  start(args: readonly string[], cwd = this.folder): ReturnType<typeof spawn> {
    return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: this.folder, AMBIT_STATE_DIR: this.parent },
      ...(this.#user === undefined ? {} : { uid: this.#user, gid: this.#user }),
    });
  }

  ambit(args: readonly string[], cwd?: string): Promise<Ran> {
    const child = this.start(args, cwd);
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? 1, out })));
  }

  async up(mesh: string, args: readonly string[] = [], cwd?: string): Promise<Ran> {
    return await this.ambit(['up', '-d', '--no-mesh', '--name', mesh, ...args], cwd);
  }

  client(mesh: string): ApiClient {
    return new ApiClient(meshPaths(this.parent, mesh).kubeconfig);
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, name), text);
  }

  supervisor(mesh: string): number {
    return readRecord(meshPaths(this.parent, mesh).record)?.pid ?? 0;
  }
}

async function until<T>(
  { signal }: TestContext,
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  let last: unknown;
  while (!signal.aborted) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited for ${what}`, { cause: last });
}

function get(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { port, host: '127.0.0.1', agent: false, timeout: 2_000 },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => resolve(text));
        answer.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const application = (text: string, replicas = 2): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: web
          args: ['${text}']
          readinessProbe: {httpGet: {path: /, port: 8080}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`;
const program = `require('http').createServer((_, s) => s.end(process.argv[2])).listen(8080)`;

async function readyPods(meshes: TestMeshes, mesh: string): Promise<Pod[]> {
  const pods = await meshes.client(mesh).list<Pod>('/api/v1/namespaces/default/pods');
  return pods.filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined);
}

function names(objects: readonly ApiObject[]): string[] {
  return objects.map(({ metadata }) => metadata.name);
}

test('applies and follows a folder, publishes a service, and leaves nothing', async (context) => {
  const meshes = new TestMeshes(context.stack);
  const port = await freePort();
  meshes.write('server.cjs', program);
  meshes.write('web.yaml', application('one'));
  meshes.write('broken.yaml', 'kind: [');
  const image = `web=node ${path.join(meshes.folder, 'server.cjs')}`;
  const up = await meshes.up('ups', ['.', '--image', image, '--publish', `${port}:web:80`]);
  assert.is(up.code, 0, up.out);
  assert.match(up.out, /ambit: ready in \d+\.\d s/);
  assert.match(up.out, /AMB1106 .*broken\.yaml/);
  assert.match(up.out, `export KUBECONFIG=${meshPaths(meshes.parent, 'ups').kubeconfig}`);
  const pods = await until(context, 'two ready pods', async () => {
    const ready = await readyPods(meshes, 'ups');
    return ready.length === 2 ? ready : undefined;
  });
  assert.is(new Set(pods.map(({ spec }) => spec.nodeName)).size, 2);
  await until(context, 'an answer', async () => ((await get(port)) === 'one' ? true : undefined));
  const again = await meshes.up('ups');
  assert.is(again.code, 1);
  assert.match(again.out, 'AMB1102');
  const status = await meshes.ambit(['status', '--name', 'ups']);
  assert.is(status.code, 0, status.out);
  assert.match(status.out, 'node node2 ready');
  meshes.write('web.yaml', application('two'));
  await until(context, 'the new answer', async () =>
    (await get(port)) === 'two' ? true : undefined,
  );
  rmSync(path.join(meshes.folder, 'broken.yaml'));
  meshes.write('web.yaml', '# nothing any more\n');
  await until(context, 'the objects to be removed', async () => {
    const services = await meshes
      .client('ups')
      .list<ApiObject>('/api/v1/namespaces/default/services');
    return names(services).includes('web') ? undefined : true;
  });
  const down = await meshes.ambit(['down', '--name', 'ups']);
  assert.is(down.code, 0, down.out);
  assert.match(down.out, nothingLeft);
  assert.not.ok(existsSync(meshes.parent));
});

test('two meshes live side by side, each ended by its own name', async ({ stack }) => {
  const meshes = new TestMeshes(stack);
  const [one, two] = await Promise.all([meshes.up('side'), meshes.up('side-b')]);
  assert.is(one.code, 0, one.out);
  assert.is(two.code, 0, two.out);
  const down = await meshes.ambit(['down', '--name', 'side']);
  assert.match(down.out, nothingLeft);
  const status = await meshes.ambit(['status', '--name', 'side-b', '--json']);
  assert.is((JSON.parse(status.out) as { state: string }).state, 'running');
  assert.is((await meshes.ambit(['status', '--name', 'side'])).code, 3);
  assert.match((await meshes.ambit(['down', '--name', 'side-b'])).out, nothingLeft);
  const absent = await meshes.ambit(['down', '--name', 'side-b']);
  assert.is(absent.code, 0);
  assert.match(absent.out, 'is not there; nothing to remove');
});

test('a mesh of the same name elsewhere is left alone', async ({ stack }) => {
  const [one, other] = [new TestMeshes(stack), new TestMeshes(stack)];
  assert.is((await one.up('same')).code, 0);
  for (const verb of [['up', '-d', '--no-mesh'], ['down']]) {
    const ran = await other.ambit([...verb, '--name', 'same']);
    assert.is(ran.code, 1);
    assert.match(ran.out, `AMB1102 mesh same: it has its state in ${one.parent}`);
  }
  assert.is((await one.ambit(['status', '--name', 'same'])).code, 0);
});

test('a killed supervisor is cleaned by the next up, objects kept, and by down', async (context) => {
  const meshes = new TestMeshes(context.stack);
  meshes.write('server.cjs', program);
  meshes.write('web.yaml', application('kept', 1));
  const image = `web=node ${path.join(meshes.folder, 'server.cjs')}`;
  await meshes.up('crash', ['.', '--image', image]);
  const onePod = async (): Promise<Pod | undefined> => (await readyPods(meshes, 'crash'))[0];
  const before = await until(context, 'the pod', onePod);
  const pid = Number(before.status?.containerStatuses?.[0]?.containerID?.split('//')[1]);
  process.kill(meshes.supervisor('crash'), 'SIGKILL');
  await until(context, 'the pod to end with its supervisor', () =>
    existsSync(`/proc/${pid}`) ? undefined : true,
  );
  const status = await meshes.ambit(['status', '--name', 'crash']);
  assert.is(status.code, 3);
  assert.match(status.out, 'has crashed');
  const up = await meshes.up('crash');
  assert.is(up.code, 0, up.out);
  const after = await until(context, 'the pod again', onePod);
  assert.is(after.metadata.uid, before.metadata.uid);
  assert.is(after.status?.containerStatuses?.[0]?.restartCount, 1);
  process.kill(meshes.supervisor('crash'), 'SIGKILL');
  const down = await meshes.ambit(['down', '--name', 'crash']);
  assert.match(down.out, 'had crashed; its leftovers are removed');
  assert.match(down.out, nothingLeft);
});

test('a command becomes a pod with a service whose port is found', async (context) => {
  const meshes = new TestMeshes(context.stack);
  const port = await freePort();
  meshes.write(
    'hello.cjs',
    `require('http').createServer((_, s) => s.end(process.cwd() + process.env.WORD)).listen(4321)`,
  );
  const up = await meshes.up('cmd', ['--publish', `${port}:hello:4321`, '--', 'node', 'hello.cjs']);
  assert.is(up.code, 0, up.out);
  assert.match(up.out, 'runs as Deployment default/hello');
  const services = '/api/v1/namespaces/default/services';
  await until(context, 'the service', async () =>
    names(await meshes.client('cmd').list<ApiObject>(services)).includes('hello')
      ? true
      : undefined,
  );
  await until(context, 'an answer', async () =>
    (await get(port)) === `${meshes.folder}undefined` ? true : undefined,
  );
  const run = ['run', '--mesh', 'cmd', '--name', 'hello', '--port', '4321', '--env', 'WORD=!'];
  const ran = await meshes.ambit([...run, '--', 'node', 'hello.cjs']);
  assert.is(ran.code, 0, ran.out);
  await until(context, 'the changed answer', async () =>
    (await get(port)) === `${meshes.folder}!` ? true : undefined,
  );
});

test('a port in use is refused by the name of its flag', async ({ stack }) => {
  const meshes = new TestMeshes(stack);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const api = await meshes.up('port', ['--port', String(port)]);
  assert.is(api.code, 1);
  assert.match(api.out, `AMB1103 --port: 127.0.0.1:${port} is in use`);
  const published = await meshes.up('port', ['--publish', `${port}:web:80`]);
  assert.match(published.out, 'AMB1103 --publish');
  const wrong = await meshes.up('port', ['--publish', 'web:80']);
  assert.match(wrong.out, 'AMB1801');
});

test('in the foreground it ends with the command and keeps its state', async (context) => {
  const meshes = new TestMeshes(context.stack);
  const child = meshes.start(['up', '--no-mesh', '--name', 'front']);
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  await until(context, 'the mesh', () => (out.includes('Ctrl-C ends the mesh') ? true : undefined));
  child.kill('SIGINT');
  assert.is(await closed, 0);
  assert.not.ok(existsSync('/run/netns/ambit-front-node1'));
  assert.ok(existsSync(meshPaths(meshes.parent, 'front').database));
  assert.not.ok(existsSync(meshPaths(meshes.parent, 'front').nodes));
  const down = await meshes.ambit(['down', '--name', 'front']);
  assert.match(down.out, 'was not running; its state is removed');
  assert.match(down.out, nothingLeft);
});

test('an ordinary user has meshes too, or is told what is missing', async (context) => {
  const meshes = new TestMeshes(context.stack, nobody);
  const port = await freePort();
  meshes.write('server.cjs', program);
  meshes.write('web.yaml', application('unprivileged'));
  const image = `web=node ${path.join(meshes.folder, 'server.cjs')}`;
  const up = await meshes.up('user', ['.', '--image', image, '--publish', `${port}:web:80`]);
  if (up.code !== 0) {
    assert.match(up.out, 'AMB1101');
    return;
  }
  assert.not.ok(existsSync('/run/netns/ambit-user-node1'));
  await until(context, 'an answer', async () =>
    (await get(port)) === 'unprivileged' ? true : undefined,
  );
  const status = await meshes.ambit(['status', '--name', 'user']);
  assert.match(status.out, 'in a user namespace');
  const supervisor = meshes.supervisor('user');
  assert.match(readFileSync(`/proc/${supervisor}/cmdline`, 'utf8'), 'standalone/main.ts');
  process.kill(supervisor, 'SIGKILL');
  const down = await meshes.ambit(['down', '--name', 'user']);
  assert.is(down.code, 0, down.out);
  assert.match(down.out, nothingLeft);
});

test.run();
