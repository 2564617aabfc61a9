// The network of laptop mode: nodes joined by a link, as one thing that is made and removed.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import { type Logger, silentLogger } from '../../runtime/log.ts';
import type { ObjectStore } from '../api/store.ts';
import { maxNodes, nodeAddresses } from './address-plan.ts';
import { Fabric, type LinkPlace } from './fabric.ts';
import { LocalNode } from './local-node.ts';
import { checkNames, fabricNamespace, namespacesFolder, nodeNamespace } from './namespace-names.ts';
import { type Removed, removeLocalNetwork } from './remove-network.ts';
import { type ServeOptions, type Serving, serveNetwork } from './serve-network.ts';

export interface LocalNetworkOptions {
  readonly mesh: string;
  /** Names in order: the first becomes node number 1. */
  readonly nodes: readonly string[];
  /** Each node has a folder of its name in it: its "root file system". */
  readonly nodesFolder: string;
  /** Default /run/netns. */
  readonly namespaceFolder?: string;
  readonly log?: Logger;
  readonly clock?: Clock;
}

/** Fabric and nodes of one mesh. Disposing it ends every process in them and removes them. */
export class LocalNetwork implements AsyncDisposable {
  readonly nodes: readonly LocalNode[];
  readonly #options: LocalNetworkOptions;
  readonly #fabric: Fabric;
  /** What runs on the network, ended before it is removed. */
  readonly #services = new AsyncDisposableStack();

  private constructor(options: LocalNetworkOptions, fabric: Fabric, nodes: readonly LocalNode[]) {
    this.#options = options;
    this.#fabric = fabric;
    this.nodes = nodes;
  }

  /** Makes the network. What is left of an earlier one of this mesh must have been removed before
   * (removeLocalNetwork). @throws AmbitError AMB1150 for names, AMB1151 when the kernel refuses */
  static async create(options: LocalNetworkOptions): Promise<LocalNetwork> {
    const { mesh, nodes: names, namespaceFolder = namespacesFolder } = options;
    checkNames(mesh, names);
    if (names.length > maxNodes) {
      throw new AmbitError('AMB1150', `${names.length} nodes; at most ${maxNodes} are possible`);
    }
    await using undo = new AsyncDisposableStack();
    try {
      undo.defer(async () => {
        await removeAll(options);
      });
      const fabric = undo.use(await Fabric.create(fabricNamespace(mesh, namespaceFolder)));
      const nodes: LocalNode[] = [];
      for (const [index, name] of names.entries()) {
        nodes.push(undo.use(await createNode(options, fabric, name, index)));
      }
      undo.move();
      return new LocalNetwork(options, fabric, nodes);
    } catch (error) {
      throw new AmbitError(
        'AMB1151',
        `the network of mesh ${mesh} could not be made: ${causeChain(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** @throws Error when there is no node of this name */
  node(name: string): LocalNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  /** Where all frames between this node and the others can be watched. */
  link(node: string): LinkPlace {
    return this.#fabric.link(this.node(node).name);
  }

  /** Cuts a node off the others, or lets it back. @throws LinuxError */
  async setLink(node: string, state: 'up' | 'down'): Promise<void> {
    await this.#fabric.setLink(this.node(node).name, state);
  }

  /** Starts a service proxy and a name server on every node, fed from the store, and publishes the
   * services `kubernetes` and `kube-dns`. They end with the network.
   * @throws AmbitError AMB1157 when a name server cannot listen */
  async serve(
    store: ObjectStore,
    options: Pick<ServeOptions, 'servers'> = {},
  ): Promise<Pick<Serving, 'settled'>> {
    const { clock = systemClock, log = silentLogger } = this.#options;
    const { nodes } = this;
    return this.#services.use(await serveNetwork({ ...options, nodes, store, clock, log }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  /** Ends what runs on the network, removes it and says what there was. */
  async remove(): Promise<Removed> {
    await this.#services.disposeAsync();
    const removed = await removeAll(this.#options);
    for (const node of this.nodes) node[Symbol.dispose]();
    this.#fabric[Symbol.dispose]();
    (this.#options.log ?? silentLogger).info(
      { namespaces: removed.namespaces.length, processes: removed.processes.length },
      'removed the local network',
    );
    return removed;
  }
}

async function removeAll(options: LocalNetworkOptions): Promise<Removed> {
  const { mesh, nodesFolder, namespaceFolder = namespacesFolder, clock = systemClock } = options;
  return await removeLocalNetwork({ mesh, nodesFolder, namespaceFolder, clock });
}

async function createNode(
  options: LocalNetworkOptions,
  fabric: Fabric,
  name: string,
  index: number,
): Promise<LocalNode> {
  const { mesh, nodes, nodesFolder, namespaceFolder } = options;
  const namespacePath = nodeNamespace(mesh, name, namespaceFolder);
  const root = path.join(nodesFolder, name);
  await mkdir(path.join(root, 'run/netns'), { recursive: true });
  return await LocalNode.create({
    name,
    root,
    number: index + 1,
    addresses: nodeAddresses(index + 1),
    others: nodes.flatMap((_, other) => (other === index ? [] : [nodeAddresses(other + 1)])),
    namespacePath,
    join: () => fabric.join(name, namespacePath),
  });
}
