// The body of a message on a Node readable, for codecs only. Not by the readable's own iterator: of an HTTP/2 stream whose
// last frame is there before its first bytes are read, `closed` is true, which that takes for a loss.

import type { Readable } from 'node:stream';
import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Body } from './exchange.ts';

/** Makes a body of a readable. `onFirstRead` is called once, before the first read. */
export function readableBody(
  readable: Readable,
  options: {
    readonly length: number | undefined;
    readonly trailers: () => HeaderList;
    readonly onFirstRead?: () => void;
    /** Why the end of the readable is not the end of the body, if so. */
    readonly endProblem: () => Error | undefined;
  },
): Body {
  let progress: Progress | undefined;
  return {
    length: options.length,
    trailers: options.trailers,
    async read() {
      if (options.length === 0) return undefined;
      if (progress === undefined) {
        options.onFirstRead?.();
        progress = new Progress(readable);
      }
      for (;;) {
        const bytes = readable.read() as Uint8Array | null;
        if (bytes !== null) return bytes;
        if (readable.errored) throw readable.errored;
        if (readable.readableEnded || readable.destroyed) {
          const problem = options.endProblem() ?? lossOf(readable);
          if (problem !== undefined) throw problem;
          return undefined;
        }
        await progress.next();
      }
    },
  };
}

function lossOf({ readableEnded }: Readable): Error | undefined {
  return readableEnded ? undefined : new Error('it was closed before its end');
}

/** Tells that something has happened to a readable; for one reader. */
class Progress {
  #wake: (() => void) | undefined;

  constructor(readable: Readable) {
    const wake = (): void => {
      this.#wake?.();
      this.#wake = undefined;
    };
    for (const event of ['readable', 'end', 'error', 'close']) readable.on(event, wake);
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
