// How objects go: at once, after finalizers, after their pods' grace, with their owners and namespaces.

import * as assert from 'uvu/assert';

import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, outputWith, startHarness, until } from './api-harness.ts';

const test = suite<{ api: Harness }>('deletion', {
  setup: async ({ stack }) => ({ api: await startHarness(stack) }),
});

function configMap(name: string, owner?: ApiObject, block = true): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'default',
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: owner.apiVersion,
                kind: owner.kind,
                name: owner.metadata.name,
                uid: owner.metadata.uid ?? '',
                blockOwnerDeletion: block,
              },
            ],
          }),
    },
  };
}

test('waits for finalizers, and kubectl waits with it', async ({ api, signal }) => {
  const { store } = api.server;
  store.create({
    ...configMap('held'),
    metadata: { ...configMap('held').metadata, finalizers: ['test/hold'] },
  });
  const deleting = api.start('delete cm held');
  await until(
    () => store.get('configmaps', 'default', 'held')?.metadata.deletionTimestamp !== undefined,
    signal,
  );
  const ended = new Promise((resolve) => deleting.on('close', resolve));
  store.mergePatch('configmaps', 'default', 'held', { metadata: { finalizers: null } });
  assert.is(await ended, 0);
  assert.is(store.get('configmaps', 'default', 'held'), undefined);
});

test('deletes dependents in the background, the foreground, or leaves them', async ({
  api,
  signal,
}) => {
  const { store } = api.server;
  const gone = (name: string): Promise<void> =>
    until(() => store.get('configmaps', 'default', name) === undefined, signal);

  const back = store.create(configMap('owner-b'));
  store.create(configMap('child-b', back));
  await api.succeed('delete cm owner-b --cascade=background');
  await gone('child-b');

  const front = store.create(configMap('owner-f'));
  const held = configMap('child-f', front);
  held.metadata.finalizers = ['test/hold'];
  store.create(held);
  const deleting = api.start('delete cm owner-f --cascade=foreground');
  const ended = new Promise((resolve) => deleting.on('close', resolve));
  await until(
    () => store.get('configmaps', 'default', 'child-f')?.metadata.deletionTimestamp !== undefined,
    signal,
  );
  assert.ok(store.get('configmaps', 'default', 'owner-f'), 'the owner waits for its dependent');
  store.mergePatch('configmaps', 'default', 'child-f', { metadata: { finalizers: null } });
  assert.is(await ended, 0);
  assert.is(store.get('configmaps', 'default', 'owner-f'), undefined);

  const orphan = store.create(configMap('owner-o'));
  store.create(configMap('child-o', orphan));
  await api.succeed('delete cm owner-o --cascade=orphan');
  assert.is(store.get('configmaps', 'default', 'child-o')?.metadata.ownerReferences, undefined);
});

test('collects an object whose owner never was', async ({ api, signal }) => {
  const { store } = api.server;
  const ghost = { ...configMap('ghost'), metadata: { name: 'ghost', uid: 'no-such-uid' } };
  store.create(configMap('orphaned', ghost));
  await until(() => store.get('configmaps', 'default', 'orphaned') === undefined, signal);
});

test('gives a pod on a node its grace, and none to others', async ({ api, signal }) => {
  const { store } = api.server;
  const pod = (name: string, nodeName?: string): ApiObject =>
    store.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'x' }], ...(nodeName ? { nodeName } : {}) },
    });
  pod('homeless');
  await api.succeed('delete pod homeless');

  pod('placed', 'node1');
  const deleting = api.start('delete pod placed --grace-period=7');
  const ended = new Promise((resolve) => deleting.on('close', resolve));
  await until(
    () => store.get('pods', 'default', 'placed')?.metadata.deletionTimestamp !== undefined,
    signal,
  );
  const marked = store.get('pods', 'default', 'placed');
  assert.is(marked?.metadata.deletionGracePeriodSeconds, 7);
  assert.match(await api.succeed('get pod placed'), /placed +0\/1 +Terminating/);
  store.updateStatus({ ...marked!, status: { phase: 'Running' } });
  assert.ok(store.get('pods', 'default', 'placed'), 'a status does not end the grace');
  store.delete('pods', 'default', 'placed', { gracePeriodSeconds: 0 });
  assert.is(await ended, 0);

  pod('forced', 'node1');
  await api.succeed('delete pod forced --now=false --grace-period=0 --force');
  assert.is(store.get('pods', 'default', 'forced'), undefined);
});

test('empties a namespace before it goes', async ({ api, signal }) => {
  const { store } = api.server;
  await api.succeed('create ns doomed');
  await api.succeed('create configmap inside -n doomed');
  store.mergePatch('configmaps', 'doomed', 'inside', { metadata: { finalizers: ['test/hold'] } });
  const deleting = api.start('delete ns doomed');
  const ended = new Promise((resolve) => deleting.on('close', resolve));
  await until(
    () => store.get('configmaps', 'doomed', 'inside')?.metadata.deletionTimestamp !== undefined,
    signal,
  );
  assert.match(await api.succeed('get ns doomed'), /doomed +Terminating/);
  const refused = await api.kubectl('create configmap late -n doomed');
  assert.match(refused.stderr, 'because it is being terminated');
  store.mergePatch('configmaps', 'doomed', 'inside', { metadata: { finalizers: null } });
  assert.is(await ended, 0);
  assert.equal(store.list('serviceaccounts', { namespace: 'doomed' }), []);
});

test('gives every namespace its ServiceAccount and root certificate, and restores them', async ({
  api,
  signal,
}) => {
  const { store } = api.server;
  await api.succeed('create ns filled');
  await until(() => store.get('serviceaccounts', 'filled', 'default') !== undefined, signal);
  const label = await api.succeed('get ns filled -o jsonpath={.metadata.labels}');
  assert.is(label, '{"kubernetes.io/metadata.name":"filled"}');
  const uid = store.get('serviceaccounts', 'filled', 'default')?.metadata.uid;
  await api.succeed('delete sa default -n filled --wait=false');
  await until(() => {
    const found = store.get('serviceaccounts', 'filled', 'default');
    return found !== undefined && found.metadata.uid !== uid;
  }, signal);
  const certificate = store.get('configmaps', 'filled', 'kube-root-ca.crt')?.['data'];
  assert.equal(certificate, { 'ca.crt': api.server.caCertificate });
});

test('deletes many at once by label, and tells a watcher', async ({ api, signal }) => {
  for (const name of ['many-1', 'many-2']) {
    const map = configMap(name);
    map.metadata.labels = { many: 'yes' };
    api.server.store.create(map);
  }
  const watching = api.start('get cm -l many=yes -w --output-watch-events');
  await outputWith(watching, 'many-2', signal);
  const told = outputWith(watching, 'DELETED', signal);
  await api.succeed('delete cm -l many=yes');
  await told;
  assert.is(await api.succeed('get cm -l many=yes -o name'), '');
});

test.run();
