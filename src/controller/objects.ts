// The watched tables: every object as read, by kind. The only state that translation starts from.

import type { KindName, KindTypes } from './kinds/kinds.ts';
import { type KubernetesObject, keyOf, objectKey } from './kinds/object.ts';

/** What translation reads. */
export interface ObjectSource {
  /** All objects of a kind, in no particular order. */
  list<Kind extends KindName>(kind: Kind): readonly KindTypes[Kind][];
  /** One object; `namespace` is undefined for cluster-wide kinds. */
  get<Kind extends KindName>(
    kind: Kind,
    namespace: string | undefined,
    name: string,
  ): KindTypes[Kind] | undefined;
}

/** Tables of objects, with one listener for changes. */
export class ObjectTables implements ObjectSource {
  readonly #tables = new Map<KindName, Map<string, KubernetesObject>>();
  readonly #onChange: (kind: KindName, object: KubernetesObject) => void;

  constructor(onChange: (kind: KindName, object: KubernetesObject) => void = () => {}) {
    this.#onChange = onChange;
  }

  list<Kind extends KindName>(kind: Kind): readonly KindTypes[Kind][] {
    return [...(this.#tables.get(kind)?.values() ?? [])] as KindTypes[Kind][];
  }

  get<Kind extends KindName>(
    kind: Kind,
    namespace: string | undefined,
    name: string,
  ): KindTypes[Kind] | undefined {
    const found = this.#tables.get(kind)?.get(objectKey(namespace, name));
    return found as KindTypes[Kind] | undefined;
  }

  /** The tables as they are now, whatever changes later. */
  frozen(): ObjectSource {
    const copy = new ObjectTables();
    for (const [kind, table] of this.#tables) copy.#tables.set(kind, new Map(table));
    return copy;
  }

  /** Puts an object in the place of its older version. */
  set(kind: KindName, object: KubernetesObject): void {
    let table = this.#tables.get(kind);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(kind, table);
    }
    table.set(keyOf(object), object);
    this.#onChange(kind, object);
  }

  /** Forgets an object. */
  delete(kind: KindName, key: string): void {
    const table = this.#tables.get(kind);
    const object = table?.get(key);
    if (table?.delete(key) === true && object !== undefined) this.#onChange(kind, object);
  }
}
