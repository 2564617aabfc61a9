// The lines of a watch, each an event: cut out of chunks of any size, and read with suspicion, since
// what cannot be read may be a change that nobody tells again.

import type { KubernetesObject } from '../kinds/object.ts';

/** No object is near as large: the API server's own limit is about 1.5 MiB. */
export const maxLineBytes = 16 * 1024 * 1024;

/** One event of a watch. */
export type WatchEvent =
  | { readonly kind: 'set' | 'delete'; readonly object: KubernetesObject }
  /** Nothing has changed up to this version. */
  | { readonly kind: 'bookmark'; readonly version: string }
  /** The server ends the watch with a Status. */
  | { readonly kind: 'error'; readonly status: number; readonly text: string }
  /** No event of a watch. */
  | { readonly kind: 'malformed'; readonly text: string };

/** Cuts lines out of chunks. */
export class LineCutter {
  #rest: Buffer[] = [];
  #size = 0;

  /** The lines that a chunk completes. @throws Error when a line is longer than `maxLineBytes` */
  take(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#add(chunk.subarray(from, end));
      const line = Buffer.concat(this.#rest).toString();
      if (line.trim() !== '') lines.push(line);
      this.#rest = [];
      this.#size = 0;
      from = end + 1;
    }
    this.#add(chunk.subarray(from));
    return lines;
  }

  #add(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > maxLineBytes) throw new Error(`a line is longer than ${maxLineBytes} bytes`);
    if (part.length > 0) this.#rest.push(part);
  }
}

/** Reads a line. */
export function readEvent(line: string): WatchEvent {
  const malformed: WatchEvent = { kind: 'malformed', text: line.slice(0, 200) };
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    // Told by the caller, with its beginning.
    return malformed;
  }
  if (!isRecord(event) || !isRecord(event['object'])) return malformed;
  const { type, object } = event;
  if (type === 'ERROR') {
    const { code, message, reason } = object;
    const text = [reason, message].filter((one) => typeof one === 'string').join(' ');
    return { kind: 'error', status: typeof code === 'number' ? code : 0, text };
  }
  const { metadata } = object;
  if (!isRecord(metadata)) return malformed;
  const { name, resourceVersion } = metadata;
  if (typeof resourceVersion !== 'string' || resourceVersion === '') return malformed;
  if (type === 'BOOKMARK') return { kind: 'bookmark', version: resourceVersion };
  if (typeof name !== 'string' || name === '') return malformed;
  const read = object as unknown as KubernetesObject;
  if (type === 'DELETED') return { kind: 'delete', object: read };
  return type === 'ADDED' || type === 'MODIFIED' ? { kind: 'set', object: read } : malformed;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
