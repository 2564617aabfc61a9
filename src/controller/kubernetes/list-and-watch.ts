// Lists a collection and watches it from there on, for as long as it is wanted and whatever happens: the
// client library's informer ends for good at most errors, passes over what it cannot read, and follows
// a server that has gone back in time into silence.

import type { IncomingMessage } from 'node:http';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import { type KubernetesObject, objectKey } from '../kinds/object.ts';
import { type ApiClient, ApiError, type Selectors } from './api-client.ts';
import { LineCutter, readEvent, type WatchEvent } from './event-lines.ts';

/** After errors. Wide jitter: all kinds of all replicas come back after the same failure. */
const retryShape = { firstMs: 100, maxMs: 4_000, jitter: 0.5 } as const;
/** Before everything is listed again because the server no longer knows the version. */
const relistSpreadMs = 500;
/** How often a kind that the API does not serve is looked for. */
const missingShape = { firstMs: 2_000, maxMs: 10_000, jitter: 0.2 } as const;
/** How often permission is tried again: others are told of it, and nobody is in a hurry. */
const forbiddenShape = { firstMs: 1_000, maxMs: 15_000, jitter: 0.2 } as const;
/** After this long without a byte the connection counts as cut, and another goes on where it was. */
export const silenceMs = 30_000;
/** A watch that lasted so long counts as a success, and one so short as none. */
const steadyMs = 5_000;
const shortMs = 1_000;
/** How long the server is asked to let a watch run: spread, so that not all end together. */
const watchSeconds = { least: 290, spread: 290 } as const;
/** A kind that was not served so many times in a row is gone, and its objects with it. */
const missesUntilGone = 3;

/** Why a watch does not run. */
export type WatchTrouble =
  | 'failed'
  | 'expired'
  | 'went-back'
  | 'malformed'
  | 'silent'
  | 'unserved'
  | 'forbidden';

/** What is watched, and who is told. */
export interface WatchOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly path: string;
  readonly selectors: Selectors;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
  readonly onSet: (object: KubernetesObject) => void;
  /** The key of an object that is gone. */
  readonly onDelete: (key: string) => void;
  /** All that there is has been told; again after every list. */
  readonly onListed: () => void;
  /** Changes are being told, after a list or an interruption. */
  readonly onWatching?: () => void;
  /** The watch is interrupted; it goes on by itself. */
  readonly onTrouble: (trouble: WatchTrouble, reason: string) => void;
}

/** Ends one round of watching. */
class WatchEnd extends Error {
  readonly trouble: WatchTrouble;

  constructor(trouble: WatchTrouble, reason: string) {
    super(reason);
    this.trouble = trouble;
  }
}

/** One watched collection; runs from its making to its disposal. */
export class ListAndWatch implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #end = new AbortController();
  readonly #retry: Backoff;
  readonly #missing: Backoff;
  readonly #forbidden: Backoff;
  readonly #random: () => number;
  readonly #running: Promise<void>;
  /** Versions of all objects that were told of, by key. */
  #known = new Map<string, string | undefined>();
  /** Where to go on; undefined when everything is to be listed. */
  #version: string | undefined;
  /** Whether the server may be another than the one that gave the version. */
  #isVersionDoubtful = false;
  #misses = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const { clock } = options;
    this.#retry = new Backoff(retryShape, clock, this.#random);
    this.#missing = new Backoff(missingShape, clock, this.#random);
    this.#forbidden = new Backoff(forbiddenShape, clock, this.#random);
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        if (this.#isVersionDoubtful) await this.#checkVersion();
        this.#version ??= await this.#list();
        await this.#watch(this.#version);
      } catch (error) {
        if (signal.aborted) return;
        // Rejects only when this object is disposed.
        await this.#recover(error).catch(() => undefined);
      }
    }
  }

  async #list(): Promise<string> {
    const { client, path, selectors, onListed, onDelete } = this.#options;
    const seen = new Set<string>();
    const version = await client.list(
      path,
      selectors,
      (items) => {
        for (const item of items) {
          if (typeof item?.metadata?.name !== 'string') continue;
          seen.add(this.#set(item));
        }
      },
      { signal: this.#end.signal },
    );
    for (const key of this.#known.keys()) {
      if (seen.has(key)) continue;
      this.#known.delete(key);
      onDelete(key);
    }
    this.#misses = 0;
    this.#missing.reset();
    onListed();
    return version;
  }

  /** A server that was set back, as from a backup, would let a watch from its future wait for ever. */
  async #checkVersion(): Promise<void> {
    this.#isVersionDoubtful = false;
    if (this.#version === undefined) return;
    const { client, path, selectors } = this.#options;
    try {
      const { signal } = this.#end;
      const newest = await client.versionOf(path, selectors, { signal });
      if (newest !== '' && BigInt(newest) < BigInt(this.#version)) {
        throw new WatchEnd('went-back', `it is at ${newest}, and was at ${this.#version}`);
      }
    } catch (error) {
      // Versions that are no numbers cannot be compared: only a list tells.
      if (error instanceof SyntaxError) throw new WatchEnd('went-back', 'it names no versions');
      this.#isVersionDoubtful = !(error instanceof WatchEnd);
      throw error;
    }
  }

  async #watch(version: string): Promise<void> {
    const { client, path, selectors, clock, onWatching } = this.#options;
    const seconds = Math.round(watchSeconds.least + watchSeconds.spread * this.#random());
    const parameters = {
      resourceVersion: version,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
    };
    const { signal } = this.#end;
    const stream = await client.watch(path, selectors, parameters, signal);
    this.#forbidden.reset();
    onWatching?.();
    const done = new AbortController();
    const beganAt = clock.monotonic();
    let lastByte = beganAt;
    const silence = this.#awaitSilence(done.signal, () => lastByte);
    try {
      await Promise.race([
        silence,
        readLines(stream, (line) => {
          lastByte = clock.monotonic();
          if (line !== undefined) this.#take(readEvent(line));
        }),
      ]);
    } finally {
      done.abort();
      stream.destroy();
      if (clock.monotonic() - beganAt > steadyMs) this.#retry.reset();
    }
    const lastedMs = clock.monotonic() - beganAt;
    this.#isVersionDoubtful = lastedMs < (seconds - 1) * 1000;
    if (lastedMs < shortMs)
      throw new WatchEnd('failed', `it ended after ${Math.round(lastedMs)} ms`);
  }

  /** Rejects when no byte has come for too long. */
  async #awaitSilence(done: AbortSignal, lastByte: () => number): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const leftMs = lastByte() + silenceMs - clock.monotonic();
      if (leftMs <= 0) throw new WatchEnd('silent', `nothing came for ${silenceMs} ms`);
      try {
        await clock.wait(leftMs, done);
      } catch {
        // The watch has ended.
        return;
      }
    }
  }

  #take(event: WatchEvent): void {
    switch (event.kind) {
      case 'set':
        this.#set(event.object);
        this.#version = event.object.metadata.resourceVersion ?? this.#version;
        break;
      case 'delete': {
        const { namespace, name, resourceVersion } = event.object.metadata;
        const key = objectKey(namespace, name);
        this.#version = resourceVersion ?? this.#version;
        if (this.#known.delete(key)) this.#options.onDelete(key);
        break;
      }
      case 'bookmark':
        this.#version = event.version;
        break;
      case 'error':
        if (event.status === 410) throw new WatchEnd('expired', event.text);
        throw new WatchEnd('failed', `the server ended it: ${event.status} ${event.text}`);
      default:
        throw new WatchEnd('malformed', event.text);
    }
  }

  /** Tells of an object unless it is known in this version; answers its key. */
  #set(object: KubernetesObject): string {
    const { namespace, name, resourceVersion } = object.metadata;
    const key = objectKey(namespace, name);
    if (resourceVersion === undefined || this.#known.get(key) !== resourceVersion) {
      this.#known.set(key, resourceVersion);
      this.#options.onSet(object);
    }
    return key;
  }

  async #recover(error: unknown): Promise<void> {
    const { onTrouble, clock } = this.#options;
    const { signal } = this.#end;
    const trouble = troubleOf(error);
    onTrouble(trouble, causeChain(error));
    switch (trouble) {
      case 'expired':
      case 'went-back':
        this.#version = undefined;
        return await clock.wait(relistSpreadMs * this.#random(), signal);
      case 'silent':
        // What waited is over: the connection is made anew at once.
        this.#isVersionDoubtful = true;
        return undefined;
      case 'unserved':
        this.#version = undefined;
        this.#miss();
        return await this.#missing.wait(signal);
      case 'forbidden':
        return await this.#forbidden.wait(signal);
      case 'malformed':
        this.#version = undefined;
        return await this.#retry.wait(signal);
      default:
        this.#isVersionDoubtful = true;
        return await this.#retry.wait(signal);
    }
  }

  #miss(): void {
    if (++this.#misses < missesUntilGone || this.#known.size === 0) return;
    const gone = this.#known;
    this.#known = new Map();
    for (const key of gone.keys()) this.#options.onDelete(key);
    this.#options.onListed();
  }
}

function troubleOf(error: unknown): WatchTrouble {
  if (error instanceof WatchEnd) return error.trouble;
  if (!(error instanceof ApiError)) return 'failed';
  switch (error.status) {
    case 410:
      return 'expired';
    case 404:
      return 'unserved';
    case 401:
    case 403:
      return 'forbidden';
    default:
      return 'failed';
  }
}

/** Hands over lines until the stream ends well; undefined for a chunk that completes none. */
function readLines(
  stream: IncomingMessage,
  onLine: (line: string | undefined) => void,
): Promise<void> {
  const cutter = new LineCutter();
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      try {
        const lines = cutter.take(chunk);
        if (lines.length === 0) onLine(undefined);
        for (const line of lines) onLine(line);
      } catch (error) {
        reject(error as Error);
        stream.destroy();
      }
    });
    stream.on('end', resolve);
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('the connection was cut')));
  });
}
