// All objects in memory, written through to the state file, under one resource version counter.
// Objects in here are never changed in place: a write puts a new one.

import type { ApiObject, KindName } from '../store.ts';
import { Database } from './database.ts';
import { WatchHistory } from './watch-history.ts';

/** Where an object is. */
export interface ObjectKey {
  readonly kind: KindName;
  readonly namespace: string;
  readonly name: string;
}

/** The one place that holds and changes objects. */
export class ObjectTable implements Disposable {
  readonly history: WatchHistory;
  readonly #database: Database;
  readonly #kinds = new Map<KindName, Map<string, ApiObject>>();
  /** Owner uid to the objects that name it. */
  readonly #dependents = new Map<string, Map<ApiObject, KindName>>();
  #version = 1;

  /** Loads the state file at `path`. Throws AMB1205. */
  constructor(path: string) {
    this.#database = new Database(path);
    const floors = new Map<KindName, number>();
    for (const { kind, version } of this.#database.versions()) {
      floors.set(kind, version);
      this.#version = Math.max(this.#version, version);
    }
    for (const { kind, body } of this.#database.rows()) {
      this.#place(kind, JSON.parse(body) as ApiObject);
    }
    this.history = new WatchHistory(floors);
  }

  /** The version of the latest change. */
  get version(): number {
    return this.#version;
  }

  get(key: ObjectKey): ApiObject | undefined {
    return this.#kinds.get(key.kind)?.get(pathOf(key.namespace, key.name));
  }

  /** Sorted by namespace and name, as Kubernetes lists. */
  list(kind: KindName, namespace?: string): ApiObject[] {
    const all = [...(this.#kinds.get(kind) ?? new Map<string, ApiObject>()).entries()];
    const wanted =
      namespace === undefined ? all : all.filter(([path]) => path.startsWith(`${namespace}/`));
    return wanted.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, object]) => object);
  }

  /** The kinds that have objects. */
  kinds(): KindName[] {
    return [...this.#kinds].filter(([, objects]) => objects.size > 0).map(([kind]) => kind);
  }

  /** The objects that name `uid` as an owner. */
  dependents(uid: string): { kind: KindName; object: ApiObject }[] {
    return [...(this.#dependents.get(uid) ?? [])].map(([object, kind]) => ({ kind, object }));
  }

  /** Stores an object under the next version, which the answer carries. The argument is taken over. */
  put(kind: KindName, object: ApiObject): ApiObject {
    const version = this.#version + 1;
    object.metadata.resourceVersion = String(version);
    const { namespace = '', name } = object.metadata;
    const previous = this.get({ kind, namespace, name });
    this.#database.write({ kind, namespace, name, body: JSON.stringify(object) }, version);
    this.#version = version;
    if (previous !== undefined) this.#unlink(previous);
    this.#place(kind, object);
    this.history.record(kind, {
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      version,
      object,
      ...(previous === undefined ? {} : { previous }),
    });
    return object;
  }

  /** Removes an object; the answer is its last state under the version of the removal. */
  remove(kind: KindName, object: ApiObject): ApiObject {
    const version = this.#version + 1;
    const { namespace = '', name } = object.metadata;
    const previous = this.get({ kind, namespace, name }) ?? object;
    this.#database.write({ kind, namespace, name, body: null }, version);
    this.#version = version;
    this.#unlink(previous);
    this.#kinds.get(kind)?.delete(pathOf(namespace, name));
    const last = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    };
    this.history.record(kind, { type: 'DELETED', version, object: last, previous });
    return last;
  }

  #place(kind: KindName, object: ApiObject): void {
    let objects = this.#kinds.get(kind);
    if (objects === undefined) {
      objects = new Map();
      this.#kinds.set(kind, objects);
    }
    objects.set(pathOf(object.metadata.namespace ?? '', object.metadata.name), object);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      let dependents = this.#dependents.get(uid);
      if (dependents === undefined) {
        dependents = new Map();
        this.#dependents.set(uid, dependents);
      }
      dependents.set(object, kind);
    }
  }

  #unlink(object: ApiObject): void {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(object);
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }
}

function pathOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
