// Codes 13xx: the CNI plugin and the node agent.

import type { CatalogueEntry } from './entry.ts';

export const nodeCodes = {
  AMB1301: {
    title: 'the CNI request is not valid',
    cause:
      'The container runtime called the plugin with a missing variable or unreadable configuration.',
    remedy:
      'Check the CNI configuration list of the node; the message names the variable or field.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
