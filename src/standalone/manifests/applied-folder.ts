// A folder of manifests, applied and followed: edits are applied, objects that vanish from it are removed,
// and what is wrong in a file stops nothing else.

import { createHash } from 'node:crypto';
import { type FSWatcher, readdirSync, readFileSync, watch } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ApiObject, ObjectStore } from '../api/store.ts';
import { applyObjects } from './apply-objects.ts';
import { builtInNames, customNames } from './kind-names.ts';
import { isManifestName, type ReadFile, type ReadObject, readManifests } from './read-manifests.ts';

/** On every object that came from a folder; its value stands for the folder. */
const originLabel = 'ambit.io/applied-from';
/** Editors write in several steps; the folder is read when they have been quiet for this long. */
const quietMs = 150;

export interface AppliedFolderOptions {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told whenever the folder was applied. */
  readonly onApplied: (outcome: FolderOutcome) => void;
}

export interface FolderOutcome {
  readonly applied: number;
  readonly removed: number;
  readonly problems: readonly AmbitError[];
}

/** Applies a folder and follows it until it is disposed. */
export class AppliedFolder implements Disposable {
  readonly #options: AppliedFolderOptions;
  readonly #label: string;
  readonly #ending = new AbortController();
  #watcher: FSWatcher | undefined;
  #round: Promise<void> = Promise.resolve();
  #wanted = false;

  constructor(options: AppliedFolderOptions) {
    this.#options = options;
    const digest = createHash('sha256').update(path.resolve(options.folder)).digest('hex');
    this.#label = digest.slice(0, 16);
  }

  /** Applies it once and starts following. @throws AmbitError AMB1106 when it cannot be read at all */
  async start(): Promise<FolderOutcome> {
    const { folder } = this.#options;
    const outcome = await this.#apply();
    this.#watcher = watch(folder, () => this.#changed());
    this.#watcher.on('error', (error) => {
      this.#options.log.error({ folder, error: causeChain(error) }, 'the folder is not followed');
    });
    return outcome;
  }

  [Symbol.dispose](): void {
    this.#ending.abort(new Error('the folder is no longer followed'));
    this.#watcher?.close();
  }

  #changed(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#round = this.#round.then(async () => {
      const { clock, onApplied, log, folder } = this.#options;
      try {
        await clock.wait(quietMs, this.#ending.signal);
        this.#wanted = false;
        onApplied(await this.#apply());
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        log.error({ folder, error: causeChain(error) }, 'the folder was not applied');
      }
    });
  }

  async #apply(): Promise<FolderOutcome> {
    const read = readFolder(this.#options.folder);
    const { store, clock } = this.#options;
    const labels = { [originLabel]: this.#label };
    const { unique, repeated } = withoutRepeats(read.objects);
    const result = await applyObjects(unique, {
      store,
      clock,
      labels,
      fieldManager: 'ambit-up',
      unknownFields: 'Strict',
      unknownKinds: 'report',
    });
    // A file that cannot be read now may hold any object: nothing is removed until it can.
    const removed = read.problems.length === 0 ? this.#prune(read) : 0;
    const problems = [...read.problems, ...repeated, ...result.problems];
    return { applied: result.objects.length, removed, problems };
  }

  #prune({ objects }: ReadFile): number {
    const { store } = this.#options;
    const wanted = new Set(objects.map(({ object }) => identity(object)));
    let removed = 0;
    for (const kind of [...customNames(store), ...builtInNames]) {
      const labelSelector = { [originLabel]: this.#label };
      for (const object of store.list(kind, { labelSelector })) {
        const owned = (object.metadata.ownerReferences ?? []).length > 0;
        const going = object.metadata.deletionTimestamp !== undefined;
        if (owned || going || wanted.has(identity(object))) continue;
        const { namespace = '', name } = object.metadata;
        store.delete(kind, namespace, name, { propagationPolicy: 'Background' });
        removed++;
      }
    }
    return removed;
  }
}

/** The first object of each identity, and what to say of the others. */
function withoutRepeats(objects: readonly ReadObject[]): {
  readonly unique: readonly ReadObject[];
  readonly repeated: readonly AmbitError[];
} {
  const first = new Map<string, ReadObject>();
  const repeated: AmbitError[] = [];
  for (const read of objects) {
    const key = identity(read.object);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, read);
    else {
      const { kind, metadata } = read.object;
      const problem = `${kind} ${metadata.name} is given in ${earlier.origin} already`;
      repeated.push(
        new AmbitError('AMB1118', problem, { object: read.origin, field: 'metadata.name' }),
      );
    }
  }
  return { unique: [...first.values()], repeated };
}

/** Kind, namespace and name; the version does not count. */
function identity({ apiVersion, kind, metadata }: ApiObject): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  const namespace = metadata.namespace ?? 'default';
  const place = kind === 'Namespace' || kind === 'CustomResourceDefinition' ? '' : namespace;
  return `${group}/${kind}/${place}/${metadata.name}`;
}

/** The manifests of a folder, in the order of file names; folders in it are not entered, as with
 * `kubectl apply -f`. @throws AmbitError AMB1106 */
export function readFolder(folder: string): ReadFile {
  const objects: ReadFile['objects'][number][] = [];
  const problems: AmbitError[] = [];
  for (const name of namesIn(folder)) {
    const file = path.join(folder, name);
    try {
      const read = readManifests(file, readFileSync(file, 'utf8'));
      objects.push(...read.objects);
      problems.push(...read.problems);
    } catch (error) {
      problems.push(new AmbitError('AMB1106', causeChain(error), { object: file, cause: error }));
    }
  }
  return { objects, problems };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && isManifestName(entry.name))
      .map(({ name }) => name)
      .toSorted();
  } catch (error) {
    throw new AmbitError('AMB1106', causeChain(error), { object: folder, cause: error });
  }
}
