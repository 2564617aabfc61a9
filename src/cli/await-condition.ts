// Waiting for a cluster: looks again and again until what is looked for is there.

import { systemClock } from '../runtime/clock.ts';
import type { CommandContext } from './command.ts';
import { withProgress } from './output.ts';

const lookEveryMs = 500;

/** What one look has shown. */
export type Look<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** What is still waited for, in words. */
  | { readonly kind: 'waiting'; readonly for: string };

/** Looks until it is done, or until the time is up: then it answers the last look. `what` is told as progress.
 * Rejects when the user gives up. */
export async function awaitCondition<T>(
  what: string,
  look: () => Promise<Look<T>>,
  timeoutMs: number,
  context: CommandContext,
): Promise<Look<T>> {
  const end = systemClock.monotonic() + timeoutMs;
  return await withProgress(`waiting for ${what}`, context, async () => {
    for (;;) {
      const seen = await look();
      if (seen.kind === 'done' || systemClock.monotonic() >= end) return seen;
      await systemClock.wait(lookEveryMs, context.signal);
    }
  });
}
