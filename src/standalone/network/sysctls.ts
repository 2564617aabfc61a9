// Kernel settings of the namespaces: as a node, as a pod, as the switch between the nodes.

import { existsSync } from 'node:fs';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { setSysctl } from '../../linux/sysctl.ts';

type Settings = Readonly<Record<string, number>>;

/** The mesh shows foreign source addresses on loopback, which reverse path filters would drop; pods
 * talk to their neighbours through the gateway, which would otherwise point out the shorter way; and
 * duplicate address detection would keep a new pod's IPv6 address unusable for a second. */
const everywhere: Settings = {
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/default/rp_filter': 0,
  'net/ipv4/conf/lo/rp_filter': 0,
  'net/ipv4/conf/all/accept_redirects': 0,
  'net/ipv4/conf/default/accept_redirects': 0,
  'net/ipv4/ip_unprivileged_port_start': 0,
  'net/ipv6/conf/all/accept_redirects': 0,
  'net/ipv6/conf/default/accept_redirects': 0,
  'net/ipv6/conf/all/accept_dad': 0,
  'net/ipv6/conf/default/accept_dad': 0,
  'net/ipv6/conf/default/accept_ra': 0,
  'net/ipv6/conf/all/disable_ipv6': 0,
  'net/ipv6/conf/default/disable_ipv6': 0,
};

const nodeOnly: Settings = {
  'net/ipv4/ip_forward': 1,
  'net/ipv6/conf/all/forwarding': 1,
  'net/ipv6/conf/default/forwarding': 1,
  'net/ipv4/conf/all/send_redirects': 0,
  'net/ipv4/conf/default/send_redirects': 0,
};

/** Bridged frames must not pass the address translation of the layer above. */
const bridging: Settings = {
  'net/bridge/bridge-nf-call-iptables': 0,
  'net/bridge/bridge-nf-call-ip6tables': 0,
  'net/bridge/bridge-nf-call-arptables': 0,
};

/** A pod, before its interface exists. @throws LinuxError */
export function preparePod(namespace: NetworkNamespace): void {
  apply(everywhere, namespace);
}

/** A node, before its interfaces exist. @throws LinuxError */
export function prepareNode(namespace: NetworkNamespace): void {
  apply({ ...everywhere, ...nodeOnly, ...bridging }, namespace);
}

/** The switch: it has no addresses of its own. @throws LinuxError */
export function prepareFabric(namespace: NetworkNamespace): void {
  apply({ ...bridging, 'net/ipv6/conf/default/disable_ipv6': 1 }, namespace);
}

function apply(settings: Settings, namespace: NetworkNamespace): void {
  namespace.run(() => {
    for (const [name, value] of Object.entries(settings)) {
      // Bridge settings exist only while the kernel filters bridged frames at all.
      if (existsSync(`/proc/sys/${name}`)) setSysctl(name, value);
    }
  });
}
