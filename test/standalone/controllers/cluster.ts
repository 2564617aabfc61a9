// Controllers on the real store, with a stand-in for kubelet and scheduler: it binds pods to nodes in turn,
// makes them ready unless told otherwise, and lets them go when they are deleted.

import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import type { ApiObject, ObjectStore } from '../../../src/standalone/api/store.ts';
import { startControllers } from '../../../src/standalone/controllers/start-controllers.ts';
import { isReady, type Pod } from '../../../src/standalone/controllers/workload-objects.ts';
import { openTestStore } from '../open-test-store.ts';

export interface TestCluster {
  readonly store: ObjectStore;
  /** Pods for which it answers false stay unready. */
  becomesReady: (pod: Pod) => boolean;
  /** The largest and smallest number of pods, of all and of ready ones, seen since the last `watchCounts`. */
  watchCounts(): { maxPods: number; minReady: number };
  /** Waits until `condition` holds for the objects as they are. */
  until(condition: () => boolean, signal: AbortSignal): Promise<void>;
  pods(): Pod[];
}

export function startCluster(stack: AsyncDisposableStack, nodes = ['node1', 'node2']): TestCluster {
  const { store } = openTestStore(stack);
  for (const name of nodes) {
    store.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    });
  }
  const pods = (): Pod[] => store.list('pods') as Pod[];
  let counts = { maxPods: 0, minReady: Number.POSITIVE_INFINITY };
  const cluster: TestCluster = {
    store,
    becomesReady: () => true,
    watchCounts: () => (counts = { maxPods: 0, minReady: Number.POSITIVE_INFINITY }),
    until: async (condition, signal) => {
      while (!condition()) {
        signal.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    pods,
  };
  let number = 0;
  stack.use(
    store.watch('pods', ({ type, object }) => {
      const living = pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      counts.maxPods = Math.max(counts.maxPods, living.length);
      counts.minReady = Math.min(counts.minReady, living.filter(isReady).length);
      if (type !== 'DELETED') attend(cluster, object, nodes[number++ % nodes.length] ?? '', number);
    }),
  );
  stack.use(startControllers({ store, clock: systemClock, log: silentLogger }));
  return cluster;
}

function attend(cluster: TestCluster, seen: ApiObject, node: string, number: number): void {
  const { store } = cluster;
  const { namespace = '', name } = seen.metadata;
  const pod = store.get('pods', namespace, name) as Pod | undefined;
  if (pod === undefined) return;
  if (pod.metadata.deletionTimestamp !== undefined) {
    store.delete('pods', namespace, name, { gracePeriodSeconds: 0 });
  } else if (pod.spec?.nodeName === undefined) {
    store.mergePatch('pods', namespace, name, { spec: { nodeName: node } });
  } else if (isReady(pod) !== cluster.becomesReady(pod) || pod.status?.podIP === undefined) {
    const ip = pod.status?.podIP ?? `10.244.1.${number % 250}`;
    const lastTransitionTime = new Date().toISOString();
    const status = cluster.becomesReady(pod) ? 'True' : 'False';
    store.updateStatus({
      ...pod,
      status: {
        phase: 'Running',
        podIP: ip,
        podIPs: [{ ip }, { ip: `fd00:10:244:1::${ip.split('.')[3]}` }],
        conditions: [{ type: 'Ready', status, lastTransitionTime }],
      },
    });
  }
}

export const podTemplate = (labels: Record<string, string>, image = 'web:1') => ({
  metadata: { labels },
  spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
});

export function deploymentObject(name: string, spec: object = {}, image = 'web:1'): ApiObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: podTemplate({ app: name }, image),
      ...spec,
    },
  };
}
