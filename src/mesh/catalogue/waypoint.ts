// Codes 17xx: requests at a waypoint.

import type { CatalogueEntry } from './entry.ts';

export const waypointCodes = {
  AMB1701: {
    title: 'no route matched the request',
    cause: 'The host has routes and none of them matches this request.',
    remedy:
      'Add a route without a match as the last one, or correct the matches; ambit why ID shows each.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
