// Watches the Secrets and ConfigMaps that waypoints need, each by its name: nothing else is read, and
// nothing that others have to hide passes through here.

import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import {
  type CredentialObject,
  type CredentialReference,
  keyOfReference,
  notReadYet,
} from '../credentials.ts';
import type { ApiClient } from './api-client.ts';
import { ListAndWatch } from './list-and-watch.ts';

/** Objects watched at most; what is beyond is told as such. */
const maxWatched = 1_000;

interface Watched {
  readonly watch: ListAndWatch;
  object: CredentialObject | undefined;
  /** Why nothing is known. */
  problem: string | undefined;
}

/** Follows what it is told to follow. */
export class CredentialWatcher implements AsyncDisposable {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #watched = new Map<string, Watched>();

  constructor(client: ApiClient, clock: Clock, log: Logger, onChange: () => void) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** Watches these and no others. */
  follow(references: readonly CredentialReference[]): void {
    const wanted = new Map(references.map((one) => [keyOfReference(one), one]));
    for (const [key, watched] of this.#watched) {
      if (wanted.has(key)) continue;
      this.#watched.delete(key);
      void stop(watched);
    }
    for (const [key, reference] of wanted) {
      if (this.#watched.has(key) || this.#watched.size >= maxWatched) continue;
      this.#watched.set(key, this.#watch(reference));
    }
  }

  /** The object, why nothing is known of it, or undefined when it does not exist. */
  readonly get = (reference: CredentialReference): CredentialObject | string | undefined => {
    const watched = this.#watched.get(keyOfReference(reference));
    if (watched === undefined) return `is one of more than ${maxWatched} credentials`;
    return watched.object ?? watched.problem;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#watched.values()].map(stop));
    this.#watched.clear();
  }

  #watch(reference: CredentialReference): Watched {
    const { kind, namespace, name } = reference;
    const changed = (object: CredentialObject | undefined, problem?: string): void => {
      watched.object = object;
      watched.problem = problem;
      this.#onChange();
    };
    const watch = new ListAndWatch({
      client: this.#client,
      clock: this.#clock,
      path: `/api/v1/namespaces/${namespace}/${kind === 'Secret' ? 'secrets' : 'configmaps'}`,
      selectors: { fieldSelector: `metadata.name=${name}` },
      onSet: (object) => changed(object as CredentialObject),
      onDelete: () => changed(undefined),
      onListed: () => {
        if (watched.problem !== undefined) changed(watched.object);
      },
      onTrouble: (trouble, reason) => {
        const object = keyOfReference(reference);
        const isQuiet = trouble === 'expired' || trouble === 'silent';
        const told = `watch interrupted: ${reason}`;
        if (isQuiet) this.#log.debug({ object, trouble }, told);
        else this.#log.warn({ code: 'AMB1621', object, trouble }, told);
        // What is known stays in force; only what never was is told.
        if (watched.problem !== undefined) changed(undefined, `cannot be read: ${reason}`);
      },
    });
    const watched: Watched = { watch, object: undefined, problem: notReadYet };
    return watched;
  }
}

async function stop({ watch }: Watched): Promise<void> {
  await watch[Symbol.asyncDispose]();
}
