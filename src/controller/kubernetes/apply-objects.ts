// Makes the cluster have the objects that the controller wants: server-side apply, and removal.

import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { type Changes, contentOf, type DesiredObject } from '../desired.ts';
import { describeObject } from '../kinds/object.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import type { Term } from './leader-election.ts';

/** How long the watch may take to show what was applied, before it is applied again. */
const settlingMs = 500;

/** Applies changes one after another. */
export class ObjectApplier {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** What was applied just now, by path, with its time. */
  readonly #recent = new Map<string, { readonly content: string; readonly atMs: number }>();

  constructor(client: ApiClient, clock: Clock, log: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** Answers whether everything is done, as long as the term is held; what failed comes up again at the next
   * translation. */
  async apply(changes: Changes, term: Term): Promise<boolean> {
    let done = true;
    const { signal } = term;
    this.#forgetOld();
    for (const wanted of changes.apply) {
      if (!term.isHeld()) return true;
      if (this.#isSettling(wanted)) {
        done = false;
        continue;
      }
      const { path, body } = wanted;
      const object = describeObject(body);
      try {
        await this.#client.patch(path, 'take', body, { signal });
        this.#recent.set(path, {
          content: contentOf(body),
          atMs: this.#clock.monotonic(),
        });
        this.#log.info({ object }, 'applied');
      } catch (error) {
        // A namespace that is going away takes nothing new, and one that has gone has nothing.
        if (error instanceof ApiError && (error.status === 404 || isTerminating(error))) continue;
        this.#log.warn({ code: 'AMB1622', object }, `not applied: ${causeChain(error)}`);
        done = false;
      }
    }
    for (const { path } of changes.remove) {
      if (!term.isHeld()) return true;
      try {
        await this.#client.delete(path, { signal });
        this.#log.info({ path }, 'removed');
      } catch (error) {
        this.#log.warn({ code: 'AMB1622', path }, `not removed: ${causeChain(error)}`);
        done = false;
      }
    }
    return done;
  }

  #isSettling({ path, body }: DesiredObject): boolean {
    return this.#recent.get(path)?.content === contentOf(body);
  }

  #forgetOld(): void {
    const now = this.#clock.monotonic();
    for (const [path, { atMs }] of this.#recent) {
      if (now - atMs > settlingMs) this.#recent.delete(path);
    }
  }
}

function isTerminating(error: ApiError): boolean {
  return error.status === 403 && error.message.includes('terminated');
}
