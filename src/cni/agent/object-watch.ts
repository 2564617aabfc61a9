// A mirror of the API's objects of one kind: listed, then watched, and listed again after expiry or
// any failure. The client library's own cache stops for good at any error but expiry, hence this
// loop.

import { type KubeConfig, type KubernetesObject, Watch } from '@kubernetes/client-node';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

/** A watch that lived this long was a good one; shorter ones are waited out. */
const longWatchMs = 1_000;
const retryShape = { firstMs: 100, maxMs: 10_000, jitter: 0.3 };

/** Which objects to mirror. */
export interface ObjectKind<T> {
  /** For messages: `pods`. */
  readonly name: string;
  /** The path of the collection: `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly list: () => Promise<{ items: T[]; metadata?: { resourceVersion?: string } }>;
}

/** Hears of every change, in order. `object` is undefined when it was deleted; `previous` when it
 * is new. An object that was replaced by a new one of its name is first deleted. */
export type ObjectListener<T> = (object: T | undefined, previous: T | undefined) => void;

export interface ObjectWatchOptions<T> {
  readonly config: KubeConfig;
  readonly kind: ObjectKind<T>;
  readonly onChange: ObjectListener<T>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running mirror. */
export class ObjectWatch<T extends KubernetesObject> implements AsyncDisposable {
  readonly #options: ObjectWatchOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #closing = new AbortController();
  readonly #listed = Promise.withResolvers<void>();
  readonly #done: Promise<void>;
  /** Where the next watch goes on; empty when the objects have to be listed first. */
  #version = '';

  /** Starts at once. */
  constructor(options: ObjectWatchOptions<T>) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Resolves when the objects have been listed for the first time. */
  get listed(): Promise<void> {
    return this.#listed.promise;
  }

  /** The object of a name, as last seen. */
  get(name: string, namespace = ''): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  /** All objects, as last seen. */
  list(): T[] {
    return [...this.#objects.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { clock, kind, log } = this.#options;
    const { signal } = this.#closing;
    const backoff = new Backoff(retryShape, clock);
    while (!signal.aborted) {
      try {
        if (this.#version === '') await this.#list();
        this.#listed.resolve();
        const start = clock.monotonic();
        await this.#watch(signal);
        if (clock.monotonic() - start > longWatchMs) backoff.reset();
        else await backoff.wait(signal);
      } catch (cause) {
        if (signal.aborted) return;
        this.#version = '';
        const error = new AmbitError('AMB1311', `watching ${kind.name} failed`, { cause });
        log.warn({ code: error.code, error: causeChain(error) }, 'watch failed; listing again');
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }

  async #list(): Promise<void> {
    const { items, metadata } = await this.#options.kind.list();
    const seen = new Set(items.map(keyOf));
    for (const [key, object] of this.#objects) if (!seen.has(key)) this.#remove(key, object);
    for (const item of items) this.#set(item);
    this.#version = metadata?.resourceVersion ?? '';
  }

  /** Follows changes until the connection ends.
   * @throws what ended it, unless that was the server's or the client's time limit */
  async #watch(signal: AbortSignal): Promise<void> {
    const { config, kind } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let failure: unknown;
    const query = {
      resourceVersion: this.#version,
      allowWatchBookmarks: true,
      fieldSelector: kind.fieldSelector,
    };
    const onEvent = (type: string, object: T): void => {
      // The client swallows what its callback throws.
      try {
        if (type === 'ERROR') throw new Error(`the API server ended the watch: ${words(object)}`);
        this.#apply(type, object);
      } catch (error) {
        failure ??= error;
      }
    };
    const onDone = (error: unknown): void => {
      const late = error instanceof Error && error.name === 'TimeoutError';
      if (error == null || late) resolve();
      else reject(error);
    };
    const request = await new Watch(config).watch(kind.path, query, onEvent, onDone);
    const abort = (): void => request.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    if (failure !== undefined) throw failure;
  }

  #apply(type: string, object: T): void {
    if (type === 'DELETED') this.#remove(keyOf(object), object);
    else if (type !== 'BOOKMARK') this.#set(object);
    this.#version = object.metadata?.resourceVersion ?? this.#version;
  }

  #set(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata?.uid !== object.metadata?.uid) {
      this.#remove(key, previous);
    }
    const current = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#options.onChange(object, current);
  }

  #remove(key: string, last: T): void {
    this.#objects.delete(key);
    this.#options.onChange(undefined, last);
  }
}

function keyOf(object: KubernetesObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}

function words(status: object): string {
  const message: unknown = Reflect.get(status, 'message');
  return typeof message === 'string' ? message : 'no reason given';
}
