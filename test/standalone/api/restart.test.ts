// What survives a restart: objects, versions, keys, tokens, definitions, and where watches resume.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as assert from 'uvu/assert';

import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import { openStore } from '../../../src/standalone/api/open-store.ts';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, startHarness, until } from './api-harness.ts';

const test = suite('restart');

function map(name: string, value = '1'): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { value },
  };
}

const definition: ApiObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.test.example' },
  spec: {
    group: 'test.example',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
};

/** The first line of a watch from a version. */
async function firstOfWatch(
  api: Harness,
  kind: string,
  version: string,
): Promise<{ type: string }> {
  const output = await api.succeed([
    'get',
    '--raw',
    `/api/v1/${kind}?watch=true&resourceVersion=${version}&timeoutSeconds=1&allowWatchBookmarks=true`,
  ]);
  return JSON.parse(output.split('\n')[0] ?? '{}') as { type: string };
}

test('keeps objects and their versions, and goes on counting', async ({ stack }) => {
  const api = await startHarness(stack);
  const created = api.server.store.create(map('kept'));
  api.server.store.create(map('removed'));
  api.server.store.delete('configmaps', 'default', 'removed');
  const list = await api.succeed('get --raw /api/v1/configmaps');
  const before = (JSON.parse(list) as { metadata: { resourceVersion: string } }).metadata
    .resourceVersion;
  await api.restart();
  const kept = api.server.store.get('configmaps', 'default', 'kept');
  assert.equal(kept, created);
  const next = api.server.store.create(map('next'));
  assert.ok(Number(next.metadata.resourceVersion) > Number(before), 'a deletion counts too');
  assert.match(
    await api.succeed('get cm kept -o name'),
    'configmap/kept',
    'the kubeconfig still works',
  );
});

test('resumes watches at the last version of their kind and refuses older ones', async ({
  stack,
}) => {
  const api = await startHarness(stack);
  const old = api.server.store.create(map('one')).metadata.resourceVersion ?? '';
  api.server.store.create(map('two'));
  // Namespaces are filled meanwhile; a list tells where it stands.
  await api.succeed('create sa other');
  const list = await api.succeed('get --raw /api/v1/configmaps');
  const last = (JSON.parse(list) as { metadata: { resourceVersion: string } }).metadata
    .resourceVersion;
  await api.restart();
  assert.is((await firstOfWatch(api, 'configmaps', last)).type, 'BOOKMARK');
  assert.is((await firstOfWatch(api, 'configmaps', old)).type, 'ERROR');
});

test('serves custom kinds again and finishes deletions that were under way', async ({
  stack,
  signal,
}) => {
  const api = await startHarness(stack);
  api.server.store.create(definition);
  const thing = {
    apiVersion: 'test.example/v1',
    kind: 'Thing',
    metadata: { name: 'a', namespace: 'default' },
  };
  api.server.store.create({ ...thing, metadata: { ...thing.metadata, finalizers: ['test/hold'] } });
  api.server.store.delete(
    'apiextensions.k8s.io/customresourcedefinitions',
    '',
    'things.test.example',
  );
  await api.restart();
  const { store } = api.server;
  await until(
    () =>
      store.get('test.example/things', 'default', 'a')?.metadata.deletionTimestamp !== undefined,
    signal,
  );
  store.mergePatch('test.example/things', 'default', 'a', { metadata: { finalizers: null } });
  const kind = 'apiextensions.k8s.io/customresourcedefinitions';
  await until(() => store.get(kind, '', 'things.test.example') === undefined, signal);
  assert.throws(() => store.list('test.example/things'), /AMB1207/);
});

test('keeps everything that was answered when the process is killed', async ({ stack, signal }) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ambit-killed-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const databasePath = path.join(folder, 'state.db');
  const source = path.resolve(import.meta.dirname, '../../../src');
  const program = `
    const { openStore } = await import(${JSON.stringify(`${source}/standalone/api/open-store.ts`)});
    const { systemClock: clock } = await import(${JSON.stringify(`${source}/runtime/clock.ts`)});
    const { silentLogger: log } = await import(${JSON.stringify(`${source}/runtime/log.ts`)});
    const { store } = openStore({ databasePath: ${JSON.stringify(databasePath)}, clock, log });
    for (let n = 0; ; n++) {
      const metadata = { name: 'n' + n, namespace: 'default' };
      store.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
      process.stdout.write('n' + n + '\\n');
      await new Promise((resolve) => setImmediate(resolve));
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes('n50\n')) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.on('close', resolve));
  signal.throwIfAborted();
  const names = output.split('\n').slice(0, -1);
  assert.ok(names.length > 50, output);
  const { store } = stack.use(openStore({ databasePath, clock: systemClock, log: silentLogger }));
  for (const name of names) assert.ok(store.get('configmaps', 'default', name), name);
});

test('keeps its keys and tokens to itself', async ({ stack }) => {
  const api = await startHarness(stack);
  for (const name of ['ca.key', 'server.key', 'tokens.key', 'admin.token']) {
    const { mode } = await stat(path.join(api.folder, 'pki', name));
    assert.is(mode & 0o777, 0o600, name);
  }
  const { caCertificate, adminToken } = api.server;
  const account = api.server.store.get('serviceaccounts', 'default', 'default');
  assert.ok(account);
  const { token } = api.server.tokens.issue({
    serviceAccount: account!,
    pod: undefined,
    audiences: [],
    seconds: 600,
  });
  await api.restart();
  assert.is(api.server.caCertificate, caCertificate);
  assert.is(api.server.adminToken, adminToken);
  assert.ok('caller' in api.server.tokens.check(token), 'tokens stay good');
});

test('closes at once, also under a connection that never shook hands', async ({ stack }) => {
  const { server } = await startHarness(stack);
  const silent = connect(server.port, '127.0.0.1');
  stack.defer(() => void silent.destroy());
  const ended = once(silent, 'close');
  await once(silent, 'connect');
  await server.close();
  await ended;
});

test.run();
