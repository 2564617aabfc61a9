// A container's log on disk: one line per line of output, in the format of the container runtime
// interface (`TIME STREAM TAG TEXT`), in two files of bounded size.
// Follows https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md

import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../../runtime/clock.ts';

/** A file that reaches this is set aside as `.1`, replacing the one before. */
export const maxLogBytes = 10 * 1024 * 1024;
/** Longer lines are written in parts (tag P), so that a line without end is not held in memory. */
const maxLineBytes = 16 * 1024;
const newline = 0x0a;

export type LogStream = 'stdout' | 'stderr';

/** Writes one container's log. */
export class ContainerLog implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  #fd: number;
  #size: number;
  #closed = false;

  /** @throws what the file system throws */
  constructor(file: string, clock: Clock) {
    mkdirSync(path.dirname(file), { recursive: true });
    this.#file = file;
    this.#clock = clock;
    this.#fd = openSync(file, 'a');
    this.#size = fstatSync(this.#fd).size;
  }

  /** Writes all lines of a stream until it ends. */
  follow(stream: Readable, name: LogStream): void {
    let rest: Buffer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const lines: Buffer[] = [];
      let start = 0;
      for (let end = rest.indexOf(newline); end !== -1; end = rest.indexOf(newline, start)) {
        lines.push(this.#entry(name, 'F', rest.subarray(start, end)));
        start = end + 1;
      }
      rest = rest.subarray(start);
      while (rest.length >= maxLineBytes) {
        lines.push(this.#entry(name, 'P', rest.subarray(0, maxLineBytes)));
        rest = rest.subarray(maxLineBytes);
      }
      this.#write(Buffer.concat(lines));
    });
    stream.on('end', () => {
      if (rest.length > 0) this.#write(this.#entry(name, 'F', rest));
    });
    // A broken pipe ends the output like its end does.
    stream.on('error', () => undefined);
  }

  #entry(stream: LogStream, tag: 'F' | 'P', text: Buffer): Buffer {
    const time = new Date(this.#clock.now()).toISOString().replace('Z', '000000Z');
    return Buffer.concat([Buffer.from(`${time} ${stream} ${tag} `), text, Buffer.from('\n')]);
  }

  /** A full disk loses lines of the log; it must not end the container. */
  #write(bytes: Buffer): void {
    if (this.#closed || bytes.length === 0) return;
    try {
      if (this.#size + bytes.length > maxLogBytes) this.#rotate();
      this.#size += writeSync(this.#fd, bytes);
    } catch {
      this.#size = 0;
    }
  }

  #rotate(): void {
    closeSync(this.#fd);
    renameSync(this.#file, `${this.#file}.1`);
    this.#fd = openSync(this.#file, 'a');
    this.#size = 0;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }
}
