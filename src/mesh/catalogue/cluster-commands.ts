// Codes of the commands that work on a cluster.

import type { CatalogueEntry } from './entry.ts';

export const clusterCommandCodes = {
  AMB1832: {
    title: 'The cluster did not take an object',
    cause: 'The API server, or a webhook that it asks, refused what the command wrote.',
    remedy:
      'Read the reason: a missing permission, a field that this version does not know, or a policy of the cluster.',
  },
  AMB1833: {
    title: 'A port of a pod cannot be reached',
    cause:
      'The pod does not run, nothing listens on the port, or the API server does not forward to it for this user.',
    remedy:
      'Read the reason: start the pod, or ask for the permission to get and create pods/portforward in its namespace.',
  },
  AMB1834: {
    title: 'What should be the dump of a node proxy is none',
    cause: 'The file is another one, or the pod runs another program than a ztunnel.',
    remedy:
      'Take a dump with ambit ztunnel-config all -o json, or from /config_dump of port 15000 of a ztunnel.',
  },
  AMB1835: {
    title: 'No such node proxy',
    cause: 'No pod of the cluster is the ztunnel that was named, or on the node that was named.',
    remedy:
      'The message has those that there are; name one as NAME.NAMESPACE, or its node by --node.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
