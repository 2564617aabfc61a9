// The real object store, kept in memory, for tests of what stands on it.

import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { type OpenStore, openStore } from '../../src/standalone/api/open-store.ts';

/** Closed with the stack. */
export function openTestStore(stack: AsyncDisposableStack): OpenStore {
  return stack.use(openStore({ databasePath: ':memory:', clock: systemClock, log: silentLogger }));
}
