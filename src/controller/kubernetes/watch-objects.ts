// Lists and watches every kind into the tables. The client library's informer stops for good at most
// errors (style section 3.6), so each is started again here, with back-off and a line in the log.

import { type KubernetesObject as ClientObject, ListWatch } from '@kubernetes/client-node';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { collectionPath, type KindName, kindNames, kindPlaces } from '../kinds/kinds.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import type { ObjectTables } from '../objects.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import { WatchAfterList } from './watch-after-list.ts';

const backoffShape = { firstMs: 100, maxMs: 2000, jitter: 0.2 } as const;
/** How often a kind without a definition is looked for again. */
const missingKindMs = 2000;

/** The library types dates as Date; objects here are plain JSON, as the API sends them. */
type Informer = ListWatch<ClientObject>;

/** Keeps the tables up to date until it is disposed. */
export class ObjectWatcher implements AsyncDisposable {
  readonly #client: ApiClient;
  readonly #tables: ObjectTables;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #end = new AbortController();
  readonly #informers: Informer[] = [];
  readonly #unsynced = new Set<KindName>(kindNames);
  readonly #listed = new Set<KindName>();
  readonly #synced: Promise<void>;
  #resolveSynced: () => void = () => {};

  constructor(client: ApiClient, tables: ObjectTables, clock: Clock, log: Logger) {
    this.#client = client;
    this.#tables = tables;
    this.#clock = clock;
    this.#log = log;
    this.#synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
  }

  /** Starts all watches at once; resolves when every kind has been listed, or is not served. */
  async start(): Promise<void> {
    for (const kind of kindNames) this.#watch(kind);
    await this.#synced;
  }

  /** Whether the tables have had all objects of a kind: one that is missing there does not exist. */
  isListed(kind: KindName): boolean {
    return this.#listed.has(kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  #watch(kind: KindName): void {
    const { labelSelector, fieldSelector } = kindPlaces[kind];
    const path = collectionPath(kind);
    const informer: Informer = new ListWatch(
      path,
      new WatchAfterList(this.#client.config, this.#end.signal, () => {
        this.#listed.add(kind);
        this.#markSynced(kind);
      }),
      async () => {
        const { items, resourceVersion } = await this.#client.list(path, {
          labelSelector,
          fieldSelector,
        });
        const apiVersion = versionOf(kind);
        for (const item of items) Object.assign(item, { kind, apiVersion });
        return { apiVersion, kind: `${kind}List`, metadata: { resourceVersion }, items } as never;
      },
      false,
      labelSelector,
      fieldSelector,
    );
    this.#informers.push(informer);
    const backoff = new Backoff(backoffShape, this.#clock);
    informer.on('add', (object) => this.#tables.set(kind, plain(object)));
    informer.on('update', (object) => this.#tables.set(kind, plain(object)));
    informer.on('delete', (object) => this.#tables.delete(kind, plain(object)));
    informer.on('change', () => backoff.reset());
    informer.on('error', (error: unknown) => {
      void this.#restart(kind, informer, backoff, error);
    });
    void informer.start();
  }

  #markSynced(kind: KindName): void {
    if (!this.#unsynced.delete(kind)) return;
    if (this.#unsynced.size === 0) this.#resolveSynced();
  }

  async #restart(
    kind: KindName,
    informer: Informer,
    backoff: Backoff,
    error: unknown,
  ): Promise<void> {
    const { signal } = this.#end;
    if (signal.aborted) return;
    try {
      if (isMissing(error)) {
        const first = this.#unsynced.has(kind);
        this.#markSynced(kind);
        if (first) {
          this.#log.warn(
            { code: 'AMB1623', kind },
            `the API does not serve ${kind}; looking again`,
          );
        }
        await this.#clock.wait(missingKindMs, signal);
      } else {
        this.#log.warn({ code: 'AMB1621', kind }, `watch of ${kind} ended: ${causeChain(error)}`);
        await backoff.wait(signal);
      }
      await informer.start();
    } catch (failure) {
      // Waiting rejects when this object is disposed; the informer reports its own failures.
      if (!signal.aborted) this.#log.error({ code: 'AMB1621', kind }, causeChain(failure));
    }
  }
}

function plain(object: ClientObject): KubernetesObject {
  return object as unknown as KubernetesObject;
}

function isMissing(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 404;
  return (error as { statusCode?: number } | undefined)?.statusCode === 404;
}

function versionOf(kind: KindName): string {
  const { group, version } = kindPlaces[kind];
  return group === '' ? version : `${group}/${version}`;
}
