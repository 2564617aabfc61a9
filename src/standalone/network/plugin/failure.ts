// What the plugin says when it cannot do what it was asked (CNI specification 1.0.0, section 5).

import type { Code } from '../../../mesh/catalogue.ts';
import { AmbitError } from '../../../runtime/errors.ts';

/** Error codes of the specification; those from 100 on are the plugin's own. */
export const cniCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  ioFailure: 5,
  decodeFailure: 6,
  badConfig: 7,
  tryAgain: 11,
  kernelRefused: 100,
  noFreeAddress: 101,
  notAsAdded: 102,
} as const;

/** A failure with the number that the specification wants beside our code. */
export class CniFailure extends AmbitError {
  readonly cniCode: number;

  constructor(cniCode: number, code: Code, what: string, cause?: unknown) {
    super(code, what, { cause });
    this.cniCode = cniCode;
  }
}

/** A failure that better input would avoid. */
export function configProblem(cniCode: number, what: string, cause?: unknown): CniFailure {
  return new CniFailure(cniCode, 'AMB1154', what, cause);
}
