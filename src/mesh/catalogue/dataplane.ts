// Codes 14xx (connections at the node) and 15xx (tunnel, certificates, configuration stream).

import type { CatalogueEntry } from './entry.ts';

export const dataplaneCodes = {
  AMB1401: {
    title: 'denied by an authorization policy',
    cause: 'A DENY policy matched, or ALLOW policies apply and none matched.',
    remedy: 'ambit why ID names the policy and the rule; change it if the traffic should pass.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
