// Certificates renewed when the mesh's root file changes: the sign that roots are being rotated. With
// every certificate come the roots to trust, so this is how new roots reach the tunnels within seconds.

import { readFile } from 'node:fs/promises';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CertificateStore } from './certificate-store.ts';

/** How often the file is looked at. Kubernetes exchanges mounted files by renaming folders, so it is
 * read rather than watched. */
const lookEveryMs = 2_000;
/** Proxies of a mesh see the change together, and ask over this time. */
const spreadMs = 2_000;

export interface FollowRootsOptions {
  readonly path: string;
  readonly certificates: Pick<CertificateStore, 'renewAll'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/** Follows the file until the signal fires. Never rejects. */
export async function followRoots(options: FollowRootsOptions, signal: AbortSignal): Promise<void> {
  const { path, certificates, clock, log, random } = options;
  const pause = (ms: number): Promise<void> => clock.wait(ms, signal).catch(() => undefined);
  let known: string | undefined;
  while (!signal.aborted) {
    const now = await readFile(path, 'utf8').catch(() => undefined);
    const isChange = known !== undefined && now !== undefined && now !== known;
    known = now ?? known;
    if (isChange) {
      log.info({ path }, 'the roots have changed, renewing all certificates');
      await pause(spreadMs * random());
      if (!signal.aborted) certificates.renewAll();
    }
    await pause(lookEveryMs);
  }
}
