// Opens the state and what works on it, without any socket: kinds, first objects, collector.

import { randomUUID } from 'node:crypto';

import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { Collector } from './collect/collector.ts';
import { expireEvents } from './collect/event-expiry.ts';
import { builtInKinds } from './kinds/built-in.ts';
import { followDefinitions } from './kinds/custom-kinds.ts';
import { Registry } from './kinds/registry.ts';
import { LocalStore } from './local-store.ts';
import { ObjectTable } from './storage/object-table.ts';
import type { ObjectStore } from './store.ts';
import type { Core } from './writes/core.ts';

/** Where the state is and what it needs. */
export interface StoreOptions {
  /** The SQLite file; `:memory:` keeps nothing. */
  readonly databasePath: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An open store. Disposing it closes the state file. */
export interface OpenStore extends Disposable {
  readonly store: ObjectStore;
  readonly core: Core;
  /** A store whose writes are recorded under another field manager. */
  as(fieldManager: string): ObjectStore;
}

const firstNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Opens or makes the state. Throws AmbitError AMB1205 when the file cannot be read. */
export function openStore(options: StoreOptions): OpenStore {
  using building = new DisposableStack();
  const table = building.use(new ObjectTable(options.databasePath));
  const registry = new Registry(builtInKinds);
  building.use(followDefinitions(table, registry));
  const core: Core = { table, registry, clock: options.clock, newUid: randomUUID };
  building.use(new Collector(core, options.log));
  building.use(expireEvents(core));
  const onFailure = (error: unknown): void =>
    options.log.error({ error: causeChain(error) }, 'a follower of objects failed');
  const as = (fieldManager: string): ObjectStore => new LocalStore(core, fieldManager, onFailure);
  const store = as('ambit');
  for (const name of firstNamespaces) {
    if (store.get('namespaces', '', name) === undefined) {
      store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
  }
  const owned = building.move();
  return { store, core, as, [Symbol.dispose]: () => owned.dispose() };
}
