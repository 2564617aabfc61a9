// The end of a process: the first signal drains with a deadline, the second ends at once.

import type { Clock } from './clock.ts';
import { causeChain } from './errors.ts';
import type { Logger } from './log.ts';

export interface ShutdownOptions {
  /** Stops taking work and resolves when what was open has ended. The signal fires when the time is
   * up; then everything left is closed. */
  readonly drain: (deadline: AbortSignal) => Promise<void>;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Waits for SIGTERM, SIGINT or `requested`, drains, and resolves with the exit status. */
export async function untilShutdown(
  options: ShutdownOptions,
  requested?: AbortSignal,
): Promise<number> {
  const { drain, deadlineMs, clock, log } = options;
  const reason = await nextSignal(requested);
  log.info({ reason, deadlineMs }, 'draining');
  const deadline = new AbortController();
  const drained = new AbortController();
  void clock.wait(deadlineMs, drained.signal).then(
    () => deadline.abort(new Error('the time to drain is up')),
    () => undefined,
  );
  const forced = nextSignal().then(() => 'forced' as const);
  const outcome = drain(deadline.signal).then(
    () => 'drained' as const,
    (error: unknown) => {
      log.error({ error: causeChain(error) }, 'draining failed');
      return 'failed' as const;
    },
  );
  const end = await Promise.race([outcome, forced]);
  drained.abort();
  log.info({ end }, 'stopped');
  return end === 'drained' ? 0 : 1;
}

function nextSignal(requested?: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const done = (reason: string) => (): void => {
      for (const [name, listener] of listeners) process.off(name, listener);
      resolve(reason);
    };
    const listeners = (['SIGTERM', 'SIGINT'] as const).map((name) => [name, done(name)] as const);
    for (const [name, listener] of listeners) process.on(name, listener);
    requested?.addEventListener('abort', done('requested'), { once: true });
  });
}
