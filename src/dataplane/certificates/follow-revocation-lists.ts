// The file of revocation lists, read again whenever it changes.

import { readFile } from 'node:fs/promises';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { readRevocationFile } from '../../wire/x509/revocation-file.ts';
import type { Revocations } from './revocations.ts';

/** How often the file is looked at. Kubernetes exchanges mounted files by renaming folders, so it is
 * read rather than watched. */
const lookEveryMs = 2_000;

export interface FollowListsOptions {
  readonly path: string;
  readonly revocations: Pick<Revocations, 'apply' | 'lookForExpired'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Follows the file until the signal fires. Never rejects. A file that goes away, as while a volume is
 * mounted anew, takes nothing back: an empty file does. */
export async function followRevocationLists(
  options: FollowListsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { path, revocations, clock, log } = options;
  let known: Buffer | undefined;
  let unreadable = '';
  while (!signal.aborted) {
    try {
      const now = await readFile(path);
      unreadable = '';
      if (known === undefined || !now.equals(known)) apply(now);
      else revocations.lookForExpired();
      known = now;
    } catch (cause) {
      const text = causeChain(cause);
      // A mesh without lists has no file, which is no failure.
      const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      if (text !== unreadable && !(isMissing && known === undefined)) {
        warn(isMissing ? 'it has gone; the lists in force stay' : `it can not be read: ${text}`);
      }
      unreadable = text;
    }
    await clock.wait(lookEveryMs, signal).catch(() => undefined);
  }

  function apply(bytes: Buffer): void {
    const file = readRevocationFile(bytes);
    for (const problem of file.problems) warn(`${problem}; what was in force stays`);
    revocations.apply(file);
    const revoked = file.lists.reduce((sum, list) => sum + list.revoked.size, 0);
    log.info({ path, lists: file.lists.length, revoked }, 'revocation lists read');
  }

  function warn(what: string): void {
    const error = new AmbitError('AMB1522', what, { object: path });
    log.warn({ code: error.code, remedy: error.remedy }, error.message);
  }
}
