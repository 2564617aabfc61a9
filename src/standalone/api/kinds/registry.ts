// The kinds that are served now: the built-in ones and those that CustomResourceDefinitions add.

import type { KindName } from '../store.ts';
import { type Kind, kindName, splitApiVersion } from './kind.ts';

/** Looks kinds up by resource and by apiVersion and kind. */
export class Registry {
  readonly #byName = new Map<KindName, Kind>();
  /** Group and kind, `Deployment.apps`. */
  readonly #byKind = new Map<string, Kind>();
  #revision = 0;

  constructor(builtIn: readonly Kind[]) {
    for (const kind of builtIn) this.add(kind);
  }

  /** Counts changes, so that documents made from the registry can be kept until it changes. */
  get revision(): number {
    return this.#revision;
  }

  /** Adds a kind, or replaces the one of its name. */
  add(kind: Kind): void {
    this.remove(kindName(kind));
    this.#byName.set(kindName(kind), kind);
    this.#byKind.set(`${kind.kind}.${kind.group}`, kind);
    this.#revision++;
  }

  remove(name: KindName): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    this.#byKind.delete(`${known.kind}.${known.group}`);
    this.#revision++;
  }

  byName(name: KindName): Kind | undefined {
    return this.#byName.get(name);
  }

  /** The kind of an object, when the version that its `apiVersion` names is served. */
  byKind(apiVersion: string, kind: string): Kind | undefined {
    const { group, version } = splitApiVersion(apiVersion);
    const found = this.#byKind.get(`${kind}.${group}`);
    return found?.versions.some((one) => one.version === version) === true ? found : undefined;
  }

  all(): Kind[] {
    return [...this.#byName.values()];
  }
}
