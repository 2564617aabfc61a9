// A node of a cluster: a machine with containerd and the reference CNI plugins, an API server that it
// reaches, and the mesh's own processes. The test plays the kubelet.

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { readMeshManifests } from '../../src/standalone/mesh-parts.ts';
import { busyboxImage } from './image.ts';
import { type Machine, makeMachine, type Program } from './machine.ts';
import { buildMeshImages } from './mesh-images.ts';
import { startMeshPod, textOf } from './mesh-pods.ts';
import {
  nodeAddress,
  nodeName,
  rootCertificate,
  startApi,
  startMeshProgram,
  systemNamespace,
} from './mesh-programs.ts';
import type { Programs } from './programs.ts';
import { Runtime } from './runtime.ts';

const repository = path.resolve(import.meta.dirname, '../..');
export const image = 'test.local/busybox:1';

/** A pod that the test wants. */
export interface PodWish {
  readonly name: string;
  readonly namespace: string;
  readonly command: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** A pod with its sandbox. */
export interface RunningPod {
  readonly uid: string;
  readonly sandbox: string;
  readonly container: string;
  readonly address: string;
}

/** The node. */
export class NodeScene {
  readonly folder: string;
  readonly machine: Machine;
  readonly runtime: Runtime;
  readonly api: ApiServer;
  /** What the network plugin wrote. */
  networkText = '';
  #agent: Program | undefined;
  #pods = 0;

  private constructor(parts: {
    folder: string;
    machine: Machine;
    runtime: Runtime;
    api: ApiServer;
  }) {
    this.folder = parts.folder;
    this.machine = parts.machine;
    this.runtime = parts.runtime;
    this.api = parts.api;
  }

  static async make(stack: AsyncDisposableStack, programs: Programs): Promise<NodeScene> {
    const folder = mkdtempSync(path.join(tmpdir(), 'ambit-containers-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const machine = await makeMachine(stack);
    await machine.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'wire');
    await machine.run('ip', 'address', 'add', `${nodeAddress}/24`, 'dev', 'eth0');
    await machine.run('ip', 'link', 'set', 'eth0', 'up');
    // In memory, as all that the machine keeps.
    const images = '/run/images';
    mkdirSync(machine.path(images));
    busyboxImage(machine.path(images), programs.busybox, image);
    await buildMeshImages(machine.path(images));
    const archives = ['image.tar', 'mesh.tar'].map((name) => path.join(images, name));
    const options = { folder, archives, sandboxImage: image };
    const runtime = stack.use(await Runtime.start(machine, programs, options));
    rmSync(machine.path(images), { recursive: true });
    for (const name of readdirSync(programs.plugins)) {
      copyFileSync(path.join(programs.plugins, name), path.join(runtime.folders.plugins, name));
    }
    const api = stack.use(await startApi(folder, machine));
    const scene = new NodeScene({ folder, machine, runtime, api });
    scene.#prepareCluster();
    return scene;
  }

  /** What the cluster's network plugin writes when it is installed. */
  writeNetwork(): void {
    const range = [[{ subnet: '10.244.9.0/24' }]];
    const ipam = {
      type: 'host-local',
      dataDir: path.join(this.folder, 'addresses'),
      ranges: range,
    };
    const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true };
    const plugins = [
      { ...bridge, ipam: { ...ipam, routes: [{ dst: '0.0.0.0/0' }] } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ];
    const list = { cniVersion: '1.0.0', name: 'cluster', plugins };
    this.networkText = `${JSON.stringify(list, null, 2)}\n`;
    writeFileSync(this.networkFile, this.networkText);
  }

  get networkFile(): string {
    return path.join(this.runtime.folders.configurations, '10-cluster.conflist');
  }

  /** The types of the plugins in the configuration. */
  chain(): string[] {
    const { plugins } = JSON.parse(readFileSync(this.networkFile, 'utf8')) as {
      plugins: { type: string }[];
    };
    return plugins.map(({ type }) => type);
  }

  /** Runs the controller, as a process of the node. */
  controller(stack: AsyncDisposableStack): Program {
    const account = 'istiod';
    const wish = { name: account, namespace: systemNamespace, command: [] };
    const pod = this.#createPod(wish, account);
    // The agent has that port on the node.
    const env = { MONITORING_PORT: '15034' };
    return startMeshProgram(stack, this, { part: 'controller', account, pod, env });
  }

  /** Runs the pod of a DaemonSet of the manifests, from its image. */
  async ztunnel(): Promise<Program> {
    return await startMeshPod(this, this.#set('ztunnel'), 'ztunnel', this.#pods++);
  }

  async agent(): Promise<Program> {
    this.#agent = await startMeshPod(this, this.#set('istio-cni-node'), 'node-agent', this.#pods++);
    return this.#agent;
  }

  #set(name: string): ApiObject {
    const found = readMeshManifests(repository).find(
      ({ object }) => object.kind === 'DaemonSet' && object.metadata.name === name,
    );
    if (found === undefined) throw new Error(`no DaemonSet ${name}`);
    return found.object;
  }

  /** The agent that was started last. */
  currentAgent(): Program {
    if (this.#agent === undefined) throw new Error('no agent yet');
    return this.#agent;
  }

  /** Calls the installed plugin once more for a pod, as a runtime does that asks again. */
  async callPlugin(
    command: 'ADD' | 'DEL',
    pod: RunningPod,
    { name, namespace }: { readonly name: string; readonly namespace: string },
  ): Promise<{ code: number; answer: string }> {
    const find = `for one in /run/netns/*; do nsenter --net=$one ip -o address | grep -q ' ${pod.address}/' && echo $one; done; true`;
    const netns = (await this.machine.run('sh', '-c', find)).trim();
    const { plugins } = JSON.parse(readFileSync(this.networkFile, 'utf8')) as {
      plugins: object[];
    };
    const prevResult = { cniVersion: '1.0.0', ips: [{ address: `${pod.address}/24` }] };
    const config = { ...plugins.at(-1), cniVersion: '1.0.0', name: 'cluster', prevResult };
    const input = path.join(this.folder, 'call.json');
    writeFileSync(input, JSON.stringify(config));
    const program = path.join(this.runtime.folders.plugins, 'ambit-cni');
    const variables = [
      `CNI_COMMAND=${command}`,
      `CNI_CONTAINERID=${pod.sandbox}`,
      `CNI_NETNS=${netns}`,
      'CNI_IFNAME=eth0',
      `CNI_ARGS=K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`,
    ];
    const script = `"$0" < ${input}; echo " $?"`;
    const text = await this.machine.run('env', ...variables, 'sh', '-c', script, program);
    return { code: Number(text.trim().split(' ').at(-1)), answer: text };
  }

  hasRootCertificate(): boolean {
    return rootCertificate(this.api) !== '';
  }

  /** Creates a pod object, and runs it as a kubelet does: the sandbox first, which the CNI chain is run
   * for, then its container. @throws with the runtime's words when the sandbox cannot be made; the pod
   * object stays, for another attempt */
  async run(wish: PodWish): Promise<RunningPod> {
    const { name, namespace } = wish;
    const object = this.api.store.get('pods', namespace, name) ?? this.#createPod(wish);
    const uid = object.metadata.uid ?? '';
    const config = this.#sandboxConfig(wish, uid);
    const { podSandboxId: sandbox } = await this.runtime.call('RunPodSandbox', { config });
    const { containerId: container } = await this.runtime.call('CreateContainer', {
      podSandboxId: sandbox,
      sandboxConfig: config,
      config: {
        metadata: { name: 'main' },
        image: { image },
        command: wish.command,
        logPath: 'main.log',
      },
    });
    await this.runtime.call('StartContainer', { containerId: container });
    const { status } = (await this.runtime.call('PodSandboxStatus', { podSandboxId: sandbox })) as {
      status: { network: { ip: string } };
    };
    const { ip } = status.network;
    const running = { phase: 'Running', podIP: ip, podIPs: [{ ip }] };
    const conditions = [{ type: 'Ready', status: 'True' }];
    this.api.store.mergePatch(
      'pods',
      namespace,
      name,
      { status: { ...running, conditions } },
      'status',
    );
    return { uid, sandbox: String(sandbox), container: String(container), address: ip };
  }

  /** Runs a pod as a kubelet does that tries again and again. @throws the last failure's words */
  async runPatiently(wish: PodWish, signal: AbortSignal): Promise<RunningPod> {
    for (;;) {
      try {
        return await this.run(wish);
      } catch (error) {
        if (signal.aborted) throw error;
      }
    }
  }

  /** Ends a pod as a kubelet does. */
  async stop(pod: RunningPod, namespace: string, name: string): Promise<void> {
    await this.runtime.call('StopPodSandbox', { podSandboxId: pod.sandbox });
    await this.runtime.call('RemovePodSandbox', { podSandboxId: pod.sandbox });
    this.api.store.delete('pods', namespace, name, { gracePeriodSeconds: 0 });
  }

  /** What a container wrote. */
  log(pod: RunningPod): string {
    return textOf(path.join(this.folder, 'logs', pod.uid, 'main.log'));
  }

  async execute(pod: RunningPod, ...cmd: string[]): Promise<{ exitCode: number; output: string }> {
    const answer = await this.runtime.call('ExecSync', {
      containerId: pod.container,
      cmd,
      timeout: 20,
    });
    const text = [answer['stdout'], answer['stderr']]
      .map((bytes) => Buffer.from((bytes as Uint8Array | undefined) ?? []).toString())
      .join('');
    return { exitCode: Number(answer['exitCode'] ?? 0), output: text };
  }

  annotation(namespace: string, name: string, key: string): string | undefined {
    return this.api.store.get('pods', namespace, name)?.metadata.annotations?.[key];
  }

  label(namespace: string, mode: string | null): void {
    const labels = { 'istio.io/dataplane-mode': mode };
    this.api.store.mergePatch('namespaces', '', namespace, { metadata: { labels } });
  }

  #prepareCluster(): void {
    const { store } = this.api;
    for (const name of [systemNamespace, 'shop', 'plain']) {
      if (store.get('namespaces', '', name) === undefined) {
        store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      }
    }
    const node = { name: nodeName, labels: { 'kubernetes.io/os': 'linux' } };
    store.create({ apiVersion: 'v1', kind: 'Node', metadata: node });
    for (const { object } of readMeshManifests(repository)) {
      const { kind } = object;
      if (kind === 'ServiceAccount' || kind === 'CustomResourceDefinition') store.create(object);
      if (kind === 'DaemonSet' && object.metadata.name === 'istio-cni-node') store.create(object);
    }
    for (const namespace of ['shop', 'plain']) {
      const metadata = { name: 'default', namespace };
      if (store.get('serviceaccounts', namespace, 'default') === undefined) {
        store.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
      }
    }
  }

  #createPod({ name, namespace, labels = {} }: PodWish, account = 'default'): ApiObject {
    return this.api.store.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: {
        nodeName,
        serviceAccountName: account,
        containers: [{ name: 'main', image }],
      },
    });
  }

  #sandboxConfig({ name, namespace }: PodWish, uid: string): object {
    return {
      metadata: { name, uid, namespace },
      hostname: name,
      logDirectory: path.join(this.folder, 'logs', uid),
      linux: {
        cgroupParent: `/${this.machine.cgroup}`,
        // A pid namespace for each container, as pods have.
        securityContext: { namespaceOptions: { pid: 1 } },
      },
    };
  }
}

/** Waits for a condition, however often it has to be looked at. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  while (!(await holds())) {
    if (signal.aborted) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
