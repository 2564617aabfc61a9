// Reading a container's log back, as `kubectl logs` asks for it.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Clock } from '../../runtime/clock.ts';

export interface LogOptions {
  readonly follow?: boolean;
  readonly tailLines?: number;
  /** Milliseconds since the Unix epoch; older lines are left out. */
  readonly sinceMs?: number;
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
  readonly signal?: AbortSignal;
}

/** How often a followed log is looked at; inotify would not see rotation more surely. */
const pollMs = 200;

/** The lines of a log, newest `tailLines` first cut, then, with `follow`, those to come until `ended`
 * says that the container is gone or the signal fires. */
export async function* readLog(
  file: string,
  options: LogOptions,
  clock: Clock,
  ended: () => boolean,
): AsyncGenerator<Uint8Array> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  // Where following goes on is taken before reading, so that no line falls between the two.
  let offset = existsSync(file) ? statSync(file).size : 0;
  for (const line of await existingLines(file, offset, options)) {
    const text = shown(line, options);
    if (text === undefined) continue;
    const bytes = Buffer.from(text).subarray(0, left);
    yield bytes;
    left -= bytes.length;
    if (left <= 0) return;
  }
  while (options.follow === true && options.signal?.aborted !== true && left > 0) {
    const last = ended();
    const { text, next } = await readFrom(file, offset);
    offset = next;
    for (const line of text.split('\n')) {
      const visible = shown(line, options);
      if (visible === undefined) continue;
      const bytes = Buffer.from(visible).subarray(0, left);
      yield bytes;
      left -= bytes.length;
    }
    if (last) return;
    if (text === '') await clock.wait(pollMs, options.signal).catch(() => undefined);
  }
}

/** Lines of both files up to `end`, at most `tailLines` of them. */
async function existingLines(file: string, end: number, options: LogOptions): Promise<string[]> {
  const limit = options.tailLines ?? Number.POSITIVE_INFINITY;
  if (limit === 0) return [];
  const kept: string[] = [];
  for (const part of [`${file}.1`, file]) {
    const size = part === file ? end : existsSync(part) ? statSync(part).size : 0;
    if (size === 0) continue;
    const input = createReadStream(part, { end: size - 1 });
    for await (const line of createInterface({ input })) {
      kept.push(line);
      if (kept.length > limit) kept.shift();
    }
  }
  return kept;
}

/** Whole lines from an offset on; starts again at 0 when the file was rotated. */
async function readFrom(file: string, offset: number): Promise<{ text: string; next: number }> {
  if (!existsSync(file)) return { text: '', next: 0 };
  await using handle = await open(file, 'r');
  const { size } = await handle.stat();
  const start = size < offset ? 0 : offset;
  const bytes = Buffer.alloc(Math.min(size - start, 256 * 1024));
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
  const end = bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
  return { text: bytes.subarray(0, end).toString('utf8'), next: start + end };
}

/** What the reader sees of a stored line: `TIME STREAM TAG TEXT`. */
function shown(line: string, options: LogOptions): string | undefined {
  const match = /^(\S+) (?:stdout|stderr) ([FP]) (.*)$/s.exec(line);
  if (match === null) return undefined;
  const [, time = '', tag, text = ''] = match;
  if (options.sinceMs !== undefined && Date.parse(time) < options.sinceMs) return undefined;
  const stamped = options.timestamps === true ? `${time} ${text}` : text;
  return tag === 'F' ? `${stamped}\n` : stamped;
}
