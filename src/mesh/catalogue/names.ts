// Codes 1451 to 1459 (names that pods ask the node proxy for).

import type { CatalogueEntry } from './entry.ts';

export const nameCodes = {
  AMB1451: {
    title: 'a name could not be resolved',
    cause:
      'The name is none of the mesh, and no name server of the node proxy answered when asked from the pod.',
    remedy:
      'Check the cluster DNS, the nameserver lines in the resolv.conf of the node proxy, and network policies of the pod for port 53.',
  },
  AMB1452: {
    title: 'too many DNS queries of one pod at once',
    cause: 'The pod has more queries waiting for answers than the node proxy holds for one pod.',
    remedy: 'Let the application remember answers; see whether the name servers are slow.',
  },
  AMB1453: {
    title: 'a DNS message is not valid',
    cause: 'A pod sent something to port 53 that is no query, or a query that can not be read.',
    remedy: 'Check which program in the pod sends it; only DNS queries go to port 53.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
