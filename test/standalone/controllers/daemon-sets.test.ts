import * as assert from 'uvu/assert';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { isReady, type Pod } from '../../../src/standalone/controllers/workload-objects.ts';
import { suite } from '../../support/suite.ts';
import { podTemplate, startCluster, type TestCluster } from './cluster.ts';

const test = suite('daemon sets');

function daemonSet(spec: object = {}): ApiObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: podTemplate({ app: 'agent' }),
      ...spec,
    },
  };
}

const status = (cluster: TestCluster): Record<string, unknown> =>
  (cluster.store.get('apps/daemonsets', 'default', 'agent')?.status ?? {}) as Record<
    string,
    unknown
  >;
const nodesOf = (pods: readonly Pod[]): Set<string | undefined> =>
  new Set(pods.map((pod) => pod.spec?.nodeName));

test('runs one pod on each node, and on nodes that come later', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(daemonSet());
  await cluster.until(() => status(cluster)['numberReady'] === 2, signal);
  assert.equal(nodesOf(cluster.pods()), new Set(['node1', 'node2']));
  cluster.store.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node3' } });
  await cluster.until(() => status(cluster)['numberReady'] === 3, signal);
  assert.is(cluster.pods().length, 3);
});

test('runs only where its nodeSelector matches', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  const template = podTemplate({ app: 'agent' });
  const spec = { ...template.spec, nodeSelector: { 'kubernetes.io/hostname': 'node2' } };
  cluster.store.create(daemonSet({ template: { ...template, spec } }));
  await cluster.until(() => status(cluster)['numberReady'] === 1, signal);
  assert.equal(nodesOf(cluster.pods()), new Set(['node2']));
  cluster.store.mergePatch('nodes', '', 'node2', {
    metadata: { labels: { 'kubernetes.io/hostname': 'elsewhere' } },
  });
  await cluster.until(() => cluster.pods().length === 0, signal);
});

test('replaces its pods one after the other when the template changes', async ({
  stack,
  signal,
}) => {
  const cluster = startCluster(stack, ['node1', 'node2', 'node3']);
  cluster.store.create(daemonSet());
  await cluster.until(() => status(cluster)['numberAvailable'] === 3, signal);
  const before = new Set(cluster.pods().map(({ metadata }) => metadata.uid));
  const counts = cluster.watchCounts();
  cluster.store.mergePatch('apps/daemonsets', 'default', 'agent', {
    spec: { template: podTemplate({ app: 'agent' }, 'web:2') },
  });
  // What "kubectl rollout status" waits for.
  await cluster.until(
    () =>
      status(cluster)['observedGeneration'] === 2 &&
      status(cluster)['updatedNumberScheduled'] === 3 &&
      status(cluster)['numberAvailable'] === 3,
    signal,
  );
  assert.ok(cluster.pods().every(({ metadata }) => !before.has(metadata.uid)));
  assert.ok(counts.minReady >= 2, `only ${counts.minReady} were ready`);
  assert.ok(counts.maxPods <= 3);
});

const surging = {
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
};

test('with maxSurge, puts the new pod beside the old one and removes that when it serves', async ({
  stack,
  signal,
}) => {
  const cluster = startCluster(stack, ['node1', 'node2', 'node3']);
  cluster.store.create(daemonSet(surging));
  await cluster.until(() => status(cluster)['numberAvailable'] === 3, signal);
  const before = new Set(cluster.pods().map(({ metadata }) => metadata.uid));
  const counts = cluster.watchCounts();
  cluster.store.mergePatch('apps/daemonsets', 'default', 'agent', {
    spec: { template: podTemplate({ app: 'agent' }, 'web:2') },
  });
  await cluster.until(
    () =>
      status(cluster)['observedGeneration'] === 2 &&
      status(cluster)['updatedNumberScheduled'] === 3 &&
      cluster.pods().every(({ metadata }) => !before.has(metadata.uid)),
    signal,
  );
  assert.is(cluster.pods().length, 3);
  assert.is(counts.minReady, 3);
  // One node at a time.
  assert.is(counts.maxPods, 4);
});

test('with maxSurge, replaces a deleted pod although that still ends', async ({
  stack,
  signal,
}) => {
  const cluster = startCluster(stack, ['node1']);
  cluster.store.create(daemonSet(surging));
  await cluster.until(() => status(cluster)['numberAvailable'] === 1, signal);
  const [old] = cluster.pods();
  const name = old?.metadata.name ?? '';
  cluster.store.mergePatch('pods', 'default', name, {
    metadata: { finalizers: ['example.org/last-words'] },
  });
  cluster.store.delete('pods', 'default', name, { gracePeriodSeconds: 0 });
  await cluster.until(
    () => cluster.pods().some((pod) => pod.metadata.name !== name && isReady(pod)),
    signal,
  );
  assert.is(cluster.pods().length, 2);
});

test('with maxSurge, replaces a pod that does not work at once', async ({ stack, signal }) => {
  const cluster = startCluster(stack, ['node1']);
  cluster.becomesReady = ({ spec }) => JSON.stringify(spec).includes('web:2');
  cluster.store.create(daemonSet(surging));
  await cluster.until(() => status(cluster)['currentNumberScheduled'] === 1, signal);
  cluster.store.mergePatch('apps/daemonsets', 'default', 'agent', {
    spec: { template: podTemplate({ app: 'agent' }, 'web:2') },
  });
  await cluster.until(
    () => status(cluster)['numberAvailable'] === 1 && cluster.pods().length === 1,
    signal,
  );
});

test('refuses limits of which both allow something', async ({ stack }) => {
  const cluster = startCluster(stack, ['node1']);
  const rollingUpdate = { maxSurge: 1, maxUnavailable: '10%' };
  assert.throws(
    () =>
      cluster.store.create(
        daemonSet({ updateStrategy: { ...surging.updateStrategy, rollingUpdate } }),
      ),
    /maxSurge.*may not be set when maxUnavailable is non-zero/,
  );
});

test('leaves running pods alone with OnDelete', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(daemonSet({ updateStrategy: { type: 'OnDelete' } }));
  await cluster.until(() => status(cluster)['numberAvailable'] === 2, signal);
  cluster.store.mergePatch('apps/daemonsets', 'default', 'agent', {
    spec: { template: podTemplate({ app: 'agent' }, 'web:2') },
  });
  await cluster.until(() => status(cluster)['updatedNumberScheduled'] === 0, signal);
  const [first] = cluster.pods();
  cluster.store.delete('pods', 'default', first?.metadata.name ?? '');
  await cluster.until(() => status(cluster)['updatedNumberScheduled'] === 1, signal);
});

test.run();
