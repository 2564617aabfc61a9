// Codes 16xx: configuration objects, the certificate authority and publishing.

import type { CatalogueEntry } from './entry.ts';

export const controllerCodes = {
  AMB1601: {
    title: 'a configuration object is not valid',
    cause: 'A field has a value that its resource does not allow.',
    remedy: 'Correct the field that the message names; the last valid version stays in force.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
