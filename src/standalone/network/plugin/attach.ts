// The link of a pod: a veth pair between its namespace and the bridge of its node.
//
// The pod's addresses are /32 and /128 with the gateway as the only neighbour. So every packet of a pod
// passes its node's own IP layer, also to a pod beside it, and answers of services take the way back
// through the translation that the request went through.

import { createHash } from 'node:crypto';
import { LinuxError } from '../../../linux/errors.ts';
import { ip, ipJson } from '../../../linux/ip.ts';
import { NetworkNamespace } from '../../../linux/network-namespace.ts';
import { ipToBytes, isV6 } from '../../../mesh/address.ts';
import { preparePod } from '../sysctls.ts';
import type { PodAddresses } from './address-store.ts';
import type { NetworkConfig } from './config.ts';
import type { Attachment } from './request.ts';

/** What was made, for the result. */
export interface Link {
  readonly hostInterface: string;
  readonly podMac: string;
}

/** Makes the link, with addresses and default routes in the pod. @throws LinuxError */
export async function attach(
  config: NetworkConfig,
  attachment: Attachment & { readonly namespace: string },
  addresses: PodAddresses,
): Promise<Link> {
  using node = NetworkNamespace.open(config.nodeNamespace);
  using pod = NetworkNamespace.open(attachment.namespace);
  preparePod(pod);
  const hostInterface = hostInterfaceOf(attachment);
  const podMac = macOf(addresses);
  const { interfaceName } = attachment;
  await ip(
    [
      `link add ${hostInterface} master ${config.bridge} type veth peer name ${interfaceName} address ${podMac} netns ${attachment.namespace}`,
      `link set ${hostInterface} up`,
    ],
    node,
  );
  await ip(
    [
      ...addresses.map(({ address }) =>
        isV6(address)
          ? `addr add ${address}/128 dev ${interfaceName} nodad`
          : `addr add ${address}/32 dev ${interfaceName}`,
      ),
      `link set ${interfaceName} up`,
      ...addresses.map(
        ({ address, gateway }) =>
          `route add ${isV6(address) ? '::/0' : '0.0.0.0/0'} via ${gateway} dev ${interfaceName} onlink`,
      ),
    ],
    pod,
  );
  return { hostInterface, podMac };
}

/** Removes the link; the pod's end goes with the node's. Missing link, node or pod are fine.
 * @throws LinuxError */
export async function detach(config: NetworkConfig, attachment: Attachment): Promise<void> {
  let node: NetworkNamespace;
  try {
    node = NetworkNamespace.open(config.nodeNamespace);
  } catch {
    return; // with the node's namespace all its links are gone
  }
  try {
    await ip([`link del ${hostInterfaceOf(attachment)}`], node);
  } catch (error) {
    if (!(error instanceof LinuxError) || error.errno !== 'ENODEV') throw error;
  } finally {
    node[Symbol.dispose]();
  }
}

/** The addresses on the pod's interface, in canonical text; empty when there is no such interface. */
export async function addressesOf(attachment: Attachment): Promise<string[]> {
  if (attachment.namespace === undefined) return [];
  using pod = NetworkNamespace.open(attachment.namespace);
  const links = (await ipJson(['addr', 'show'], pod)) as {
    readonly ifname?: string;
    readonly addr_info?: readonly { readonly local?: string }[];
  }[];
  return links
    .filter((link) => link.ifname === attachment.interfaceName)
    .flatMap((link) => (link.addr_info ?? []).map(({ local }) => local ?? ''));
}

/** At most 15 letters, the same for every command about one attachment. */
function hostInterfaceOf({ containerId, interfaceName }: Attachment): string {
  const hash = createHash('sha256').update(`${containerId}/${interfaceName}`).digest('hex');
  return `veth${hash.slice(0, 8)}`;
}

/** Made of the IPv4 address, so that neighbours that remember an old pod are never wrong. */
function macOf(addresses: PodAddresses): string {
  const [first] = addresses;
  const bytes = first === undefined ? [] : [...ipToBytes(first.address)].slice(-4);
  return [0x0a, 0x58, ...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
