// Makes the cluster have the objects that the controller wants: server-side apply, and removal.

import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Changes } from '../desired.ts';
import { describeObject } from '../kinds/object.ts';
import { type ApiClient, ApiError } from './api-client.ts';

/** Applies changes one after another. */
export class ObjectApplier {
  readonly #client: ApiClient;
  readonly #log: Logger;

  constructor(client: ApiClient, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  /** Answers whether everything is done; what failed comes up again at the next translation. */
  async apply(changes: Changes): Promise<boolean> {
    let done = true;
    for (const { path, body } of changes.apply) {
      const object = describeObject(body);
      try {
        await this.#client.patch(path, 'apply', body);
        this.#log.info({ object }, 'applied');
      } catch (error) {
        // A namespace that is going away takes nothing new, and one that has gone has nothing.
        if (error instanceof ApiError && (error.status === 404 || isTerminating(error))) continue;
        this.#log.warn({ code: 'AMB1622', object }, `not applied: ${causeChain(error)}`);
        done = false;
      }
    }
    for (const { path } of changes.remove) {
      try {
        await this.#client.delete(path);
        this.#log.info({ path }, 'removed');
      } catch (error) {
        this.#log.warn({ code: 'AMB1622', path }, `not removed: ${causeChain(error)}`);
        done = false;
      }
    }
    return done;
  }
}

function isTerminating(error: ApiError): boolean {
  return error.status === 403 && error.message.includes('terminated');
}
