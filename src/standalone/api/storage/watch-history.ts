// The recent changes of each kind, in memory and bounded, and whoever follows them. A reader whose
// position is older than what is kept has to list again (410 in HTTP).

import type { ApiObject, KindName } from '../store.ts';

/** One change. `version` is the resource version that it made. */
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: ApiObject;
  /** What was there before; absent for ADDED. */
  readonly previous?: ApiObject;
}

/** Changes remembered per kind. */
const changesPerKind = 2_000;

interface Track {
  /** Oldest first. */
  changes: Change[];
  /** Positions from here on can be resumed. */
  floor: number;
  readonly listeners: Set<(change: Change) => void>;
}

/** Recent changes by kind, and their followers. */
export class WatchHistory {
  readonly #tracks = new Map<KindName, Track>();
  /** Where kinds begin that never changed since the start. */
  readonly #floors: ReadonlyMap<KindName, number>;
  readonly #limit: number;
  readonly #everywhere = new Set<(kind: KindName, change: Change) => void>();

  /** `floors`: per kind the last version before the start. */
  constructor(floors: ReadonlyMap<KindName, number>, limit: number = changesPerKind) {
    this.#floors = floors;
    this.#limit = limit;
  }

  /** Remembers a change and tells its followers, in the same turn. */
  record(kind: KindName, change: Change): void {
    const track = this.#track(kind);
    track.changes.push(change);
    if (track.changes.length > this.#limit * 2) {
      const dropped = track.changes.length - this.#limit;
      track.floor = track.changes[dropped - 1]?.version ?? track.floor;
      track.changes = track.changes.slice(dropped);
    }
    for (const listener of track.listeners) listener(change);
    for (const listener of this.#everywhere) listener(kind, change);
  }

  /** The changes after `version`, or `expired` when some of them are forgotten. */
  since(kind: KindName, version: number): readonly Change[] | 'expired' {
    const track = this.#track(kind);
    if (version < track.floor) return 'expired';
    return track.changes.filter((change) => change.version > version);
  }

  /** Calls back for every change from now on. */
  follow(kind: KindName, listener: (change: Change) => void): Disposable {
    const { listeners } = this.#track(kind);
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Calls back for every change of every kind from now on. */
  followAll(listener: (kind: KindName, change: Change) => void): Disposable {
    this.#everywhere.add(listener);
    return { [Symbol.dispose]: () => void this.#everywhere.delete(listener) };
  }

  #track(kind: KindName): Track {
    let track = this.#tracks.get(kind);
    if (track === undefined) {
      track = { changes: [], floor: this.#floors.get(kind) ?? 0, listeners: new Set() };
      this.#tracks.set(kind, track);
    }
    return track;
  }
}
