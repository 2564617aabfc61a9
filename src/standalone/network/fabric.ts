// The link between the nodes: a namespace with nothing but a bridge, one port per node. It is where
// traffic between nodes can be watched and cut.

import { ip } from '../../linux/ip.ts';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { prepareFabric } from './sysctls.ts';

const bridge = 'fabric0';

/** A place where frames can be watched: an interface and the namespace it is in. */
export interface LinkPlace {
  readonly namespace: NetworkNamespace;
  readonly interfaceName: string;
}

/** The bridge between the nodes. */
export class Fabric implements Disposable {
  readonly namespace: NetworkNamespace;

  private constructor(namespace: NetworkNamespace) {
    this.namespace = namespace;
  }

  /** Makes the namespace at `file` and the bridge in it. @throws LinuxError */
  static async create(file: string): Promise<Fabric> {
    const namespace = NetworkNamespace.create(file);
    try {
      prepareFabric(namespace);
      await ip(
        [
          `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
          `link set ${bridge} up`,
        ],
        namespace,
      );
      return new Fabric(namespace);
    } catch (error) {
      namespace[Symbol.dispose]();
      throw error;
    }
  }

  /** Joins a node: makes `eth0` in its namespace, and the port on this side. @throws LinuxError */
  async join(node: string, nodeNamespaceFile: string): Promise<void> {
    const port = portOf(node);
    await ip(
      [
        `link add ${port} master ${bridge} type veth peer name eth0 netns ${nodeNamespaceFile}`,
        `link set ${port} up`,
      ],
      this.namespace,
    );
  }

  /** Where every frame from and to a node passes. */
  link(node: string): LinkPlace {
    return { namespace: this.namespace, interfaceName: portOf(node) };
  }

  /** Cuts a node off, or lets it back. @throws LinuxError */
  async setLink(node: string, state: 'up' | 'down'): Promise<void> {
    await ip([`link set ${portOf(node)} ${state}`], this.namespace);
  }

  [Symbol.dispose](): void {
    this.namespace[Symbol.dispose]();
  }
}

function portOf(node: string): string {
  return `to-${node}`;
}
