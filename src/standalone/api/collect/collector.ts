// The garbage collector: dependents follow their owners, and contents follow their namespace or their
// definition. It works off a queue after the write that gave rise to the work.

import { causeChain, codeOf } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import { definitionsKind, nameOf } from '../kinds/custom-kinds.ts';
import { cleanupFinalizer } from '../rules/custom-resource-definitions.ts';
import type { Change } from '../storage/watch-history.ts';
import type { ApiObject, DeleteOptions, KindName, OwnerReference } from '../store.ts';
import { changeObject } from '../writes/change-object.ts';
import type { Core, Write } from '../writes/core.ts';
import { deleteObject, foregroundFinalizer, orphanFinalizer } from '../writes/delete-object.ts';

/** Between attempts at work that failed. */
const retryMs = 1_000;

/** Follows every change and finishes deletions. */
export class Collector implements Disposable {
  readonly #core: Core;
  readonly #log: Logger;
  readonly #following: Disposable;
  #queue: (() => void)[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  readonly #ending = new AbortController();

  /** Takes up what an earlier process left unfinished. */
  constructor(core: Core, log: Logger) {
    this.#core = core;
    this.#log = log;
    this.#following = core.table.history.followAll((kind, change) =>
      this.#noteChange(kind, change),
    );
    for (const kind of core.table.kinds()) {
      for (const object of core.table.list(kind)) this.#takeUp(kind, object);
    }
  }

  [Symbol.dispose](): void {
    this.#following[Symbol.dispose]();
    clearImmediate(this.#scheduled);
    this.#ending.abort();
    this.#queue = [];
  }

  #noteChange(kind: KindName, change: Change): void {
    const { type, object } = change;
    if (type === 'DELETED') {
      this.#later(() => this.#afterRemoval(object));
    } else if (object.metadata.deletionTimestamp !== undefined) {
      this.#later(() => this.#finish(kind, object));
    } else if (type === 'ADDED' && object.metadata.ownerReferences !== undefined) {
      this.#later(() => this.#collectIfOwnerless(kind, object));
    }
  }

  #takeUp(kind: KindName, object: ApiObject): void {
    if (object.metadata.deletionTimestamp !== undefined) {
      this.#later(() => this.#finish(kind, object));
    } else if (object.metadata.ownerReferences !== undefined) {
      this.#later(() => this.#collectIfOwnerless(kind, object));
    }
  }

  #later(work: () => void): void {
    this.#queue.push(work);
    this.#scheduled ??= setImmediate(() => this.#workOff());
  }

  #workOff(): void {
    this.#scheduled = undefined;
    const work = this.#queue;
    this.#queue = [];
    for (const one of work) {
      try {
        one();
      } catch (error) {
        this.#log.warn(
          { code: codeOf(error), error: causeChain(error) },
          'an object could not be collected yet',
        );
        this.#again(one);
      }
    }
  }

  /** Tries once more a little later: the disk may have been full. */
  #again(work: () => void): void {
    this.#core.clock.wait(retryMs, this.#ending.signal).then(
      () => this.#later(work),
      () => {
        // The collector was closed meanwhile.
      },
    );
  }

  #afterRemoval(removed: ApiObject): void {
    const { uid, namespace } = removed.metadata;
    for (const { kind, object } of this.#core.table.dependents(uid ?? '')) {
      this.#collectIfOwnerless(kind, object);
    }
    for (const reference of removed.metadata.ownerReferences ?? []) {
      const owner = this.#owner(reference, namespace ?? '');
      if (owner === 'elsewhere' || owner?.object.metadata.deletionTimestamp === undefined) continue;
      this.#finish(owner.kind, owner.object);
    }
    if (namespace !== undefined) {
      const found = this.#core.table.get({ kind: 'namespaces', namespace: '', name: namespace });
      if (found?.metadata.deletionTimestamp !== undefined) this.#finish('namespaces', found);
    }
    for (const definition of this.#core.table.list(definitionsKind)) {
      if (definition.metadata.deletionTimestamp === undefined) continue;
      this.#finish(definitionsKind, definition);
    }
  }

  /** The object that a reference means, if it is still that one. Kinds that are not served here may
   * have their objects elsewhere. */
  #owner(
    reference: OwnerReference,
    namespace: string,
  ): { kind: KindName; object: ApiObject } | 'elsewhere' | undefined {
    const kind = this.#core.registry.byKind(reference.apiVersion, reference.kind);
    if (kind === undefined) return 'elsewhere';
    const object = this.#core.table.get({
      kind: kind.storedAs,
      namespace: kind.namespaced ? namespace : '',
      name: reference.name,
    });
    if (object?.metadata.uid !== reference.uid) return undefined;
    return { kind: kind.storedAs, object };
  }

  /** Moves a marked object one step nearer to its end. */
  #finish(kind: KindName, marked: ApiObject): void {
    const { namespace = '', name } = marked.metadata;
    const object = this.#core.table.get({ kind, namespace, name });
    if (object === undefined || object.metadata.uid !== marked.metadata.uid) return;
    const finalizers = object.metadata.finalizers ?? [];
    if (kind === 'namespaces') this.#emptyNamespace(object);
    else if (kind === definitionsKind && finalizers.includes(cleanupFinalizer)) {
      this.#emptyDefinition(object);
    } else if (finalizers.includes(orphanFinalizer)) {
      this.#releaseDependents(object);
      this.#dropFinalizer(kind, object, orphanFinalizer);
    } else if (finalizers.includes(foregroundFinalizer)) {
      this.#finishForeground(kind, object);
    }
  }

  #finishForeground(kind: KindName, owner: ApiObject): void {
    let blocking = 0;
    for (const dependent of this.#core.table.dependents(owner.metadata.uid ?? '')) {
      const { object } = dependent;
      const reference = object.metadata.ownerReferences?.find(
        (one) => one.uid === owner.metadata.uid,
      );
      if (object.metadata.deletionTimestamp === undefined) {
        this.#delete(dependent.kind, object, { propagationPolicy: 'Foreground' });
      }
      const { namespace = '', name } = object.metadata;
      const left = this.#core.table.get({ kind: dependent.kind, namespace, name });
      if (left !== undefined && reference?.blockOwnerDeletion === true) blocking++;
    }
    if (blocking === 0) this.#dropFinalizer(kind, owner, foregroundFinalizer);
  }

  #releaseDependents(owner: ApiObject): void {
    for (const { kind, object } of this.#core.table.dependents(owner.metadata.uid ?? '')) {
      this.#change(kind, object, (current) => {
        current.metadata.ownerReferences = current.metadata.ownerReferences?.filter(
          (one) => one.uid !== owner.metadata.uid,
        );
      });
    }
  }

  /** Deletes an object when none of its owners exists any more. */
  #collectIfOwnerless(kind: KindName, seen: ApiObject): void {
    const { namespace = '', name } = seen.metadata;
    const object = this.#core.table.get({ kind, namespace, name });
    const owners = object?.metadata.ownerReferences ?? [];
    if (object === undefined || owners.length === 0) return;
    if (object.metadata.deletionTimestamp !== undefined) return;
    const present = owners.filter((owner) => this.#owner(owner, namespace) !== undefined);
    if (present.length === 0) this.#delete(kind, object, { propagationPolicy: 'Background' });
  }

  #emptyNamespace(namespace: ApiObject): void {
    const { table } = this.#core;
    const inside = (): { kind: KindName; object: ApiObject }[] =>
      table
        .kinds()
        .flatMap((kind) =>
          table.list(kind, namespace.metadata.name).map((object) => ({ kind, object })),
        );
    for (const { kind, object } of inside()) {
      if (object.metadata.deletionTimestamp === undefined) this.#delete(kind, object, {});
    }
    if (inside().length > 0) return;
    const finalizers = namespace.metadata.finalizers ?? [];
    if (finalizers.length === 0) table.remove('namespaces', namespace);
    else if (JSON.stringify(namespace.spec) !== '{}') {
      table.put('namespaces', { ...namespace, metadata: { ...namespace.metadata }, spec: {} });
    }
  }

  #emptyDefinition(definition: ApiObject): void {
    const kind = nameOf(definition);
    for (const object of this.#core.table.list(kind)) {
      if (object.metadata.deletionTimestamp === undefined) this.#delete(kind, object, {});
    }
    if (this.#core.table.list(kind).length > 0) return;
    this.#dropFinalizer(definitionsKind, definition, cleanupFinalizer);
  }

  #dropFinalizer(kind: KindName, object: ApiObject, finalizer: string): void {
    this.#change(kind, object, (current) => {
      current.metadata.finalizers = current.metadata.finalizers?.filter((one) => one !== finalizer);
    });
  }

  #change(kind: KindName, object: ApiObject, edit: (current: ApiObject) => void): void {
    const write = this.#write(kind, object);
    if (write === undefined) return;
    changeObject(this.#core, write, object.metadata.name, {
      wanted: (current) => {
        edit(current);
        return current;
      },
    });
  }

  #delete(kind: KindName, object: ApiObject, options: DeleteOptions): void {
    const write = this.#write(kind, object);
    const { uid } = object.metadata;
    if (write === undefined) return;
    deleteObject(this.#core, write, object.metadata.name, {
      ...options,
      ...(uid === undefined ? {} : { uid }),
    });
  }

  #write(name: KindName, object: ApiObject): Write | undefined {
    const kind = this.#core.registry.byName(name);
    if (kind === undefined) return undefined;
    return {
      kind,
      version: kind.storageVersion,
      namespace: object.metadata.namespace ?? '',
      fieldManager: 'ambit-garbage-collector',
      dryRun: false,
      fieldValidation: 'Ignore',
      subresource: undefined,
      warn: () => {},
    };
  }
}
