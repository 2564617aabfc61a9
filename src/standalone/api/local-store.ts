// The store as the parts in this process use it: each call goes through the same steps as a request
// over HTTP does, and answers copies.

import { badRequest } from './api-error.ts';
import { applyObject } from './apply/apply-object.ts';
import { copyJson } from './json.ts';
import type { Kind } from './kinds/kind.ts';
import { mergePatched } from './patch/merge-patch.ts';
import { fulfilsAll } from './selectors/label-selector.ts';
import type {
  ApiObject,
  DeleteOptions,
  KindName,
  ListOptions,
  ObjectStore,
  WatchEvent,
} from './store.ts';
import { changeObject, replaceObject } from './writes/change-object.ts';
import type { Core, Write } from './writes/core.ts';
import { createObject } from './writes/create-object.ts';
import { deleteObject } from './writes/delete-object.ts';
import { presentedForm } from './writes/stored-form.ts';

/** `ObjectStore` on a core. Callbacks that throw are reported to `onFailure`. */
export class LocalStore implements ObjectStore {
  readonly #core: Core;
  readonly #manager: string;
  readonly #onFailure: (error: unknown) => void;

  constructor(core: Core, manager: string, onFailure: (error: unknown) => void) {
    this.#core = core;
    this.#manager = manager;
    this.#onFailure = onFailure;
  }

  get(name: KindName, namespace: string, objectName: string): ApiObject | undefined {
    const kind = this.#kind(name);
    const found = this.#core.table.get({
      kind: kind.storedAs,
      namespace: kind.namespaced ? namespace : '',
      name: objectName,
    });
    return found === undefined ? undefined : this.#present(kind, found);
  }

  list(name: KindName, options: ListOptions = {}): ApiObject[] {
    const kind = this.#kind(name);
    const requirements = Object.entries(options.labelSelector ?? {}).map(([key, value]) => ({
      key,
      operator: 'In' as const,
      values: [value],
    }));
    return this.#core.table
      .list(kind.storedAs, kind.namespaced ? options.namespace : undefined)
      .filter((object) => fulfilsAll(requirements, object.metadata.labels ?? {}))
      .map((object) => this.#present(kind, object));
  }

  create(object: ApiObject): ApiObject {
    const write = this.#writeFor(object);
    return this.#present(write.kind, createObject(this.#core, write, copyJson(object)));
  }

  update(object: ApiObject): ApiObject {
    return this.#replace(object, undefined);
  }

  updateStatus(object: ApiObject): ApiObject {
    return this.#replace(object, 'status');
  }

  mergePatch(
    name: KindName,
    namespace: string,
    objectName: string,
    patch: object,
    subresource?: 'status',
  ): ApiObject {
    const kind = this.#kind(name);
    const write = this.#write(kind, kind.storageVersion, namespace, subresource);
    const wanted = (current: ApiObject): unknown => mergePatched(current, copyJson(patch));
    return this.#present(kind, changeObject(this.#core, write, objectName, { wanted }));
  }

  apply(
    object: ApiObject,
    fieldManager: string,
    fieldValidation: 'Ignore' | 'Strict' = 'Ignore',
  ): ApiObject {
    const write = { ...this.#writeFor(object), fieldManager, fieldValidation };
    const { name } = object.metadata;
    const applied = applyObject(this.#core, write, name, copyJson(object), { force: true });
    return this.#present(write.kind, applied.object);
  }

  delete(name: KindName, namespace: string, objectName: string, options: DeleteOptions = {}): void {
    const kind = this.#kind(name);
    const write = this.#write(kind, kind.storageVersion, namespace, undefined);
    deleteObject(this.#core, write, objectName, options);
  }

  watch(name: KindName, onEvent: (event: WatchEvent) => void): Disposable {
    const kind = this.#kind(name);
    const queue: (() => WatchEvent)[] = [];
    let scheduled: NodeJS.Immediate | undefined;
    const deliver = (): void => {
      scheduled = undefined;
      for (const make of queue.splice(0)) {
        if (ended) return;
        try {
          onEvent(make());
        } catch (error) {
          this.#onFailure(error);
        }
      }
    };
    let ended = false;
    const enqueue = (type: WatchEvent['type'], object: ApiObject): void => {
      queue.push(() => ({ type, object: this.#present(kind, object) }));
      scheduled ??= setImmediate(deliver);
    };
    for (const object of this.#core.table.list(kind.storedAs)) enqueue('ADDED', object);
    const following = this.#core.table.history.follow(kind.storedAs, ({ type, object }) =>
      enqueue(type, object),
    );
    return {
      [Symbol.dispose]: () => {
        ended = true;
        following[Symbol.dispose]();
        clearImmediate(scheduled);
      },
    };
  }

  #replace(object: ApiObject, subresource: 'status' | undefined): ApiObject {
    const write = { ...this.#writeFor(object), subresource };
    const { name } = object.metadata;
    return this.#present(write.kind, replaceObject(this.#core, write, name, copyJson(object)));
  }

  #present(kind: Kind, object: ApiObject): ApiObject {
    return copyJson(presentedForm(kind, kind.storageVersion, object));
  }

  #kind(name: KindName): Kind {
    const kind = this.#core.registry.byName(name);
    if (kind === undefined) throw badRequest('AMB1207', `no kind ${name} is served`);
    return kind;
  }

  #writeFor(object: ApiObject): Write {
    const kind = this.#core.registry.byKind(object.apiVersion, object.kind);
    if (kind === undefined) {
      throw badRequest('AMB1207', `no kind ${object.kind} in ${object.apiVersion} is served`);
    }
    const slash = object.apiVersion.indexOf('/');
    const version = object.apiVersion.slice(slash + 1);
    return this.#write(kind, version, object.metadata.namespace ?? 'default', undefined);
  }

  #write(kind: Kind, version: string, namespace: string, subresource: 'status' | undefined): Write {
    return {
      kind,
      version,
      namespace: kind.namespaced ? namespace : '',
      fieldManager: this.#manager,
      dryRun: false,
      fieldValidation: 'Ignore',
      subresource,
      warn: () => {},
    };
  }
}
