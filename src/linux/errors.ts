// What every failure of this folder looks like: the operation that failed and the kernel's reason.

import { getSystemErrorMap } from 'node:util';

const names = new Map([...getSystemErrorMap()].map(([code, [name]]) => [-code, name]));

/** A kernel call or a kernel tool (nft, ip) failed. */
export class LinuxError extends Error {
  override readonly name = 'LinuxError';
  /** What was tried, with its object: `bind [::]:15001`. */
  readonly operation: string;
  /** The errno's name, such as `EPERM`; `EIO` when a tool failed for a reason of its own. */
  readonly errno: string;
  /** What the tool wrote on standard error, if a tool failed. */
  readonly stderr: string | undefined;

  constructor(
    operation: string,
    errno: string,
    options: { stderr?: string; cause?: unknown } = {},
  ) {
    const { stderr, cause } = options;
    const detail = stderr === undefined || stderr === '' ? '' : `: ${stderr}`;
    super(`${operation}: ${errno}${detail}`, cause === undefined ? undefined : { cause });
    this.operation = operation;
    this.errno = errno;
    this.stderr = stderr;
  }
}

/** The name of a positive errno number. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}
