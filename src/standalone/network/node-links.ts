// The interfaces, addresses and routes of one node, as commands of ip.

import type { NodeAddresses } from './address-plan.ts';
import { dnsAddress, fabricPrefix, podPrefix, serviceRange } from './address-plan.ts';

/** The bridge that the pods of a node hang on. */
export const podBridge = 'cni0';
/** What makes a node out of a namespace that has `eth0` from the fabric.
 *
 * The bridge has a MAC address of its own from the start, since it would otherwise take that of a port
 * and change it when pods come and go. The name server's addresses are on loopback. Services need a
 * route only so that packets get as far as the rules that translate or refuse them. */
export function nodeLinkCommands(own: NodeAddresses): string[] {
  return [
    `addr add ${own.node.ipv4}/${fabricPrefix.ipv4} dev eth0`,
    `addr add ${own.node.ipv6}/${fabricPrefix.ipv6} dev eth0 nodad`,
    'link set eth0 up',
    `link add ${podBridge} address ${bridgeMac(own)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `addr add ${own.gateway.ipv4}/${podPrefix.ipv4} dev ${podBridge}`,
    `addr add ${own.gateway.ipv6}/${podPrefix.ipv6} dev ${podBridge} nodad`,
    `link set ${podBridge} up`,
    `addr add ${dnsAddress.ipv4}/32 dev lo`,
    `addr add ${dnsAddress.ipv6}/128 dev lo nodad`,
    `route add ${serviceRange.ipv4} dev ${podBridge} src ${own.node.ipv4}`,
    `route add ${serviceRange.ipv6} dev ${podBridge} src ${own.node.ipv6}`,
  ];
}

/** The way from a node to the pods of another. */
export function podRouteCommands(other: NodeAddresses): string[] {
  return [
    `route add ${other.podRange.ipv4} via ${other.node.ipv4}`,
    `route add ${other.podRange.ipv6} via ${other.node.ipv6}`,
  ];
}

function bridgeMac(own: NodeAddresses): string {
  const bytes = own.gateway.ipv4.split('.').map((part) => Number(part).toString(16));
  return ['0a', '58', ...bytes].map((byte) => byte.padStart(2, '0')).join(':');
}
