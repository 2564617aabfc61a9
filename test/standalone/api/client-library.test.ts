// The Kubernetes client library: informers, resuming, expiry, bookmarks.

import {
  CoreV1Api,
  KubeConfig,
  makeInformer,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import * as assert from 'uvu/assert';

import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, startHarness, until } from './api-harness.ts';

const test = suite<{ api: Harness; config: KubeConfig }>('client library', {
  setup: async ({ stack }) => {
    const api = await startHarness(stack);
    const config = new KubeConfig();
    config.loadFromFile(api.kubeconfig);
    return { api, config };
  },
});

function map(name: string, labels?: Record<string, string>): ApiObject {
  const metadata = { name, namespace: 'default', ...(labels ? { labels } : {}) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { n: '1' } };
}

function withData(object: V1ConfigMap, a: string): V1ConfigMap {
  return Object.assign(structuredClone(object), { data: { a } });
}

interface Seen {
  readonly type: string;
  readonly object: {
    metadata?: { name?: string; resourceVersion?: string; annotations?: object };
    code?: number;
  };
}

/** Watches until the stream ends or the test does. */
async function watch(
  config: KubeConfig,
  query: Record<string, string | boolean | number>,
  stack: AsyncDisposableStack,
): Promise<{ seen: Seen[]; ended: Promise<void>; abort(): void }> {
  const seen: Seen[] = [];
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const controller = await new Watch(config).watch(
    '/api/v1/namespaces/default/configmaps',
    query,
    (type: string, object: Seen['object']) => seen.push({ type, object }),
    () => end(),
  );
  stack.defer(() => controller.abort());
  return { seen, ended, abort: () => controller.abort() };
}

test('lists, then follows every change in order', async ({ api, config, stack, signal }) => {
  const core = config.makeApiClient(CoreV1Api);
  const informer = makeInformer<V1ConfigMap>(config, '/api/v1/namespaces/default/configmaps', () =>
    core.listNamespacedConfigMap({ namespace: 'default' }),
  );
  const seen: string[] = [];
  informer.on('add', (object) => seen.push(`+${object.metadata?.name}`));
  informer.on('update', (object) => seen.push(`~${object.metadata?.name}`));
  informer.on('delete', (object) => seen.push(`-${object.metadata?.name}`));
  const { store } = api.server;
  store.create(map('before'));
  await informer.start();
  stack.defer(() => informer.stop());
  store.create(map('informed'));
  store.mergePatch('configmaps', 'default', 'informed', { data: { n: '2' } });
  store.delete('configmaps', 'default', 'informed');
  await until(() => seen.includes('-informed'), signal);
  assert.ok(seen.includes('+before'));
  assert.equal(
    seen.filter((one) => one.endsWith('informed')),
    ['+informed', '~informed', '-informed'],
  );
});

test('creates, replaces with a stale version, patches and deletes', async ({ config }) => {
  const core = config.makeApiClient(CoreV1Api);
  const created = await core.createNamespacedConfigMap({
    namespace: 'default',
    body: { metadata: { generateName: 'lib-' }, data: { a: '1' } },
  });
  const name = created.metadata?.name ?? '';
  assert.match(name, /^lib-.{5}$/);
  await core.replaceNamespacedConfigMap({
    namespace: 'default',
    name,
    body: withData(created, '2'),
  });
  const stale = await core
    .replaceNamespacedConfigMap({
      namespace: 'default',
      name,
      body: withData(created, '3'),
    })
    .catch((error: { code?: number }) => error);
  assert.is((stale as { code?: number }).code, 409);
  await core.deleteNamespacedConfigMap({ namespace: 'default', name });
});

test('resumes a watch where it was cut, missing nothing', async ({
  api,
  config,
  stack,
  signal,
}) => {
  const { store } = api.server;
  const first = await watch(config, { labelSelector: 'resume' }, stack);
  store.create(map('resume-1', { resume: '' }));
  await until(() => first.seen.length === 1, signal);
  first.abort();
  await first.ended;
  store.create(map('resume-2', { resume: '' }));
  store.delete('configmaps', 'default', 'resume-1');
  const resourceVersion = first.seen[0]?.object.metadata?.resourceVersion ?? '';
  const second = await watch(config, { labelSelector: 'resume', resourceVersion }, stack);
  await until(() => second.seen.length === 2, signal);
  assert.equal(
    second.seen.map(({ type, object }) => `${type} ${object.metadata?.name}`),
    ['ADDED resume-2', 'DELETED resume-1'],
  );
});

test('says Gone when the position is forgotten or from another state', async ({
  api,
  config,
  stack,
  signal,
}) => {
  await api.restart();
  for (const resourceVersion of ['1', '999999999']) {
    const { seen, ended } = await watch(config, { resourceVersion }, stack);
    await ended;
    signal.throwIfAborted();
    assert.is(seen[0]?.type, 'ERROR', resourceVersion);
    assert.is(seen[0]?.object.code, 410);
  }
});

test('sends bookmarks at the end of the initial state and of the watch', async ({
  config,
  stack,
}) => {
  const { seen, ended } = await watch(
    config,
    {
      sendInitialEvents: true,
      allowWatchBookmarks: true,
      resourceVersionMatch: 'NotOlderThan',
      timeoutSeconds: 1,
    },
    stack,
  );
  await ended;
  const bookmarks = seen.filter(({ type }) => type === 'BOOKMARK');
  assert.is(seen[0]?.type, 'ADDED');
  assert.equal(bookmarks[0]?.object.metadata?.annotations, { 'k8s.io/initial-events-end': 'true' });
  assert.ok(Number(bookmarks.at(-1)?.object.metadata?.resourceVersion) > 0);
  assert.is(seen.at(-1)?.type, 'BOOKMARK');
});

test('tells a selecting watch when objects come into the selection and leave it', async ({
  api,
  config,
  stack,
  signal,
}) => {
  const { store } = api.server;
  const { seen } = await watch(config, { labelSelector: 'chosen=yes' }, stack);
  store.create(map('wanders'));
  const label = (value: string | null): void =>
    void store.mergePatch('configmaps', 'default', 'wanders', {
      metadata: { labels: { chosen: value } },
    });
  label('yes');
  label('no');
  label('yes');
  store.delete('configmaps', 'default', 'wanders');
  await until(() => seen.length === 4, signal);
  assert.equal(
    seen.map(({ type }) => type),
    ['ADDED', 'DELETED', 'ADDED', 'DELETED'],
  );
});

test.run();
