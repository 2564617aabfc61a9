// Watches the Secrets and ConfigMaps that waypoints need, each by its name: nothing else is read, and
// nothing that others have to hide passes through here.

import { type KubernetesObject as ClientObject, ListWatch } from '@kubernetes/client-node';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import {
  type CredentialObject,
  type CredentialReference,
  keyOfReference,
  notReadYet,
} from '../credentials.ts';
import type { ApiClient } from './api-client.ts';
import { WatchAfterList } from './watch-after-list.ts';

const backoffShape = { firstMs: 250, maxMs: 10_000, jitter: 0.2 } as const;
/** Objects watched at most; what is beyond is told as such. */
const maxWatched = 1_000;

interface Watched {
  readonly informer: ListWatch<ClientObject>;
  readonly end: AbortController;
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
    const path = `/api/v1/namespaces/${namespace}/${kind === 'Secret' ? 'secrets' : 'configmaps'}`;
    const fieldSelector = `metadata.name=${name}`;
    const end = new AbortController();
    const changed = (object: CredentialObject | undefined): void => {
      watched.object = object;
      watched.problem = undefined;
      this.#onChange();
    };
    const informer = new ListWatch<ClientObject>(
      path,
      new WatchAfterList(this.#client.config, end.signal, () => {
        if (watched.problem === undefined) return;
        watched.problem = undefined;
        this.#onChange();
      }),
      async () => {
        const { items, resourceVersion } = await this.#client.list(path, { fieldSelector });
        return {
          apiVersion: 'v1',
          kind: `${kind}List`,
          metadata: { resourceVersion },
          items,
        } as never;
      },
      false,
      undefined,
      fieldSelector,
    );
    const watched: Watched = { informer, end, object: undefined, problem: notReadYet };
    informer.on('add', (object) => changed(object as unknown as CredentialObject));
    informer.on('update', (object) => changed(object as unknown as CredentialObject));
    informer.on('delete', () => changed(undefined));
    const backoff = new Backoff(backoffShape, this.#clock);
    informer.on('change', () => backoff.reset());
    informer.on(
      'error',
      (error: unknown) => void this.#restart(reference, watched, backoff, error),
    );
    void informer.start();
    return watched;
  }

  async #restart(
    reference: CredentialReference,
    watched: Watched,
    backoff: Backoff,
    error: unknown,
  ): Promise<void> {
    const { end, informer } = watched;
    if (end.signal.aborted) return;
    const object = keyOfReference(reference);
    this.#log.warn({ code: 'AMB1621', object }, `watch ended: ${causeChain(error)}`);
    // What is known stays in force; only what never was is told.
    if (watched.problem !== undefined) {
      watched.problem = `cannot be read: ${causeChain(error)}`;
      this.#onChange();
    }
    try {
      await backoff.wait(end.signal);
      await informer.start();
    } catch (failure) {
      // Waiting rejects when nobody needs it any more; the informer reports its own failures.
      if (!end.signal.aborted) this.#log.error({ code: 'AMB1621', object }, causeChain(failure));
    }
  }
}

async function stop({ informer, end }: Watched): Promise<void> {
  end.abort();
  await informer.stop();
}
