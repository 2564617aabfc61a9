// The body of a message on a Node readable, for codecs only.

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
  let iterator: AsyncIterator<Uint8Array> | undefined;
  return {
    length: options.length,
    trailers: options.trailers,
    async read() {
      if (options.length === 0) return undefined;
      if (iterator === undefined) {
        options.onFirstRead?.();
        iterator = (readable as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      }
      const next = await iterator.next();
      if (next.done !== true) return next.value;
      const problem = options.endProblem();
      if (problem !== undefined) throw problem;
      return undefined;
    },
  };
}
