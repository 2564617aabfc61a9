// The network namespace of a pod, attached by the CNI chain. It outlives its containers' restarts.

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { NetworkNamespace, removeNamespaceMount } from '../../linux/network-namespace.ts';
import { processesIn } from '../../linux/processes.ts';
import { addressesOf, type Sandbox } from './cni/chain.ts';
import type { NodeContext } from './node-context.ts';
import type { Pod } from './pod-types.ts';

/** Where a pod's processes run. */
export interface PodSandbox extends AsyncDisposable {
  readonly namespace: NetworkNamespace;
  /** IPv4 first, as the chain gave them. */
  readonly addresses: readonly string[];
  /** Ends processes that left their container's process group. */
  endStragglers(): void;
}

/** Makes the sandbox of a pod. What a failed attempt made is removed again.
 * @throws AmbitError AMB1110 or AMB1111 of the chain; LinuxError */
export async function makeSandbox(context: NodeContext, pod: Pod): Promise<PodSandbox> {
  if (pod.spec.hostNetwork === true) return new HostSandbox(context);
  return await PrivateSandbox.make(context, pod);
}

/** A pod in its node's own namespace. */
class HostSandbox implements PodSandbox {
  readonly namespace: NetworkNamespace;
  readonly addresses: readonly string[];

  constructor({ node }: NodeContext) {
    this.namespace = node.namespace;
    this.addresses = node.addresses;
  }

  endStragglers(): void {
    // The namespace is shared with others; processes that hid in it end with the node.
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class PrivateSandbox implements PodSandbox {
  readonly namespace: NetworkNamespace;
  readonly addresses: readonly string[];
  readonly #context: NodeContext;
  readonly #sandbox: Sandbox;

  private constructor(
    context: NodeContext,
    sandbox: Sandbox,
    namespace: NetworkNamespace,
    addresses: readonly string[],
  ) {
    this.#context = context;
    this.#sandbox = sandbox;
    this.namespace = namespace;
    this.addresses = addresses;
  }

  static async make(context: NodeContext, pod: Pod): Promise<PrivateSandbox> {
    const id = randomBytes(16).toString('hex');
    const netns = path.join(context.node.root, 'run/netns', id);
    const namespace = NetworkNamespace.create(netns);
    const { namespace: podNamespace, name, uid } = pod.metadata;
    const sandbox: Sandbox = { id, netns, podNamespace, podName: name, podUid: uid };
    try {
      const result = await context.chain.add(sandbox);
      return new PrivateSandbox(context, sandbox, namespace, addressesOf(result));
    } catch (error) {
      namespace[Symbol.dispose]();
      removeNamespaceMount(netns);
      throw error;
    }
  }

  endStragglers(): void {
    for (const pid of processesIn(this.namespace.id)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it ended by itself meanwhile
      }
    }
  }

  /** Detaches and removes the namespace; it is removed also when a plugin fails to detach. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.endStragglers();
    try {
      await this.#context.chain.delete(this.#sandbox);
    } finally {
      this.namespace[Symbol.dispose]();
      removeNamespaceMount(this.#sandbox.netns);
    }
  }
}
