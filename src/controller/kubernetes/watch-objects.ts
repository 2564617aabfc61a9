// Lists and watches every kind into the tables, reduced to what is read of it.

import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { collectionPath, type KindName, kindNames, kindPlaces } from '../kinds/kinds.ts';
import type { ObjectTables } from '../objects.ts';
import type { ApiClient } from './api-client.ts';
import { ListAndWatch, type WatchTrouble } from './list-and-watch.ts';
import { reduced } from './reduce-objects.ts';

/** What an ObjectWatcher is made of. */
export interface ObjectWatcherParts {
  readonly client: ApiClient;
  readonly tables: ObjectTables;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name of the ConfigMap with the mesh's configuration. */
  readonly meshConfigName: string;
  /** Counts interruptions. */
  readonly onTrouble: (kind: KindName, trouble: WatchTrouble) => void;
}

/** Keeps the tables up to date until it is disposed. */
export class ObjectWatcher implements AsyncDisposable {
  readonly #parts: ObjectWatcherParts;
  readonly #watches: ListAndWatch[] = [];
  readonly #unsynced = new Set<KindName>(kindNames);
  readonly #listed = new Set<KindName>();
  /** What is wrong with a kind now; told once, not with every attempt. */
  readonly #troubles = new Map<KindName, WatchTrouble>();
  readonly #synced: Promise<void>;
  #resolveSynced: () => void = () => {};

  constructor(parts: ObjectWatcherParts) {
    this.#parts = parts;
    this.#synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
  }

  /** Starts all watches at once; resolves when every kind has been listed, or is not served. A kind that may
   * not be read keeps this waiting: without its policies, what is published would be open. */
  async start(): Promise<void> {
    for (const kind of kindNames) this.#watch(kind);
    await this.#synced;
  }

  /** Whether the tables have had all objects of a kind: one that is missing there does not exist. */
  isListed(kind: KindName): boolean {
    return this.#listed.has(kind);
  }

  /** Kinds that are interrupted now, and by what. */
  get troubles(): ReadonlyMap<KindName, WatchTrouble> {
    return this.#troubles;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch[Symbol.asyncDispose]()));
  }

  #watch(kind: KindName): void {
    const { client, tables, clock, meshConfigName } = this.#parts;
    const { labelSelector, group, version } = kindPlaces[kind];
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const selectors =
      kind === 'MeshConfig'
        ? { fieldSelector: `metadata.name=${meshConfigName}` }
        : { labelSelector };
    this.#watches.push(
      new ListAndWatch({
        client,
        clock,
        path: collectionPath(kind),
        selectors,
        // Lists leave out what kind their items are.
        onSet: (object) => tables.set(kind, reduced(kind, { ...object, apiVersion, kind })),
        onDelete: (key) => tables.delete(kind, key),
        onWatching: () => this.#troubles.delete(kind),
        onListed: () => {
          this.#listed.add(kind);
          this.#markSynced(kind);
        },
        onTrouble: (trouble, reason) => this.#note(kind, trouble, reason),
      }),
    );
  }

  #markSynced(kind: KindName): void {
    if (!this.#unsynced.delete(kind)) return;
    if (this.#unsynced.size === 0) this.#resolveSynced();
  }

  #note(kind: KindName, trouble: WatchTrouble, reason: string): void {
    const { log, onTrouble } = this.#parts;
    onTrouble(kind, trouble);
    if (trouble === 'unserved') this.#markSynced(kind);
    const isNews = this.#troubles.get(kind) !== trouble;
    this.#troubles.set(kind, trouble);
    switch (trouble) {
      case 'unserved':
        if (!isNews) return;
        log.warn({ code: 'AMB1623', kind }, `the API does not serve ${kind}; looking again`);
        return;
      case 'forbidden':
        if (!isNews) return;
        log.error({ code: 'AMB1660', kind }, `${kind} may not be read: ${reason}`);
        return;
      case 'malformed':
        log.error({ code: 'AMB1668', kind }, `listing ${kind} again: ${reason}`);
        return;
      case 'expired':
      case 'silent':
        log.debug({ kind, trouble }, `watch of ${kind}: ${reason}`);
        return;
      default:
        log.warn({ code: 'AMB1621', kind }, `watch of ${kind} ended: ${reason}`);
    }
  }
}
