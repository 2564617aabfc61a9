import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import * as assert from 'uvu/assert';
import { askOwnSet } from '../../src/cni/agent/own-daemonset.ts';
import { notReadyTaint, OwnNode } from '../../src/cni/agent/own-node.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { type ApiServer, startApiServer } from '../../src/standalone/api/api-server.ts';
import { suite } from '../support/suite.ts';
import { until } from './fake-ztunnel.ts';

const test = suite("the agent's own node");

const otherTaint = { key: 'example.com/gpu', effect: 'NoSchedule', value: 'yes' };

async function cluster(
  stack: AsyncDisposableStack,
): Promise<{ api: ApiServer; config: KubeConfig }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'own-node-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const api = await startApiServer({
    databasePath: ':memory:',
    pkiFolder: folder,
    listeners: [{ host: '127.0.0.1', port: 0 }],
    clock: systemClock,
    log: silentLogger,
    podAccess: {
      logs: () => {
        throw new Error('no logs here');
      },
      connect: async () => await Promise.reject(new Error('no pods here')),
    },
  });
  stack.use(api);
  const config = new KubeConfig();
  config.loadFromString(api.kubeconfig());
  return { api, config };
}

function nodeOf(config: KubeConfig): OwnNode {
  return new OwnNode({ config, nodeName: 'node1', clock: systemClock, log: silentLogger });
}

test('loses the taint when the agent is ready, and no other', async ({ stack, signal }) => {
  const { api, config } = await cluster(stack);
  const taints = [otherTaint, { key: notReadyTaint, effect: 'NoSchedule' }];
  api.store.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node1' },
    spec: { taints },
  });
  await nodeOf(config).untaint(signal);
  assert.equal(api.store.get('nodes', '', 'node1')?.['spec'], { taints: [otherTaint] });
  const version = api.store.get('nodes', '', 'node1')?.metadata.resourceVersion;
  await nodeOf(config).untaint(signal);
  assert.is(api.store.get('nodes', '', 'node1')?.metadata.resourceVersion, version);
});

test('is waited for when the API does not know it yet', async ({ stack, signal }) => {
  const { api, config } = await cluster(stack);
  const done = nodeOf(config).untaint(signal);
  const taints = [{ key: notReadyTaint, effect: 'NoSchedule' }];
  api.store.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node1' },
    spec: { taints },
  });
  await done;
  assert.equal(api.store.get('nodes', '', 'node1')?.['spec'], { taints: [] });
});

test('has events that say what is wrong with its installation', async ({ stack }) => {
  const { api, config } = await cluster(stack);
  await nodeOf(config).record('MeshCniInstallation', 'AMB1321 nothing there');
  const events = (): string[] =>
    api.store.list('events', { namespace: 'default' }).map((event) => String(event['message']));
  await until(() => events().includes('AMB1321 nothing there'), 'the event');
});

test("the agent's DaemonSet is there, being deleted, gone, or not to be told", async ({
  stack,
}) => {
  const { api, config } = await cluster(stack);
  api.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'istio-system' } });
  const ask = async (): Promise<string> => (await askOwnSet(config, 'istio-system', 5_000)).kind;
  assert.is(await ask(), 'gone');
  const nodeSelector = { 'kubernetes.io/os': 'linux' };
  const labels = { app: 'istio-cni-node' };
  const containers = [{ name: 'node-agent', image: 'ambit/node-agent' }];
  const name = 'istio-cni-node';
  api.store.create({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'istio-system', finalizers: ['example.com/wait'] },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { nodeSelector, containers } },
    },
  });
  const found = { kind: 'found', deleting: false, nodeSelector };
  assert.equal(await askOwnSet(config, 'istio-system', 5_000), found);
  api.store.delete('apps/daemonsets', 'istio-system', name, {});
  assert.equal(await askOwnSet(config, 'istio-system', 5_000), { ...found, deleting: true });
  const stranger = new KubeConfig();
  stranger.loadFromString(api.kubeconfig().replace(api.adminToken, 'not-a-token'));
  assert.is((await askOwnSet(stranger, 'istio-system', 5_000)).kind, 'gone');
  await api.close();
  assert.is(await ask(), 'unknown');
});

test.run();
