// Watches: a stream of JSON lines, one per change, from a known version on.

import { badRequest, expired } from '../api-error.ts';
import type { Kind } from '../kinds/kind.ts';
import type { Change } from '../storage/watch-history.ts';
import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';
import type { Exchange } from './exchange.ts';
import { isSelected, type Selection } from './list-objects.ts';

/** How objects are shown to the watcher: `first` is true for the first of the stream. */
export type Show = (object: ApiObject, first: boolean) => unknown;

/** A watcher further behind than this is cut off; it resumes where it was. */
const maxUnsentBytes = 16 * 1024 * 1024;
const bookmarkMs = 30_000;
const defaultSeconds = { least: 1_800, spread: 1_800 };

/** Streams changes until the client goes, the time is over or `ending` fires. */
export function watchObjects(
  core: Core,
  exchange: Exchange,
  kind: Kind,
  selection: Selection,
  show: Show,
  ending: AbortSignal,
): void {
  const { query, response } = exchange;
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));
  const initial = initialOf(query);
  const stream = new WatchStream(exchange, kind, show);
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-cache, private',
  });
  response.flushHeaders();

  const past = initial.from === undefined ? [] : changesSince(core, kind, initial.from);
  if (past === 'expired') {
    stream.sendExpired(initial.from ?? 0, core.table.version);
    response.end();
    return;
  }
  if (initial.state) {
    for (const object of core.table.list(kind.storedAs, selection.namespace)) {
      if (isSelected(selection, object)) stream.send('ADDED', object);
    }
    if (initial.announceEnd) stream.sendBookmark(core.table.version, true);
  }
  for (const change of past) sendChange(stream, selection, change);

  const following = core.table.history.follow(kind.storedAs, (change) =>
    sendChange(stream, selection, change),
  );
  const finish = (): void => {
    if (bookmarks && !response.destroyed) stream.sendBookmark(core.table.version, false);
    response.end();
  };
  const timer = setTimeout(finish, secondsOf(query) * 1000);
  const ticking = setInterval(() => {
    if (bookmarks) stream.sendBookmark(core.table.version, false);
  }, bookmarkMs);
  ending.addEventListener('abort', finish);
  response.on('close', () => {
    following[Symbol.dispose]();
    clearTimeout(timer);
    clearInterval(ticking);
    ending.removeEventListener('abort', finish);
  });
}

function secondsOf(query: URLSearchParams): number {
  const asked = Number(query.get('timeoutSeconds') ?? 0);
  if (asked > 0) return Math.min(asked, 86_400);
  return defaultSeconds.least + Math.random() * defaultSeconds.spread;
}

interface Initial {
  /** Whether the present state comes first. */
  readonly state: boolean;
  /** Whether a bookmark tells that the present state is complete. */
  readonly announceEnd: boolean;
  /** Changes after this version follow; undefined for those from now on. */
  readonly from: number | undefined;
}

function initialOf(query: URLSearchParams): Initial {
  const text = query.get('resourceVersion') ?? '';
  const asked = query.get('sendInitialEvents');
  if (!/^\d*$/.test(text)) {
    throw badRequest('AMB1201', `the resourceVersion ${JSON.stringify(text)} is not a number`);
  }
  if (isTrue(asked)) return { state: true, announceEnd: true, from: undefined };
  if (text === '' || text === '0') {
    return { state: asked === null, announceEnd: false, from: undefined };
  }
  return { state: false, announceEnd: false, from: Number(text) };
}

/** A version that this state never reached belongs to another state: the client lists anew. */
function changesSince(core: Core, kind: Kind, from: number): readonly Change[] | 'expired' {
  return from > core.table.version ? 'expired' : core.table.history.since(kind.storedAs, from);
}

/** What a change means for a selection: objects enter it, change in it, or leave it. */
function sendChange(stream: WatchStream, selection: Selection, change: Change): void {
  const { type, object, previous } = change;
  const was = previous !== undefined && isSelected(selection, previous);
  const is = type !== 'DELETED' && isSelected(selection, object);
  if (is) stream.send(was ? 'MODIFIED' : 'ADDED', object);
  else if (was && type === 'DELETED') stream.send('DELETED', object);
  else if (was) {
    const { resourceVersion } = object.metadata;
    stream.send('DELETED', { ...previous, metadata: { ...previous.metadata, resourceVersion } });
  }
}

class WatchStream {
  readonly #exchange: Exchange;
  readonly #kind: Kind;
  readonly #show: Show;
  #first = true;

  constructor(exchange: Exchange, kind: Kind, show: Show) {
    this.#exchange = exchange;
    this.#kind = kind;
    this.#show = show;
  }

  send(type: string, object: ApiObject): void {
    const shown = this.#show(object, this.#first);
    this.#first = false;
    this.#write({ type, object: shown });
  }

  sendBookmark(version: number, endOfInitial: boolean): void {
    const annotations = endOfInitial ? { 'k8s.io/initial-events-end': 'true' } : undefined;
    const { kind } = this.#kind;
    const metadata = { name: '', resourceVersion: String(version), creationTimestamp: null };
    const bare = {
      apiVersion: '',
      kind,
      metadata: annotations ? { ...metadata, annotations } : metadata,
    };
    this.#write({
      type: 'BOOKMARK',
      object: this.#show(bare as unknown as ApiObject, this.#first),
    });
  }

  sendExpired(asked: number, current: number): void {
    const error = expired(`too old resource version: ${asked} (${current})`);
    this.#write({ type: 'ERROR', object: error.status });
  }

  #write(event: object): void {
    const { response } = this.#exchange;
    if (response.destroyed || response.writableEnded) return;
    response.write(`${JSON.stringify(event)}\n`);
    if (response.writableLength > maxUnsentBytes) response.destroy();
  }
}

function isTrue(text: string | null): boolean {
  return text === 'true' || text === '1';
}
