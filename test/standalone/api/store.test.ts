// The store as the parts of the supervisor use it, without sockets.

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as assert from 'uvu/assert';

import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import { StatusError } from '../../../src/standalone/api/api-error.ts';
import { type OpenStore, openStore } from '../../../src/standalone/api/open-store.ts';
import type { ApiObject, WatchEvent } from '../../../src/standalone/api/store.ts';
import { suite } from '../../support/suite.ts';
import { until } from './api-harness.ts';

const test = suite('object store');

function open(
  stack: AsyncDisposableStack,
  databasePath = ':memory:',
  now?: () => number,
): OpenStore {
  const clock = { ...systemClock, ...(now === undefined ? {} : { now }) };
  return stack.use(openStore({ databasePath, clock, log: silentLogger }));
}

function map(name: string, data: object = {}, labels?: Record<string, string>): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', ...(labels ? { labels } : {}) },
    data,
  };
}

function reasonOf(body: () => unknown): string | undefined {
  try {
    body();
  } catch (error) {
    if (error instanceof StatusError) return error.status.reason;
    throw error;
  }
  return undefined;
}

test('answers copies, so that no caller changes what is stored', ({ stack }) => {
  const { store } = open(stack);
  const created = store.create(map('copy', { a: '1' }));
  (created['data'] as Record<string, string>)['a'] = 'changed';
  const got = store.get('configmaps', 'default', 'copy');
  assert.equal(got?.['data'], { a: '1' });
  (got as ApiObject).metadata.name = 'other';
  assert.is(store.list('configmaps')[0]?.metadata.name, 'copy');
});

test('refuses with the reasons of Kubernetes', ({ stack }) => {
  const { store } = open(stack);
  const first = store.create(map('one'));
  assert.is(
    reasonOf(() => store.create(map('one'))),
    'AlreadyExists',
  );
  assert.is(
    reasonOf(() => store.delete('configmaps', 'default', 'none')),
    'NotFound',
  );
  assert.is(
    reasonOf(() => store.mergePatch('configmaps', 'default', 'none', {})),
    'NotFound',
  );
  store.update({ ...first, data: { a: '1' } });
  assert.is(
    reasonOf(() => store.update({ ...first, data: { a: '2' } })),
    'Conflict',
  );
  assert.is(
    reasonOf(() => store.create(map('Bad Name'))),
    'Invalid',
  );
  assert.is(
    reasonOf(() => store.delete('configmaps', 'default', 'one', { uid: 'other' })),
    'Conflict',
  );
  assert.is(
    reasonOf(() => store.delete('namespaces', '', 'default')),
    'Forbidden',
  );
  const elsewhere = { ...map('one'), metadata: { name: 'one', namespace: 'elsewhere' } };
  assert.is(
    reasonOf(() => store.create(elsewhere)),
    'NotFound',
  );
});

test('makes no new version of what does not change', ({ stack }) => {
  const { store } = open(stack);
  const created = store.create(map('same', { a: '1' }));
  const again = store.mergePatch('configmaps', 'default', 'same', { data: { a: '1' } });
  assert.is(again.metadata.resourceVersion, created.metadata.resourceVersion);
});

test('lists by namespace and labels, in order of names', ({ stack }) => {
  const { store } = open(stack);
  store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'zoo' } });
  for (const name of ['b', 'a']) store.create(map(name, {}, { app: 'x' }));
  store.create({ ...map('c'), metadata: { name: 'c', namespace: 'zoo', labels: { app: 'x' } } });
  const names = (options: object): string[] =>
    store.list('configmaps', options).map(({ metadata }) => metadata.name);
  assert.equal(names({ labelSelector: { app: 'x' } }), ['a', 'b', 'c']);
  assert.equal(names({ namespace: 'zoo' }), ['c']);
});

test('tells a watcher what is there and then every change, in order and later', async ({
  stack,
  signal,
}) => {
  const { store } = open(stack);
  store.create(map('first'));
  const seen: string[] = [];
  const watching = store.watch('configmaps', ({ type, object }: WatchEvent) => {
    seen.push(`${type} ${object.metadata.name}`);
    if (object.metadata.name === 'first' && type === 'ADDED') store.create(map('second'));
    if (object.metadata.name === 'second' && type === 'ADDED') throw new Error('a clumsy watcher');
  });
  assert.equal(seen, [], 'not from within the call');
  store.delete('configmaps', 'default', 'first');
  assert.equal(seen, []);
  await until(() => seen.length === 3, signal);
  assert.equal(seen, ['ADDED first', 'DELETED first', 'ADDED second']);
  watching[Symbol.dispose]();
  store.create(map('third'));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.is(seen.length, 3, 'nothing after the end');
});

test('keeps one event in its two forms', ({ stack }) => {
  const { store } = open(stack);
  store.create({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'default' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'kubelet',
    reportingInstance: 'node1',
    action: 'Start',
    reason: 'Started',
    type: 'Normal',
    note: 'Started container',
    regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
  });
  const core = store.get('events', 'default', 'e');
  assert.is(core?.['message'], 'Started container');
  assert.equal(core?.['involvedObject'], { kind: 'Pod', namespace: 'default', name: 'p' });
  assert.is(store.get('events.k8s.io/events', 'default', 'e')?.['note'], 'Started container');
});

test('lets old events go', async ({ stack, signal }) => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const { store } = open(stack, ':memory:', () => now);
  const event = (name: string): ApiObject =>
    store.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    });
  event('old');
  now += 3_700_000;
  for (let index = 0; index < 60; index++) event(`new-${index}`);
  await until(() => store.get('events', 'default', 'old') === undefined, signal);
  assert.is(store.list('events').length, 60);
});

test('gives Services addresses by what they ask for', ({ stack }) => {
  const { store } = open(stack);
  const addresses = (name: string, spec: object): unknown => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' } };
    const created = store.create({ ...service, spec: { ports: [{ port: 80 }], ...spec } });
    const { clusterIPs, ipFamilies } = created.spec as {
      clusterIPs?: string[];
      ipFamilies?: string[];
    };
    return [clusterIPs, ipFamilies];
  };
  assert.equal(addresses('both', {}), [
    ['10.96.1.0', 'fd00:10:96::100'],
    ['IPv4', 'IPv6'],
  ]);
  assert.equal(addresses('six', { ipFamilies: ['IPv6'] }), [['fd00:10:96::101'], ['IPv6']]);
  assert.equal(addresses('single', { ipFamilyPolicy: 'SingleStack' }), [['10.96.1.1'], ['IPv4']]);
  assert.equal(addresses('headless', { clusterIP: 'None' }), [['None'], ['IPv4', 'IPv6']]);
  assert.equal(addresses('chosen', { clusterIP: '10.96.0.10' }), [
    ['10.96.0.10', 'fd00:10:96::102'],
    ['IPv4', 'IPv6'],
  ]);
  assert.equal(addresses('name', { type: 'ExternalName', externalName: 'a.example' }), [
    undefined,
    undefined,
  ]);
  assert.is(
    reasonOf(() => addresses('taken', { clusterIP: '10.96.0.10' })),
    'Invalid',
  );
  const kept = store.mergePatch('services', 'default', 'both', {
    spec: { clusterIP: null, selector: { a: 'b' } },
  });
  assert.is((kept.spec as { clusterIP: string }).clusterIP, '10.96.1.0');
});

test('keeps the fields of a pod that may not change', ({ stack }) => {
  const { store } = open(stack);
  const spec = { containers: [{ name: 'main', image: 'a' }] };
  store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec,
  });
  store.mergePatch('pods', 'default', 'p', { spec: { nodeName: 'node1' } });
  assert.is(
    reasonOf(() => store.mergePatch('pods', 'default', 'p', { spec: { nodeName: 'node2' } })),
    'Invalid',
  );
  assert.is(
    reasonOf(() => store.mergePatch('pods', 'default', 'p', { spec: { hostNetwork: true } })),
    'Invalid',
  );
  const image = { spec: { containers: [{ name: 'main', image: 'b' }] } };
  const changed = store.mergePatch('pods', 'default', 'p', image);
  assert.is((changed.spec as typeof spec).containers[0]?.image, 'b', 'the image may change');
});

test('keeps its file to its owner and to itself', async ({ stack }) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ambit-store-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'state.db');
  const first = openStore({ databasePath: file, clock: systemClock, log: silentLogger });
  first.store.create(map('stored', { a: '1' }));
  for (const name of ['state.db', 'state.db-wal']) {
    assert.is((await stat(path.join(folder, name))).mode & 0o077, 0, name);
  }
  assert.throws(() => open(stack, file), /AMB1205.*locked/);
  first[Symbol.dispose]();
  const { store } = open(stack, file);
  assert.equal(store.get('configmaps', 'default', 'stored')?.['data'], { a: '1' });
});

test.run();
