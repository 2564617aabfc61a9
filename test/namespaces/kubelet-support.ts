// A local network with kubelets on it and a store beside it, for the tests of this folder.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unmountAll } from '../../src/linux/mounts.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { openStore } from '../../src/standalone/api/open-store.ts';
import type { ApiObject, ObjectStore } from '../../src/standalone/api/store.ts';
import { type ImageTable } from '../../src/standalone/kubelet/image-table.ts';
import { Kubelet } from '../../src/standalone/kubelet/kubelet.ts';
import type { MeshContext } from '../../src/standalone/kubelet/node-context.ts';
import { prepareNodeFiles } from '../../src/standalone/kubelet/node-files.ts';
import { asPod, type Pod } from '../../src/standalone/kubelet/pod-types.ts';
import { Scheduler } from '../../src/standalone/kubelet/scheduler.ts';
import { LocalNetwork } from '../../src/standalone/network/local-network.ts';
import { installBasePlugin } from '../../src/standalone/network/plugin-program.ts';
import { removeLocalNetwork } from '../../src/standalone/network/remove-network.ts';

export interface TestNodes {
  readonly store: ObjectStore;
  readonly network: LocalNetwork;
  readonly kubelets: readonly Kubelet[];
  readonly folder: string;
  readonly images: Map<string, ImageTable extends ReadonlyMap<string, infer T> ? T : never>;
  /** Tokens issued so far. */
  readonly issued: { count: number; lifetimeMs: number };
  pod(name: string): Pod | undefined;
  /** Waits until the pod satisfies the condition. */
  until(name: string, condition: (pod: Pod) => boolean, signal: AbortSignal): Promise<Pod>;
  events(name: string): string[];
}

/** Makes it all; the stack takes it down again. */
export async function testNodes(
  stack: AsyncDisposableStack,
  mesh: string,
  nodes: readonly string[] = ['node1'],
): Promise<TestNodes> {
  const folder = mkdtempSync(path.join(tmpdir(), `ambit-${mesh}-`));
  stack.defer(() => {
    unmountAll(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const nodesFolder = path.join(folder, 'nodes');
  await removeLocalNetwork({ mesh, nodesFolder, clock: systemClock });
  const network = stack.use(await LocalNetwork.create({ mesh, nodes, nodesFolder }));
  await installBasePlugin(path.join(folder, 'bin'));
  const { store } = stack.use(
    openStore({ databasePath: ':memory:', clock: systemClock, log: silentLogger }),
  );
  const images: TestNodes['images'] = new Map();
  const issued = { count: 0, lifetimeMs: 3_600_000 };
  const context: MeshContext = {
    store,
    issueToken: async ({ serviceAccount, audience }) => {
      issued.count++;
      return {
        token: `token-${issued.count}-of-${serviceAccount}-for-${audience}`,
        expiresMs: Date.now() + issued.lifetimeMs,
      };
    },
    images: () => images,
    clusterCa: 'the certificate',
    apiAddress: { host: '10.96.0.1', port: 443 },
    dns: { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local' },
    baseEnv: new Map([['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']]),
    nodePath: process.execPath,
    logsFolder: path.join(folder, 'logs'),
    clock: systemClock,
    log: silentLogger,
  };
  stack.use(new Scheduler(store, systemClock, silentLogger));
  const kubelets = network.nodes.map((node) => {
    prepareNodeFiles(node.root, [{ ...node.cniPlugin() }]);
    const facts = {
      name: node.name,
      root: node.root,
      namespace: node.namespace,
      addresses: [node.addresses.ipv4, node.addresses.ipv6],
      podRanges: [node.podRanges.ipv4, node.podRanges.ipv6],
    };
    const options = { mesh: context, node: facts, pluginFolders: [path.join(folder, 'bin')] };
    const kubelet = stack.use(new Kubelet(options));
    kubelet.start();
    return kubelet;
  });
  const pod = (name: string): Pod | undefined => {
    const found = store.get('pods', 'default', name);
    return found === undefined ? undefined : asPod(found);
  };
  const events = (name: string): string[] =>
    store
      .list('events', { namespace: 'default' })
      .filter((one) => (one['involvedObject'] as { name?: string }).name === name)
      .map((one) => `${String(one['reason'])}: ${String(one['message'])}`);
  return {
    store,
    network,
    kubelets,
    folder,
    images,
    issued,
    pod,
    events,
    until: (name, condition, signal) =>
      untilPod(store, name, condition, signal, () => events(name)),
  };
}

function untilPod(
  store: ObjectStore,
  name: string,
  condition: (pod: Pod) => boolean,
  signal: AbortSignal,
  events: () => string[],
): Promise<Pod> {
  return new Promise((resolve, reject) => {
    let last: Pod | undefined;
    const stop = new DisposableStack();
    signal.addEventListener('abort', () => {
      stop.dispose();
      const seen = JSON.stringify(last?.status, null, 1);
      reject(new Error(`pod ${name}: ${seen} ${events().join('\n')}`));
    });
    stop.use(
      store.watch('pods', ({ type, object }) => {
        if (object.metadata.name !== name || type === 'DELETED') return;
        last = asPod(object);
        if (!condition(last)) return;
        stop.dispose();
        resolve(last);
      }),
    );
  });
}

/** A pod object with one container. */
export function podObject(name: string, container: object, spec: object = {}): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'test', ...container }], ...spec },
  };
}

/** Whether the kubelet says that the pod is ready. */
export function isReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false
  );
}
