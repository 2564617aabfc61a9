// Codes of the commands that work on a cluster.

import type { CatalogueEntry } from './entry.ts';

export const clusterCommandCodes = {
  AMB1832: {
    title: 'The cluster did not take an object',
    cause: 'The API server, or a webhook that it asks, refused what the command wrote.',
    remedy:
      'Read the reason: a missing permission, a field that this version does not know, or a policy of the cluster.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
