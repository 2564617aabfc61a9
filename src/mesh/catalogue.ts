// The error catalogue: every coded failure and refusal of the project, in one place. A code never
// changes its meaning and is never used twice. docs/errors.md is this table as a page; a test
// keeps the two equal.

import { admissionCodes } from './catalogue/admission.ts';
import { badRequestCodes } from './catalogue/bad-requests.ts';
import { clusterCommandCodes } from './catalogue/cluster-commands.ts';
import { controllerCodes } from './catalogue/controller.ts';
import { dataplaneCodes } from './catalogue/dataplane.ts';
import type { CatalogueEntry } from './catalogue/entry.ts';
import { joiningCodes } from './catalogue/joining.ts';
import { localNetworkCodes } from './catalogue/local-network.ts';
import { nameCodes } from './catalogue/names.ts';
import { nodeCodes } from './catalogue/node.ts';
import { setupCodes } from './catalogue/setup.ts';
import { standaloneCodes } from './catalogue/standalone.ts';
import { waypointCodes } from './catalogue/waypoint.ts';

/** All codes. Ranges: 10xx and 18xx set-up and commands, 11xx-12xx laptop mode and its API server,
 * 13xx node agent and CNI, 14xx-15xx tunnel and L4, 16xx controller, 17xx waypoint. */
export const catalogue = {
  ...setupCodes,
  ...standaloneCodes,
  ...localNetworkCodes,
  ...nodeCodes,
  ...dataplaneCodes,
  ...nameCodes,
  ...controllerCodes,
  ...admissionCodes,
  ...waypointCodes,
  ...badRequestCodes,
  ...clusterCommandCodes,
  ...joiningCodes,
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;

/** A stable code of the catalogue. */
export type Code = keyof typeof catalogue;

/** Whether a text is a code of the catalogue. */
export function isCode(text: string): text is Code {
  return Object.hasOwn(catalogue, text);
}
