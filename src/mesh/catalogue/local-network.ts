// Codes 115x to 117x: network, name service and controllers of laptop mode.

import type { CatalogueEntry } from './entry.ts';

export const localNetworkCodes = {
  AMB1150: {
    title: 'a mesh or node name is not usable',
    cause:
      'Mesh names are lower-case letters, digits and hyphens (at most 32); node names are lower-case letters and digits (at most 12), each used once, and not "fabric".',
    remedy:
      'Use 1 to 32 lower-case letters, digits and hyphens for a mesh, such as ambit or test-1.',
  },
  AMB1151: {
    title: 'the local network could not be made',
    cause: 'The kernel refused a namespace, a link, an address or a rule.',
    remedy:
      'The message names the step and the kernel\'s reason. "ambit down" removes what a crashed run left behind.',
  },
  AMB1152: {
    title: 'a pod could not be attached to its node',
    cause: 'The base CNI plugin could not make the link or the addresses of the pod.',
    remedy: 'The message names the step; the pod is tried again by itself.',
  },
  AMB1153: {
    title: 'the node has no free pod address',
    cause: 'All addresses of the range of this node are held by pods.',
    remedy: 'Delete pods of this node, or start the mesh with more nodes.',
  },
  AMB1154: {
    title: 'the CNI configuration of the base plugin is not valid',
    cause:
      'A variable of the CNI protocol or a field of the configuration is missing or malformed.',
    remedy: 'Correct the variable or field that the message names.',
  },
  AMB1155: {
    title: 'the service rules of a node could not be applied',
    cause: 'nft refused the rules; those from before are still in force.',
    remedy: 'The message carries what nft said; it is tried again by itself.',
  },
  AMB1156: {
    title: 'a name could not be resolved outside the cluster',
    cause: 'The machine has no resolver in /etc/resolv.conf, or it does not answer.',
    remedy: 'Check /etc/resolv.conf of the machine; names inside the cluster are not concerned.',
  },
  AMB1157: {
    title: 'the cluster name server cannot listen',
    cause: 'Port 53 of the node namespace is taken or may not be bound.',
    remedy: 'Run "ambit down" and start again; the message names the address.',
  },
  AMB1158: {
    title: 'a controller could not bring an object to its wanted state',
    cause: 'A write was refused, or an object has fields that contradict one another.',
    remedy: 'The message names the object; it is tried again by itself.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
