// An object store in memory for tests of what stands on it: versions, watches that tell what exists and
// then every change, never from within a call. No schemas and no garbage collection.

import { copyJson } from '../../src/standalone/api/json.ts';
import type {
  ApiObject,
  DeleteOptions,
  KindName,
  ListOptions,
  ObjectStore,
  WatchEvent,
} from '../../src/standalone/api/store.ts';

const kindNames: Record<string, KindName> = {
  Pod: 'pods',
  Node: 'nodes',
  Service: 'services',
  Namespace: 'namespaces',
  EndpointSlice: 'discovery.k8s.io/endpointslices',
  Deployment: 'apps/deployments',
  ReplicaSet: 'apps/replicasets',
  DaemonSet: 'apps/daemonsets',
};

interface Watcher {
  readonly kind: KindName;
  readonly onEvent: (event: WatchEvent) => void;
}

export class MemoryStore implements ObjectStore {
  readonly #objects = new Map<string, ApiObject>();
  readonly #watchers = new Set<Watcher>();
  #version = 0;

  get(kind: KindName, namespace: string, name: string): ApiObject | undefined {
    const found = this.#objects.get(`${kind}/${namespace}/${name}`);
    return found === undefined ? undefined : copyJson(found);
  }

  list(kind: KindName, options: ListOptions = {}): ApiObject[] {
    const wanted = Object.entries(options.labelSelector ?? {});
    return [...this.#objects]
      .filter(
        ([key]) =>
          key.startsWith(`${kind}/`) && key.split('/').length === kind.split('/').length + 2,
      )
      .map(([, object]) => copyJson(object))
      .filter(
        ({ metadata }) =>
          options.namespace === undefined || metadata.namespace === options.namespace,
      )
      .filter(({ metadata }) => wanted.every(([name, value]) => metadata.labels?.[name] === value));
  }

  create(object: ApiObject): ApiObject {
    const made = copyJson(object);
    const { metadata } = made;
    const number = ++this.#version;
    if (metadata.name === '' || metadata.name === undefined) {
      metadata.name = `${metadata.generateName ?? ''}${number.toString(36).padStart(5, '0')}`;
    }
    if (this.#objects.has(this.#keyOf(made))) throw new Error(`${metadata.name} already exists`);
    metadata.uid = `uid-${number}`;
    metadata.resourceVersion = String(number);
    metadata.generation = 1;
    metadata.creationTimestamp ??= new Date(1_700_000_000_000 + number * 1_000).toISOString();
    this.#put(made, 'ADDED');
    return copyJson(made);
  }

  update(object: ApiObject): ApiObject {
    return this.#change(object, (current) => ({
      ...copyJson(object),
      status: current.status,
      metadata: {
        ...copyJson(object.metadata),
        generation: (current.metadata.generation ?? 0) + 1,
      },
    }));
  }

  updateStatus(object: ApiObject): ApiObject {
    return this.#change(object, (current) => ({ ...current, status: copyJson(object.status) }));
  }

  mergePatch(kind: KindName, namespace: string, name: string, patch: object): ApiObject {
    const current = this.get(kind, namespace, name);
    if (current === undefined) throw new Error(`${name} not found`);
    const merged = merge(current, patch) as ApiObject;
    return this.#change(merged, () => merged);
  }

  apply(object: ApiObject): ApiObject {
    const { namespace = '', name } = object.metadata;
    const kind = kindNames[object.kind] ?? '';
    return this.get(kind, namespace, name) === undefined
      ? this.create(object)
      : this.mergePatch(kind, namespace, name, object);
  }

  delete(kind: KindName, namespace: string, name: string, _options?: DeleteOptions): void {
    const key = `${kind}/${namespace}/${name}`;
    const object = this.#objects.get(key);
    if (object === undefined) throw new Error(`${name} not found`);
    this.#objects.delete(key);
    this.#tell({ type: 'DELETED', object: copyJson(object) });
  }

  watch(kind: KindName, onEvent: (event: WatchEvent) => void): Disposable {
    const watcher = { kind, onEvent };
    for (const object of this.list(kind)) {
      queueMicrotask(() => this.#watchers.has(watcher) && onEvent({ type: 'ADDED', object }));
    }
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) };
  }

  #change(object: ApiObject, make: (current: ApiObject) => ApiObject): ApiObject {
    const current = this.#objects.get(this.#keyOf(object));
    if (current === undefined) throw new Error(`${object.metadata.name} not found`);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion) {
      throw new Error(`${object.metadata.name} was changed meanwhile`);
    }
    const made = make(copyJson(current));
    made.metadata.resourceVersion = String(++this.#version);
    this.#put(made, 'MODIFIED');
    return copyJson(made);
  }

  #put(object: ApiObject, type: 'ADDED' | 'MODIFIED'): void {
    this.#objects.set(this.#keyOf(object), object);
    this.#tell({ type, object });
  }

  #tell(event: WatchEvent): void {
    const kind = kindNames[event.object.kind];
    const object = copyJson(event.object);
    for (const watcher of this.#watchers) {
      if (watcher.kind !== kind) continue;
      queueMicrotask(() => this.#watchers.has(watcher) && watcher.onEvent({ ...event, object }));
    }
  }

  #keyOf(object: ApiObject): string {
    const { namespace = '', name } = object.metadata;
    return `${kindNames[object.kind]}/${namespace}/${name}`;
  }
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}
