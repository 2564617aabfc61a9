import * as assert from 'uvu/assert';
import type {
  Deployment,
  Pod,
  ReplicaSet,
} from '../../../src/standalone/controllers/workload-objects.ts';
import { suite } from '../../support/suite.ts';
import { deploymentObject, podTemplate, startCluster, type TestCluster } from './cluster.ts';

const test = suite('deployments');

const get = (cluster: TestCluster): Deployment =>
  cluster.store.get('apps/deployments', 'default', 'web') as Deployment;
const replicaSets = (cluster: TestCluster): ReplicaSet[] =>
  cluster.store.list('apps/replicasets') as ReplicaSet[];
const imageOf = (pod: Pod): unknown => Reflect.get(pod.spec?.containers?.[0] ?? {}, 'image');
const condition = (cluster: TestCluster, type: string) =>
  get(cluster).status?.conditions?.find((one) => one.type === type);
const setImage = (cluster: TestCluster, image: string): void => {
  cluster.store.mergePatch('apps/deployments', 'default', 'web', {
    spec: { template: podTemplate({ app: 'web' }, image) },
  });
};

/** What "kubectl rollout status" waits for. */
function isRolledOut(cluster: TestCluster, image: string, replicas = 3): boolean {
  const { metadata, status = {} } = get(cluster);
  return (
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    status.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas === replicas &&
    cluster.pods().every((pod) => imageOf(pod) === image)
  );
}

test('makes its pods, and says when it is available', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web'));
  await cluster.until(() => isRolledOut(cluster, 'web:1'), signal);
  assert.is(condition(cluster, 'Available')?.status, 'True');
  assert.is(condition(cluster, 'Progressing')?.reason, 'NewReplicaSetAvailable');
  for (const pod of cluster.pods()) {
    assert.match(pod.metadata.name, /^web-[a-z0-9]{8}-[a-z0-9]{5}$/);
    assert.is(pod.metadata.labels?.['pod-template-hash'], pod.metadata.name.split('-')[1]);
  }
});

test('replaces a pod that is deleted', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web'));
  await cluster.until(() => isRolledOut(cluster, 'web:1'), signal);
  const [victim] = cluster.pods();
  cluster.store.delete('pods', 'default', victim?.metadata.name ?? '');
  await cluster.until(
    () =>
      isRolledOut(cluster, 'web:1') &&
      cluster.pods().every((pod) => pod.metadata.uid !== victim?.metadata.uid),
    signal,
  );
});

test('scales up and down', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web'));
  await cluster.until(() => isRolledOut(cluster, 'web:1'), signal);
  for (const replicas of [5, 1, 0, 2]) {
    cluster.store.mergePatch('apps/deployments', 'default', 'web', { spec: { replicas } });
    await cluster.until(
      () => isRolledOut(cluster, 'web:1', replicas) && cluster.pods().length === replicas,
      signal,
    );
  }
  assert.is(replicaSets(cluster).length, 1);
});

test('rolls to a new template within surge and availability', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  cluster.store.create(deploymentObject('web', { replicas: 4, strategy }));
  await cluster.until(() => isRolledOut(cluster, 'web:1', 4), signal);
  const counts = cluster.watchCounts();
  setImage(cluster, 'web:2');
  await cluster.until(() => isRolledOut(cluster, 'web:2', 4), signal);
  assert.equal(counts, { maxPods: 5, minReady: 4 });
  assert.is(get(cluster).metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
  assert.equal(new Set(replicaSets(cluster).map(({ spec }) => spec?.replicas)), new Set([0, 4]));
});

test('Recreate ends all old pods before the first new one', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web', { strategy: { type: 'Recreate' } }));
  await cluster.until(() => isRolledOut(cluster, 'web:1'), signal);
  const mixed: number[] = [];
  stack.use(
    cluster.store.watch('pods', () => {
      mixed.push(new Set(cluster.pods().map(imageOf)).size);
    }),
  );
  setImage(cluster, 'web:2');
  await cluster.until(() => isRolledOut(cluster, 'web:2'), signal);
  assert.ok(mixed.includes(0));
  assert.is(Math.max(...mixed), 1);
});

test('stops at the first pod that does not become ready, and keeps serving', async ({
  stack,
  signal,
}) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web', { replicas: 4, progressDeadlineSeconds: 1 }));
  await cluster.until(() => isRolledOut(cluster, 'web:1', 4), signal);
  cluster.becomesReady = (pod) => imageOf(pod) !== 'web:bad';
  setImage(cluster, 'web:bad');
  await cluster.until(
    () => condition(cluster, 'Progressing')?.reason === 'ProgressDeadlineExceeded',
    signal,
  );
  assert.is(condition(cluster, 'Available')?.status, 'True');
  assert.is(cluster.pods().filter((pod) => imageOf(pod) === 'web:1').length, 3);
  assert.is(cluster.pods().length, 5);
  // What "kubectl rollout undo" does: the earlier template comes back.
  setImage(cluster, 'web:1');
  await cluster.until(() => isRolledOut(cluster, 'web:1', 4), signal);
  const revisions = replicaSets(cluster).map(
    ({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'],
  );
  assert.equal(new Set(revisions), new Set(['2', '3']));
});

test('keeps as many old revisions as it is told to', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web', { replicas: 1, revisionHistoryLimit: 1 }));
  for (const image of ['web:1', 'web:2', 'web:3', 'web:4']) {
    setImage(cluster, image);
    await cluster.until(() => isRolledOut(cluster, image, 1), signal);
  }
  await cluster.until(() => replicaSets(cluster).length === 2, signal);
});

test('a paused deployment scales but does not roll', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web'));
  await cluster.until(() => isRolledOut(cluster, 'web:1'), signal);
  cluster.store.mergePatch('apps/deployments', 'default', 'web', {
    spec: { paused: true, replicas: 5, template: podTemplate({ app: 'web' }, 'web:2') },
  });
  await cluster.until(
    () => cluster.pods().filter((pod) => imageOf(pod) === 'web:1').length === 5,
    signal,
  );
  assert.is(condition(cluster, 'Progressing')?.reason, 'DeploymentPaused');
  cluster.store.mergePatch('apps/deployments', 'default', 'web', { spec: { paused: false } });
  await cluster.until(() => isRolledOut(cluster, 'web:2', 5), signal);
});

test('adopts what matches and has no owner, and releases what no longer matches', async ({
  stack,
  signal,
}) => {
  const cluster = startCluster(stack);
  cluster.store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'stray', namespace: 'default', labels: { app: 'rs' } },
    spec: podTemplate({}).spec,
  });
  cluster.store.create({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'rs', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'rs' } },
      template: podTemplate({ app: 'rs' }),
    },
  });
  await cluster.until(() => cluster.pods().length === 2, signal);
  const stray = () => cluster.store.get('pods', 'default', 'stray');
  await cluster.until(() => stray()?.metadata.ownerReferences?.[0]?.name === 'rs', signal);
  cluster.store.mergePatch('pods', 'default', 'stray', { metadata: { labels: { app: 'other' } } });
  await cluster.until(() => cluster.pods().length === 3, signal);
  await cluster.until(() => (stray()?.metadata.ownerReferences ?? []).length === 0, signal);
});

test('tells in events what it did, and what it could not do', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  const events = (): string[] =>
    cluster.store
      .list('events')
      .map((event) => ['type', 'reason', 'message'].map((field) => String(event[field])).join(' '));
  cluster.store.create(deploymentObject('web', { replicas: 1 }));
  await cluster.until(() => isRolledOut(cluster, 'web:1', 1), signal);
  assert.ok(events().some((text) => /^Normal ScalingReplicaSet Scaled up .* to 1$/.test(text)));
  assert.ok(events().some((text) => text.startsWith('Normal SuccessfulCreate Created pod: web-')));
  // A mount without its volume is refused when the pod is made, not before.
  const container = {
    name: 'web',
    image: 'web:1',
    volumeMounts: [{ name: 'none', mountPath: '/x' }],
  };
  const spec = { containers: [container] };
  cluster.store.create(
    deploymentObject('bad', { template: { metadata: { labels: { app: 'bad' } }, spec } }),
  );
  await cluster.until(
    () => events().some((text) => text.startsWith('Warning FailedUpdate AMB1158 ')),
    signal,
  );
});

test('what a deployment made goes with it', async ({ stack, signal }) => {
  const cluster = startCluster(stack);
  cluster.store.create(deploymentObject('web'));
  await cluster.until(() => isRolledOut(cluster, 'web:1'), signal);
  cluster.store.delete('apps/deployments', 'default', 'web');
  await cluster.until(() => cluster.pods().length + replicaSets(cluster).length === 0, signal);
});

test.run();
