// The kubelet of one local node: takes the pods that are bound to it, and says that it is alive.

import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { connectTcp } from '../../linux/tcp.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { ApiObject, WatchEvent } from '../api/store.ts';
import { CniChain } from './cni/chain.ts';
import { EventRecorder } from './event-recorder.ts';
import { type LogOptions, readLog } from './log-reader.ts';
import {
  containerLogFile,
  type MeshContext,
  type NodeContext,
  type NodeFacts,
} from './node-context.ts';
import { beat, heartbeatMs, machineCapacity, registerNode } from './node-object.ts';
import { PodRunner } from './pod-runner.ts';
import { asPod, type Pod } from './pod-types.ts';

/** How long a pod may take to end when the whole mesh is being ended. */
const shutdownGraceMs = 3_000;
/** The longest that a timer can wait, near 25 days. */
const maxGraceMs = 2 ** 31 - 1;

export interface KubeletOptions {
  readonly mesh: MeshContext;
  readonly node: NodeFacts;
  /** Folders with CNI plugins. */
  readonly pluginFolders: readonly string[];
  readonly networkProblem?: NodeContext['networkProblem'];
}

export interface PodLogOptions extends LogOptions {
  readonly container?: string;
  readonly previous?: boolean;
}

/** Runs the pods of one node. Disposing it ends them; their objects stay. */
export class Kubelet implements AsyncDisposable {
  readonly #context: NodeContext;
  readonly #pods = new Map<string, PodRunner>();
  readonly #watches = new DisposableStack();
  #closed = false;

  constructor({ mesh, node, pluginFolders, networkProblem }: KubeletOptions) {
    const log = mesh.log.child({ node: node.name });
    const source = { component: 'kubelet', host: node.name };
    this.#context = {
      mesh: { ...mesh, log },
      node,
      chain: new CniChain({
        configurations: path.join(node.root, 'etc/cni/net.d'),
        plugins: pluginFolders,
        cache: path.join(node.root, 'var/lib/cni/results'),
      }),
      events: new EventRecorder(mesh.store, source, mesh.clock, log),
      allocatable: machineCapacity(),
      networkProblem: networkProblem ?? (() => undefined),
    };
  }

  get nodeName(): string {
    return this.#context.node.name;
  }

  /** Registers the node and takes its pods. @throws what the store throws */
  start(): void {
    const { mesh, node } = this.#context;
    const object = registerNode(mesh.store, node, true, mesh.clock);
    beat(mesh.store, object, mesh.clock, mesh.log);
    const timer = setInterval(() => this.#beat(object), heartbeatMs);
    this.#watches.defer(() => clearInterval(timer));
    // Pods of an earlier start are taken before anybody reads their status, which is no longer true.
    for (const one of mesh.store.list('pods')) this.#follow({ type: 'ADDED', object: one });
    this.#watches.use(mesh.store.watch('pods', (event) => this.#follow(event)));
    for (const kind of ['configmaps', 'secrets']) {
      this.#watches.use(mesh.store.watch(kind, ({ object: one }) => this.#objectChanged(one)));
    }
  }

  #beat(object: ApiObject): void {
    const { mesh } = this.#context;
    beat(mesh.store, object, mesh.clock, mesh.log);
    for (const runner of this.#pods.values()) runner.publish();
  }

  #follow({ type, object }: WatchEvent): void {
    const pod = asPod(object);
    if (this.#closed || pod.spec.nodeName !== this.nodeName) return;
    const { uid } = pod.metadata;
    const runner = this.#pods.get(uid);
    if (type === 'DELETED') {
      if (runner !== undefined) this.#end(runner, 'gone');
      return;
    }
    if (runner === undefined) this.#pods.set(uid, this.#take(pod));
    else runner.update(pod);
    if (pod.metadata.deletionTimestamp !== undefined) {
      const known = this.#pods.get(uid);
      if (known !== undefined) this.#end(known, 'remove');
    }
  }

  #take(pod: Pod): PodRunner {
    return new PodRunner(this.#context, pod);
  }

  /** The pod is forgotten when nothing of it is left. */
  #end(runner: PodRunner, object: 'remove' | 'gone'): void {
    const { pod } = runner;
    const { name, namespace, uid } = pod.metadata;
    runner
      .end(object === 'gone' ? 0 : graceMsOf(pod), object)
      .catch((error: unknown) => {
        const place = { object: `Pod ${namespace}/${name}`, error: causeChain(error) };
        this.#context.mesh.log.error(place, 'a pod was not ended cleanly');
      })
      .finally(() => this.#pods.delete(uid));
  }

  #objectChanged(object: ApiObject): void {
    for (const runner of this.#pods.values()) {
      if (runner.pod.metadata.namespace === object.metadata.namespace) runner.objectsChanged();
    }
  }

  /** The runner of a pod of this node. */
  podNamed(namespace: string, name: string): PodRunner | undefined {
    return [...this.#pods.values()].find(
      ({ pod }) => pod.metadata.name === name && pod.metadata.namespace === namespace,
    );
  }

  /** The log of a container. @throws AmbitError AMB1120 when there is no such container or log */
  logs(runner: PodRunner, options: PodLogOptions): AsyncIterable<Uint8Array> {
    const { mesh } = this.#context;
    const { pod } = runner;
    const container = options.container ?? pod.spec.containers[0]?.name ?? '';
    const facts = runner.containerFacts(container);
    const object = `Pod ${pod.metadata.namespace}/${pod.metadata.name}`;
    if (facts === undefined) {
      throw new AmbitError('AMB1120', `it has no container ${container}`, { object });
    }
    const run = facts.restartCount - (options.previous === true ? 1 : 0);
    const file = containerLogFile(mesh, pod, container, run);
    if (run < 0 || (options.previous === true && !existsSync(file))) {
      throw new AmbitError('AMB1120', `container ${container} has not run before`, { object });
    }
    const ended = (): boolean => {
      const now = runner.containerFacts(container);
      return now === undefined || now.done || now.restartCount !== run;
    };
    return readLog(file, options, mesh.clock, ended);
  }

  /** A connection to a port of the pod's loopback, made inside its namespace.
   * @throws AmbitError AMB1120 when the pod does not run; LinuxError as connectTcp does */
  async connect(runner: PodRunner, port: number, signal: AbortSignal): Promise<Socket> {
    const { sandbox, pod } = runner;
    if (sandbox === undefined) {
      const object = `Pod ${pod.metadata.namespace}/${pod.metadata.name}`;
      throw new AmbitError('AMB1120', 'it is not running', { object });
    }
    const { namespace } = sandbox;
    try {
      return await connectTcp({ host: '127.0.0.1', port, namespace, signal });
    } catch (error) {
      // A program that listens on ::1 alone refuses IPv4; if it refuses both, the first refusal counts.
      return await connectTcp({ host: '::1', port, namespace, signal }).catch(() => {
        throw error;
      });
    }
  }

  /** Ends all pods quickly; their objects stay for the next supervisor. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#watches.dispose();
    await Promise.all(
      [...this.#pods.values()].map((runner) => runner.end(shutdownGraceMs, 'keep')),
    );
    const { mesh, node } = this.#context;
    try {
      registerNode(mesh.store, node, false, mesh.clock);
    } catch (error) {
      mesh.log.warn({ error: causeChain(error) }, 'the node was not marked as ended');
    }
  }
}

function graceMsOf(pod: Pod): number {
  return Math.min(maxGraceMs, (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
}
