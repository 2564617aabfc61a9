// Lets a request of undici's have trailers, which it does not know: the end of the last chunk is
// replaced on its way to the connection (RFC 9112 section 7.1.2).

import type { Duplex } from 'node:stream';
import type { HeaderList } from '../../mesh/header-operations.ts';

/** How undici ends a body in chunks, and a message that turned out to have no body. */
const lastChunk = '\r\n0\r\n\r\n';
const noContent = 'content-length: 0\r\n\r\n';

/** A duplex to give to undici, and the way to add to its next end of a body. */
export interface TrailingDuplex {
  readonly duplex: Duplex;
  /** To be called when the last of a body has been given to undici. */
  readonly trail: (trailers: HeaderList) => void;
}

/** Watches what is written. Undici writes what it makes itself as text and bodies as bytes, so that no
 * body is taken for an end. */
export function trailingDuplex(duplex: Duplex): TrailingDuplex {
  let pending: HeaderList = [];
  const write = duplex.write.bind(duplex) as (...args: unknown[]) => boolean;
  const withTrailers = (text: string): string => {
    const lines = pending.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    if (text === lastChunk) return `\r\n0\r\n${lines}\r\n`;
    if (!text.endsWith(noContent)) return text;
    const head = text.slice(0, -noContent.length);
    return `${head}transfer-encoding: chunked\r\n\r\n0\r\n${lines}\r\n`;
  };
  duplex.write = (...args: unknown[]): boolean => {
    const [chunk, ...rest] = args;
    if (pending.length === 0 || typeof chunk !== 'string') return write(...args);
    const text = withTrailers(chunk);
    if (text !== chunk) pending = [];
    return write(text, ...rest);
  };
  return {
    duplex,
    trail: (trailers) => {
      pending = trailers;
    },
  };
}
