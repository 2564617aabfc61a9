// One node of laptop mode: a network namespace with a bridge for its pods.

import path from 'node:path';
import { ip } from '../../linux/ip.ts';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { AddressPair, NodeAddresses } from './address-plan.ts';
import { nodeLinkCommands, podBridge, podRouteCommands } from './node-links.ts';
import type { PluginConfig } from './plugin/config.ts';
import { pluginType } from './plugin/config.ts';
import { prepareNode } from './sysctls.ts';

/** Who and where a node is. */
interface NodePlace {
  readonly name: string;
  /** 1, 2, ... */
  readonly number: number;
  readonly root: string;
  readonly addresses: NodeAddresses;
  readonly namespacePath: string;
}

/** A node's namespace, addresses and CNI configuration. */
export class LocalNode implements Disposable {
  readonly name: string;
  /** 1, 2, ... */
  readonly number: number;
  /** The node's own part of the state folder: its "root file system". */
  readonly root: string;
  readonly namespacePath: string;
  readonly namespace: NetworkNamespace;
  readonly addresses: AddressPair;
  /** CIDR form. */
  readonly podRanges: AddressPair;
  /** The default routes of its pods. */
  readonly gateways: AddressPair;

  private constructor(place: NodePlace, namespace: NetworkNamespace) {
    this.name = place.name;
    this.root = place.root;
    this.number = place.number;
    this.addresses = place.addresses.node;
    this.podRanges = place.addresses.podRange;
    this.gateways = place.addresses.gateway;
    this.namespacePath = place.namespacePath;
    this.namespace = namespace;
  }

  /** Makes the namespace and sets it up. `join` makes `eth0` in it; `others` are the addresses of the
   * other nodes. @throws LinuxError */
  static async create(
    place: NodePlace & {
      readonly others: readonly NodeAddresses[];
      readonly join: () => Promise<void>;
    },
  ): Promise<LocalNode> {
    const namespace = NetworkNamespace.create(place.namespacePath);
    try {
      prepareNode(namespace);
      await place.join();
      const routes = place.others.flatMap(podRouteCommands);
      await ip([...nodeLinkCommands(place.addresses), ...routes], namespace);
      return new LocalNode(place, namespace);
    } catch (error) {
      namespace[Symbol.dispose]();
      throw error;
    }
  }

  /** The base plugin's entry for the `plugins` list of the node's CNI configuration. */
  cniPlugin(): PluginConfig {
    return {
      type: pluginType,
      bridge: podBridge,
      nodeNamespace: this.namespacePath,
      ipam: {
        dataDir: path.join(this.root, 'var/lib/cni/addresses'),
        ranges: [
          { subnet: this.podRanges.ipv4, gateway: this.gateways.ipv4 },
          { subnet: this.podRanges.ipv6, gateway: this.gateways.ipv6 },
        ],
      },
    };
  }

  [Symbol.dispose](): void {
    this.namespace[Symbol.dispose]();
  }
}
