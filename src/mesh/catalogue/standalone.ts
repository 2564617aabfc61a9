// Codes 11xx (laptop mode) and 12xx (embedded API server).

import type { CatalogueEntry } from './entry.ts';

export const standaloneCodes = {
  AMB1101: {
    title: 'the kernel does not let this user make network namespaces',
    cause: 'Not root, and unprivileged user namespaces are switched off or restricted.',
    remedy:
      'Run as root, or allow them: sysctl kernel.unprivileged_userns_clone=1 (and kernel.apparmor_restrict_unprivileged_userns=0).',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
