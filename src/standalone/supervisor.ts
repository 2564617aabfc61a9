// The composition root of laptop mode: one process that holds the API server, the local nodes with their
// kubelets, and what follows the user's folder. Everything else runs as pods. Start order: leftovers are
// removed, then network and API server side by side, then what serves pods, then the mesh's own parts, then
// the user's manifests. It ends in reverse.

import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { listenTcp } from '../linux/tcp.ts';
import type { Clock } from '../runtime/clock.ts';
import { AmbitError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { type ApiServer, startApiServer } from './api/api-server.ts';
import type { ObjectStore } from './api/store.ts';
import { CommandServices } from './command-services.ts';
import { startControllers } from './controllers/start-controllers.ts';
import { builtInImages, type ImageTable } from './kubelet/image-table.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import type { MeshContext, NodeFacts } from './kubelet/node-context.ts';
import { prepareNodeFiles, writeChain } from './kubelet/node-files.ts';
import { asPod, type Pod } from './kubelet/pod-types.ts';
import { Scheduler } from './kubelet/scheduler.ts';
import { AppliedFolder, type FolderOutcome } from './manifests/applied-folder.ts';
import {
  parseImageFlag,
  readImagesFile,
  rememberedImages,
  rememberImages,
} from './manifests/images-file.ts';
import { applyMeshParts, meshNamespace, unreadyParts } from './mesh-parts.ts';
import { clusterDomain, dnsAddress } from './network/address-plan.ts';
import { LocalNetwork } from './network/local-network.ts';
import type { LocalNode } from './network/local-node.ts';
import { installBasePlugin, writeProgram } from './network/plugin-program.ts';
import { podAccess } from './pod-access.ts';
import type { Progress, Report } from './progress.ts';
import { publishPort } from './published-port.ts';
import { type MeshPaths, meshPaths } from './state-folder.ts';
import { apiFd, firstPublishedFd, type SupervisorSettings } from './supervisor-settings.ts';
import { removeRunning } from './sweep.ts';

/** The port of the API server inside every node, which the service `kubernetes` leads to. */
const nodeApiPort = 6443;
const meshReadyDeadlineMs = 60_000;
const readyPollMs = 50;
/** The mesh's own CNI plugin; its name in CNI_PATH. */
const meshPluginType = 'ambit-cni';
/** Where a node agent listens for the plugin, below the node's root. */
const agentRunFolder = 'run/istio-cni';
/** Pods of these namespaces are attached without asking the node agent: it may be one of them. */
const systemNamespaces = ['kube-system', meshNamespace];

export interface SupervisorOptions {
  readonly settings: SupervisorSettings;
  readonly report: Report;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gives a start up. */
  readonly signal: AbortSignal;
}

/** A running mesh. Disposing it ends its pods and removes its network; objects stay in the state file. */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #paths: MeshPaths;
  readonly #stack = new AsyncDisposableStack();
  /** Nodes whose chain got the mesh's plugin after their start. */
  readonly #chained = new Set<string>();
  readonly #startedAt: number;

  private constructor(options: SupervisorOptions) {
    this.#options = options;
    const { settings, clock } = options;
    this.#paths = meshPaths(settings.stateParent, settings.mesh);
    this.#startedAt = clock.monotonic();
  }

  /** Starts a mesh; resolves when it works, or when only its own parts do not become ready, which is
   * reported. @throws AmbitError of whatever could not be started; nothing is left then */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const supervisor = new Supervisor(options);
    try {
      await supervisor.#start();
      return supervisor;
    } catch (error) {
      await supervisor[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const { settings, report, clock } = this.#options;
    const images = this.#images();
    const clean = (): Promise<void> => removeRunning(settings.mesh, this.#paths, clock);
    await this.#phase('leftovers', clean);
    this.#stack.defer(clean);
    const kubelets: Kubelet[] = [];
    const [network, api] = await this.#phase('network and API server', () =>
      this.#foundation(kubelets),
    );
    const { store } = api;
    await this.#phase('services, names and kubelets', async () => {
      await this.#serveNodes(network, api);
      forgetOldNodes(store, network.nodes);
      const mesh = this.#meshContext(api, () => images);
      this.#stack.use(new Scheduler(store, clock, this.#options.log));
      this.#stack.use(startControllers({ store, clock, log: this.#options.log }));
      for (const node of network.nodes) kubelets.push(this.#kubelet(mesh, node));
      const { log } = this.#options;
      this.#stack.use(new CommandServices({ store, kubelets, clock, log }));
      await this.#publish(network, store);
    });
    let complete = true;
    if (settings.withMesh && !settings.meshLater) {
      complete = await this.#phase('mesh', () => this.#meshParts(store));
    }
    if (settings.folder !== undefined) {
      const { folder } = settings;
      await this.#phase('manifests', () => this.#follow(folder, store));
    }
    const ms = clock.monotonic() - this.#startedAt;
    report({ kind: 'ready', ms, complete, kubeconfig: this.#paths.kubeconfig });
  }

  async #phase<T>(name: string, body: () => Promise<T>): Promise<T> {
    const { clock, report, log } = this.#options;
    this.#options.signal.throwIfAborted();
    const start = clock.monotonic();
    const result = await body();
    const ms = clock.monotonic() - start;
    report({ kind: 'phase', name, ms });
    log.info({ phase: name, ms: Math.round(ms) }, 'a phase of the start is done');
    return result;
  }

  /** Programs by image name. A folder's table that is not valid is reported, and counts as empty. */
  #images(): ImageTable {
    const { repository, folder, images, imagesFolder } = this.#options.settings;
    const given = rememberedImages(this.#paths.images);
    for (const text of images) given.set(...parseImageFlag(text, imagesFolder));
    try {
      if (folder !== undefined) {
        for (const [name, entry] of readImagesFile(folder)) given.set(name, entry);
      }
    } catch (error) {
      if (!(error instanceof AmbitError)) throw error;
      this.#problem(error);
    }
    rememberImages(this.#paths.images, given);
    return new Map([...builtInImages(repository), ...given]);
  }

  async #foundation(kubelets: readonly Kubelet[]): Promise<[LocalNetwork, ApiServer]> {
    const { settings, clock, log } = this.#options;
    const nodes = Array.from({ length: settings.nodeCount }, (_, index) => `node${index + 1}`);
    const paths = this.#paths;
    const api = await startApiServer({
      databasePath: paths.database,
      pkiFolder: paths.pki,
      listeners: [{ fd: apiFd }],
      clock,
      log: log.child({ part: 'api' }),
      podAccess: podAccess(kubelets, clock),
      rbac: true,
    });
    this.#stack.use(api);
    writeFileSync(paths.kubeconfig, api.kubeconfig({ name: settings.mesh }), { mode: 0o600 });
    const network = await LocalNetwork.create({
      mesh: settings.mesh,
      nodes,
      nodesFolder: paths.nodes,
      clock,
      log: log.child({ part: 'network' }),
    });
    this.#stack.use(network);
    const compiled = settings.env['NODE_COMPILE_CACHE'];
    await installBasePlugin(paths.programs, compiled);
    const plugin = path.join(settings.repository, 'src/cni/plugin/main.ts');
    if (settings.withMesh) {
      await writeProgram(path.join(paths.programs, meshPluginType), plugin, compiled);
    }
    return [network, api];
  }

  async #serveNodes(network: LocalNetwork, api: ApiServer): Promise<void> {
    for (const { namespace, addresses } of network.nodes) {
      for (const host of Object.values(addresses)) {
        const { fd } = listenTcp({ host, port: nodeApiPort, namespace });
        await api.listen({ fd });
      }
    }
    await network.serve(api.store);
  }

  #meshContext(api: ApiServer, images: () => ImageTable): MeshContext {
    const { settings, clock, log } = this.#options;
    const { store, tokens } = api;
    const env = { NODE_COMPILE_CACHE: this.#paths.compiled, ...settings.env };
    return {
      store,
      images,
      clock,
      log: log.child({ part: 'kubelet' }),
      clusterCa: api.caCertificate,
      apiAddress: { host: '10.96.0.1', port: 443 },
      dns: { clusterDns: [dnsAddress.ipv4], clusterDomain },
      baseEnv: new Map(Object.entries(env)),
      nodePath: process.execPath,
      logsFolder: this.#paths.logs,
      issueToken: async (request) => {
        const { namespace, serviceAccount, audience, expirationSeconds, pod } = request;
        const account = store.get('serviceaccounts', namespace, serviceAccount);
        if (account === undefined) {
          const problem = `ServiceAccount ${namespace}/${serviceAccount} does not exist`;
          throw new AmbitError('AMB1114', problem, { object: `Pod ${namespace}/${pod.name}` });
        }
        const issued = tokens.issue({
          serviceAccount: account,
          pod: store.get('pods', namespace, pod.name),
          audiences: audience === '' ? [] : [audience],
          seconds: expirationSeconds,
        });
        return { token: issued.token, expiresMs: Date.parse(issued.expirationTimestamp) };
      },
    };
  }

  #kubelet(mesh: MeshContext, node: LocalNode): Kubelet {
    const { meshLater } = this.#options.settings;
    const plugins = meshLater ? [] : this.#meshPlugin(node);
    prepareNodeFiles(node.root, [{ ...node.cniPlugin() }, ...plugins]);
    const facts: NodeFacts = {
      name: node.name,
      root: node.root,
      namespace: node.namespace,
      addresses: [node.addresses.ipv4, node.addresses.ipv6],
      podRanges: [node.podRanges.ipv4, node.podRanges.ipv6],
    };
    const kubelet = new Kubelet({
      mesh,
      node: facts,
      pluginFolders: [this.#paths.programs],
      networkProblem: (namespace) => this.#networkProblem(mesh.store, node, namespace),
    });
    this.#stack.use(kubelet);
    kubelet.start();
    return kubelet;
  }

  /** The mesh's plugin refuses pods while the node agent does not listen. */
  #networkProblem(store: ObjectStore, node: LocalNode, namespace: string): string | undefined {
    const { withMesh, meshLater } = this.#options.settings;
    if (!withMesh || systemNamespaces.includes(namespace)) return undefined;
    const isThere = existsSync(path.join(node.root, agentRunFolder, 'pluginevent.sock'));
    if (meshLater && !this.#isChained(store, node, isThere)) return undefined;
    return isThere ? undefined : `the node agent of ${node.name} does not run yet`;
  }

  /** Where the mesh comes later, its first agent brings the plugin to a node, and the end of its DaemonSet takes it
   * away, as on a cluster. */
  #isChained(store: ObjectStore, node: LocalNode, agentListens: boolean): boolean {
    const was = this.#chained.has(node.name);
    const agents = store.get('apps/daemonsets', meshNamespace, 'istio-cni-node');
    const is = agents !== undefined && (was || agentListens);
    if (is === was) return is;
    writeChain(node.root, [{ ...node.cniPlugin() }, ...(is ? this.#meshPlugin(node) : [])]);
    if (is) this.#chained.add(node.name);
    else this.#chained.delete(node.name);
    return is;
  }

  /** The plugin runs where the supervisor does, so its paths are the machine's. */
  #meshPlugin(node: LocalNode): { type: string; [key: string]: unknown }[] {
    if (!this.#options.settings.withMesh) return [];
    return [
      {
        type: meshPluginType,
        cni_agent_run_dir: path.join(node.root, agentRunFolder),
        ambient_enabled: true,
        exclude_namespaces: systemNamespaces,
      },
    ];
  }

  async #publish(network: LocalNetwork, store: ObjectStore): Promise<void> {
    const [first] = network.nodes;
    if (first === undefined) return;
    for (const [index, port] of this.#options.settings.publish.entries()) {
      const { log } = this.#options;
      const fd = firstPublishedFd + index;
      const { namespace } = first;
      this.#stack.use(await publishPort({ fd, port, store, namespace, log }));
    }
  }

  /** Answers whether all parts are ready. */
  async #meshParts(store: ObjectStore): Promise<boolean> {
    const { settings, clock, log, signal } = this.#options;
    for (const problem of await applyMeshParts(settings.repository, store, clock, log)) {
      this.#problem(problem);
    }
    const deadline = clock.monotonic() + meshReadyDeadlineMs;
    for (;;) {
      const missing = unreadyParts(store);
      if (missing.length === 0) return true;
      if (clock.monotonic() > deadline) {
        const problem = `not ready after ${meshReadyDeadlineMs / 1000} s: ${missing.join(', ')}`;
        this.#problem(new AmbitError('AMB1104', problem, { object: `mesh ${settings.mesh}` }));
        return false;
      }
      await clock.wait(readyPollMs, signal);
    }
  }

  async #follow(folder: string, store: ObjectStore): Promise<void> {
    const { clock, log, report } = this.#options;
    const onApplied = ({ applied, removed, problems }: FolderOutcome): void => {
      const text = `${applied} objects of ${folder} applied, ${removed} removed`;
      report({ kind: 'note', text });
      log.info({ folder, applied, removed, problems: problems.length }, 'applied the folder');
      for (const problem of problems) this.#problem(problem);
    };
    const following = new AppliedFolder({ folder, store, clock, log, onApplied });
    this.#stack.use(following);
    try {
      onApplied(await following.start());
    } catch (error) {
      if (!(error instanceof AmbitError)) throw error;
      this.#problem(error);
    }
  }

  #problem(error: AmbitError): void {
    const { report, log } = this.#options;
    const problem: Progress = { kind: 'problem', message: error.message, remedy: error.remedy };
    report(problem);
    log.error({ code: error.code, object: error.object, field: error.field }, error.message);
  }
}

/** Nodes of an earlier start that this one does not have take their pods along; what the pods of the others
 * were is over, and nobody may take them for ready before their processes run again. */
function forgetOldNodes(store: ObjectStore, nodes: readonly LocalNode[]): void {
  const names = new Set(nodes.map(({ name }) => name));
  for (const { metadata } of store.list('nodes')) {
    if (!names.has(metadata.name)) store.delete('nodes', '', metadata.name);
  }
  for (const pod of store.list('pods').map(asPod)) {
    const { nodeName } = pod.spec;
    const { namespace, name } = pod.metadata;
    if (nodeName === undefined) continue;
    if (names.has(nodeName)) store.mergePatch('pods', namespace, name, unready(pod), 'status');
    else store.delete('pods', namespace, name, { gracePeriodSeconds: 0 });
  }
}

/** A change of the status that takes readiness away. */
function unready({ status }: Pod): object {
  const over = new Set(['Ready', 'ContainersReady']);
  const conditions = (status?.conditions ?? []).map((condition) =>
    over.has(condition.type) ? { ...condition, status: 'False' } : condition,
  );
  return { status: { conditions } };
}
