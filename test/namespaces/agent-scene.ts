// The whole agent on a real kernel: against the embedded API server, with the real CNI plugin and a
// stand-in for ztunnel.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { startAgent } from '../../src/cni/agent/agent.ts';
import { agentMetrics } from '../../src/cni/agent/agent-metrics.ts';
import { agentSettings } from '../../src/cni/agent/settings.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { nftJson } from '../../src/linux/nft.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../../src/runtime/metrics.ts';
import { readSettings } from '../../src/runtime/settings.ts';
import { type ApiServer, startApiServer } from '../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { FakeZtunnel, until } from '../cni/fake-ztunnel.ts';
import { makePodNetwork, type PodNetwork } from '../cni/pod-network.ts';

const redirection = 'ambient.istio.io/redirection';
export const mode = 'istio.io/dataplane-mode';

/** A node with its API server; agents come and go. */
export class AgentScene {
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

  static async make(stack: AsyncDisposableStack): Promise<AgentScene> {
    const folder = mkdtempSync(path.join(tmpdir(), 'cni-agent-'));
    stack.defer(() => rmSync(folder, { recursive: true }));
    const namespaces = `/run/netns/cni-${process.pid}-agent`;
    mkdirSync(namespaces, { recursive: true });
    stack.defer(() => rmSync(namespaces, { recursive: true }));
    const network = await makePodNetwork(stack, namespaces);
    const api = await startApi(folder, 0);
    const scene = new AgentScene(stack, { network, folder, api });
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
  async agent(more: Record<string, string> = {}): Promise<AsyncDisposable> {
    const config = new KubeConfig();
    config.loadFromString(this.api.kubeconfig());
    const settings = readSettings(agentSettings, {
      NODE_NAME: 'node1',
      CNI_AGENT_RUN_DIR: path.join(this.folder, 'istio-cni'),
      ZTUNNEL_UDS_ADDRESS: this.feed,
      NETNS_DIR: path.dirname(this.network.paths.alpha),
      ...more,
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

/** How many nft tables a namespace has. */
export async function tablesIn(namespace: NetworkNamespace): Promise<number> {
  const { nftables } = (await nftJson(['list', 'tables'], namespace)) as { nftables: object[] };
  return nftables.filter((entry) => 'table' in entry).length;
}
