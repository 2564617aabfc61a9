// The whole agent on a real kernel: against the embedded API server, with the real CNI plugin and a
// stand-in for ztunnel.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import * as assert from 'uvu/assert';
import { startAgent } from '../../src/cni/agent/agent.ts';
import { agentMetrics } from '../../src/cni/agent/agent-metrics.ts';
import { agentSettings } from '../../src/cni/agent/settings.ts';
import { verifyRedirection } from '../../src/cni/redirect/apply.ts';
import type { RedirectSettings } from '../../src/cni/redirect/rules.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { nft, nftJson } from '../../src/linux/nft.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../../src/runtime/metrics.ts';
import { readSettings } from '../../src/runtime/settings.ts';
import { type ApiServer, startApiServer } from '../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { FakeZtunnel, until } from '../cni/fake-ztunnel.ts';
import { addresses, makePodNetwork, type PodNetwork, probeAddresses } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';

const test = suite('node agent', { deadlineMs: 40_000 });

const rules: RedirectSettings = {
  ipv6: true,
  captureDns: false,
  bypassInbound: false,
  virtualInterfaces: [],
  probeAddresses,
};
const redirection = 'ambient.istio.io/redirection';
const mode = 'istio.io/dataplane-mode';

/** A node with its API server; agents come and go. */
class Scene {
  readonly network: PodNetwork;
  readonly folder: string;
  readonly registry: MetricsRegistry = createRegistry();
  readonly #stack: AsyncDisposableStack;
  readonly #metrics = agentMetrics(this.registry);
  api: ApiServer;

  constructor(
    stack: AsyncDisposableStack,
    parts: { network: PodNetwork; folder: string; api: ApiServer },
  ) {
    this.#stack = stack;
    this.network = parts.network;
    this.folder = parts.folder;
    this.api = parts.api;
  }

  static async make(stack: AsyncDisposableStack): Promise<Scene> {
    const folder = mkdtempSync(path.join(tmpdir(), 'cni-agent-'));
    stack.defer(() => rmSync(folder, { recursive: true }));
    const namespaces = `/run/netns/cni-${process.pid}-agent`;
    mkdirSync(namespaces, { recursive: true });
    stack.defer(() => rmSync(namespaces, { recursive: true }));
    const network = await makePodNetwork(stack, namespaces);
    const api = await startApi(folder, 0);
    const scene = new Scene(stack, { network, folder, api });
    stack.defer(async () => await scene.api.close());
    for (const name of ['shop', 'kube-system']) {
      const known = api.store.get('namespaces', '', name);
      if (known === undefined) api.store.create(object('Namespace', { name }));
    }
    return scene;
  }

  get feed(): string {
    return path.join(this.folder, 'ztunnel', 'ztunnel.sock');
  }

  async restartApi(): Promise<void> {
    const { port } = this.api;
    await this.api.close();
    this.api = await startApi(this.folder, port);
  }

  /** Starts an agent that ends with the test, unless it is ended before. */
  async agent(): Promise<AsyncDisposable> {
    const config = new KubeConfig();
    config.loadFromString(this.api.kubeconfig());
    const settings = readSettings(agentSettings, {
      NODE_NAME: 'node1',
      CNI_AGENT_RUN_DIR: path.join(this.folder, 'istio-cni'),
      ZTUNNEL_UDS_ADDRESS: this.feed,
      NETNS_DIR: path.dirname(this.network.paths.alpha),
    });
    const agent = await startAgent(
      {
        config,
        settings,
        nodeNamespace: this.network.node,
        metrics: this.#metrics,
        clock: systemClock,
        log: silentLogger,
      },
      AbortSignal.timeout(10_000),
    );
    let ended: Promise<void> | undefined;
    const once = {
      [Symbol.asyncDispose]: async () => {
        ended ??= Promise.resolve(agent[Symbol.asyncDispose]());
        await ended;
      },
    };
    this.#stack.use(once);
    return once;
  }

  async ztunnel(): Promise<FakeZtunnel> {
    return await FakeZtunnel.connect(this.#stack, this.feed);
  }

  /** A pod of the node; with addresses it is running. */
  pod(name: string, own?: { ipv4: string; ipv6: string }, more: object = {}): string {
    const created = this.api.store.create({
      ...object('Pod', { name, namespace: 'shop', ...more }),
      spec: {
        nodeName: 'node1',
        serviceAccountName: 'default',
        containers: [{ name: 'main', image: 'app' }],
      },
    });
    if (own !== undefined) {
      const podIPs = [{ ip: own.ipv4 }, { ip: own.ipv6 }];
      this.patchStatus(name, { phase: 'Running', podIP: own.ipv4, podIPs });
    }
    return created.metadata.uid!;
  }

  patchStatus(name: string, status: object): void {
    this.api.store.mergePatch('pods', 'shop', name, { status }, 'status');
  }

  label(kind: 'pods' | 'namespaces', name: string, value: string | null): void {
    const patch = { metadata: { labels: { [mode]: value } } };
    this.api.store.mergePatch(kind, kind === 'pods' ? 'shop' : '', name, patch);
  }

  annotation(name: string): string | undefined {
    return this.api.store.get('pods', 'shop', name)?.metadata.annotations?.[redirection];
  }

  async becomes(name: string, value: string | undefined): Promise<void> {
    await until(() => this.annotation(name) === value, `${name} to be ${value}`);
  }

  messages(name: string): string[] {
    return this.api.store
      .list('events', { namespace: 'shop' })
      .filter((event) => (event['involvedObject'] as { name?: string }).name === name)
      .map((event) => String(event['message']));
  }

  /** Runs the plugin as the container runtime does for a pod with a namespace. */
  async add(name: string, netns: string, own: { ipv4: string; ipv6: string }) {
    const program = path.resolve(import.meta.dirname, '../../src/cni/plugin/main.ts');
    const env = {
      PATH: process.env['PATH'] ?? '',
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'sandbox',
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}`,
    };
    const child = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const ips = [{ address: `${own.ipv4}/24` }, { address: `${own.ipv6}/64` }];
    const prevResult = { cniVersion: '1.0.0', ips };
    const runDirectory = path.join(this.folder, 'istio-cni');
    const config = { cniVersion: '1.0.0', cni_agent_run_dir: runDirectory, prevResult };
    child.stdin.end(JSON.stringify(config));
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const [exitCode] = (await once(child, 'close')) as [number];
    return { exitCode, result: JSON.parse(text) as Record<string, unknown> };
  }
}

async function startApi(folder: string, port: number): Promise<ApiServer> {
  return await startApiServer({
    databasePath: path.join(folder, 'state.db'),
    pkiFolder: path.join(folder, 'pki'),
    listeners: [{ host: '127.0.0.1', port }],
    clock: systemClock,
    log: silentLogger,
    podAccess: {
      logs: () => {
        throw new Error('no logs here');
      },
      connect: async () => await Promise.reject(new Error('no pods here')),
      addresses: () => [],
    } as never,
  });
}

function object(kind: string, metadata: ApiObject['metadata']): ApiObject {
  return { apiVersion: 'v1', kind, metadata };
}

async function tablesIn(namespace: NetworkNamespace): Promise<number> {
  const { nftables } = (await nftJson(['list', 'tables'], namespace)) as { nftables: object[] };
  return nftables.filter((entry) => 'table' in entry).length;
}

test('a label on the namespace takes running pods in, and its removal lets them out', async ({
  stack,
}) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  const ztunnel = await scene.ztunnel();
  const uid = scene.pod('cart', addresses.alpha);
  scene.pod('stays-out', addresses.beta, { labels: { [mode]: 'none' } });
  scene.label('namespaces', 'shop', 'ambient');
  await scene.becomes('cart', 'enabled');
  assert.equal(await verifyRedirection(scene.network.alpha, rules), []);
  assert.is(ztunnel.namespaces.get(uid), scene.network.alpha.id);
  assert.is(await tablesIn(scene.network.beta), 0);
  assert.is(scene.annotation('stays-out'), undefined);
  const joined = 'joined the mesh: namespace label istio.io/dataplane-mode=ambient';
  await until(() => scene.messages('cart').includes(joined), 'the event');
  assert.match(await scene.registry.text(), /ambit_enrolled_pods 1\b/);

  scene.label('namespaces', 'shop', null);
  await scene.becomes('cart', undefined);
  await until(async () => (await tablesIn(scene.network.alpha)) === 0, 'the rules to go');
  await until(() => ztunnel.words.at(-1) === `del ${uid}`, 'ztunnel to hear of it');
});

test("the pod's own label decides against that of its namespace", async ({ stack }) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  await scene.ztunnel();
  scene.pod('cart', addresses.alpha);
  scene.label('pods', 'cart', 'ambient');
  await scene.becomes('cart', 'enabled');
  scene.label('namespaces', 'shop', 'ambient');
  scene.label('pods', 'cart', 'none');
  await scene.becomes('cart', undefined);
});

test('a starting pod is in the mesh before its first process runs', async ({ stack }) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  const ztunnel = await scene.ztunnel();
  scene.label('namespaces', 'shop', 'ambient');
  const uid = scene.pod('cart');
  const elsewhere = `/somewhere/else/${path.basename(scene.network.paths.alpha)}`;
  const { exitCode, result } = await scene.add('cart', elsewhere, addresses.alpha);
  assert.is(exitCode, 0, JSON.stringify(result));
  assert.equal(await verifyRedirection(scene.network.alpha, rules), []);
  assert.is(ztunnel.namespaces.get(uid), scene.network.alpha.id);
  assert.is(scene.annotation('cart'), 'enabled');

  scene.label('namespaces', 'shop', null);
  scene.pod('plain');
  const plain = await scene.add('plain', scene.network.paths.beta, addresses.beta);
  assert.is(plain.exitCode, 0);
  assert.is(await tablesIn(scene.network.beta), 0);
});

test('no pod of the mesh starts while no ztunnel is there, and those that run wait', async ({
  stack,
}) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  scene.label('namespaces', 'shop', 'ambient');
  scene.pod('cart');
  const { exitCode, result } = await scene.add('cart', scene.network.paths.alpha, addresses.alpha);
  assert.is(exitCode, 1);
  assert.match(String(result['msg']), /^AMB1303 .*AMB1306/);
  await scene.becomes('cart', 'pending');
  scene.pod('running', addresses.beta);
  await scene.becomes('running', 'pending');
  assert.is(await tablesIn(scene.network.beta), 0);
  await scene.ztunnel();
  await scene.becomes('running', 'enabled');
  assert.equal(await verifyRedirection(scene.network.beta, rules), []);
});

test('another agent takes enrolled pods over, and repairs what was changed meanwhile', async ({
  stack,
}) => {
  const scene = await Scene.make(stack);
  const first = await scene.agent();
  await scene.ztunnel();
  scene.label('namespaces', 'shop', 'ambient');
  const uid = scene.pod('cart', addresses.alpha);
  await scene.becomes('cart', 'enabled');
  await first[Symbol.asyncDispose]();
  assert.equal(await verifyRedirection(scene.network.alpha, rules), []);
  await nft('delete table inet istio-ambient-mangle', scene.network.alpha);

  await scene.agent();
  const ztunnel = await scene.ztunnel();
  await until(() => ztunnel.words.includes('snapshot-sent'), 'the snapshot');
  assert.equal(ztunnel.words, [`add ${uid}`, 'snapshot-sent']);
  assert.is(ztunnel.namespaces.get(uid), scene.network.alpha.id);
  await until(
    async () => (await verifyRedirection(scene.network.alpha, rules)).length === 0,
    'the repair',
  );
});

test('pods that end or are deleted leave the mesh', async ({ stack }) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  const ztunnel = await scene.ztunnel();
  scene.label('namespaces', 'shop', 'ambient');
  const job = scene.pod('job', addresses.alpha);
  const cart = scene.pod('cart', addresses.beta);
  await scene.becomes('job', 'enabled');
  await scene.becomes('cart', 'enabled');
  scene.patchStatus('job', { phase: 'Succeeded' });
  await scene.becomes('job', undefined);
  await until(() => ztunnel.words.includes(`del ${job}`), 'the job to leave');
  scene.api.store.delete('pods', 'shop', 'cart', { gracePeriodSeconds: 0 });
  await until(() => ztunnel.words.includes(`del ${cart}`), 'the pod to leave');
});

test('goes on when the API server was away', async ({ stack }) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  await scene.ztunnel();
  scene.pod('cart', addresses.alpha);
  await scene.restartApi();
  scene.label('namespaces', 'shop', 'ambient');
  await scene.becomes('cart', 'enabled');
});

test('says in words which annotation it cannot read', async ({ stack }) => {
  const scene = await Scene.make(stack);
  await scene.agent();
  await scene.ztunnel();
  const annotations = { 'ambient.istio.io/dns-capture': 'perhaps' };
  scene.pod('cart', addresses.alpha, { annotations, labels: { [mode]: 'ambient' } });
  await scene.becomes('cart', 'enabled');
  await until(
    () => scene.messages('cart').some((text) => /AMB1308 .*dns-capture=perhaps/.test(text)),
    'the event',
  );
});

test.run();
