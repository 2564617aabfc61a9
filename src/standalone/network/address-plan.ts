// Which addresses the laptop's nodes, pods and services have. All of them are private to the mesh's
// own network namespaces, so that every mesh may use the same ones.

/** The same thing in both families. */
export interface AddressPair {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** The addresses of one node. */
export interface NodeAddresses {
  /** Of `eth0`, without prefix length. */
  readonly node: AddressPair;
  /** Where its pods' addresses come from, in CIDR form. */
  readonly podRange: AddressPair;
  /** Of the bridge that its pods hang on: their default route. */
  readonly gateway: AddressPair;
}

/** More nodes have no addresses. */
export const maxNodes = 200;

/** Prefix lengths of the link between the nodes and of a node's pod range. */
export const fabricPrefix = { ipv4: 24, ipv6: 64 } as const;
export const podPrefix = { ipv4: 24, ipv6: 64 } as const;

export const serviceRange: AddressPair = { ipv4: '10.96.0.0/16', ipv6: 'fd00:10:96::/112' };
export const dnsAddress: AddressPair = { ipv4: '10.96.0.10', ipv6: 'fd00:10:96::a' };
export const clusterDomain = 'cluster.local';

/** The addresses of the node with this number, 1 to `maxNodes`. The IPv6 forms repeat the decimal
 * digits of the IPv4 ones, because people read them. */
export function nodeAddresses(number: number): NodeAddresses {
  return {
    node: { ipv4: `172.30.0.${number + 10}`, ipv6: `fd00:30::${number + 10}` },
    podRange: {
      ipv4: `10.244.${number}.0/${podPrefix.ipv4}`,
      ipv6: `fd00:10:244:${number}::/${podPrefix.ipv6}`,
    },
    gateway: { ipv4: `10.244.${number}.1`, ipv6: `fd00:10:244:${number}::1` },
  };
}
