// Finds out what a connection on a port without a declared protocol carries. A client that speaks
// first decides by its first bytes. Where it is silent, the server may be meant to speak first: after
// a short limit the owner may open the way to it, and goes on listening to the client meanwhile.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Clock } from '../../runtime/clock.ts';
import { silenceLimitMs } from '../limits.ts';
import { prefixedStream } from './prefixed-stream.ts';
import { type Sniffed, sniff, sniffVersion } from './sniff.ts';

/** What the first bytes tell, with a stream from which nothing seems to have been read. */
export interface Judged {
  readonly kind: 'http1' | 'http2' | 'other';
  readonly stream: ByteStream;
}

/** Nothing came within the limit. Either `judge` or `stream` is used from here on, never both. */
export interface Silent {
  readonly kind: 'silent';
  /** Resolves when the client says something, ends or is gone; never rejects. */
  readonly spoke: Promise<void>;
  /** Waits for the client's first bytes. */
  readonly judge: () => Promise<Judged>;
  /** The connection, for when the server spoke first. */
  readonly stream: ByteStream;
}

/** Waits for the first bytes on a port that is declared to carry HTTP, without a limit. Rejects when the
 * stream is reset first. */
export function judgeVersion(stream: ByteStream): Promise<Judged> {
  return judgeFrom(stream, stream.read(), sniffVersion);
}

/** Waits for the first bytes, but only for the limit. Rejects when the stream is reset first. */
export async function detect(stream: ByteStream, clock: Clock): Promise<Judged | Silent> {
  const first = stream.read();
  const timer = new AbortController();
  const silence = clock.wait(silenceLimitMs, timer.signal).then(
    () => true,
    () => false,
  );
  const isSilent = await Promise.race([first.then(() => false), silence]);
  timer.abort();
  if (!isSilent) return await judgeFrom(stream, first);
  const settled = (): void => undefined;
  return {
    kind: 'silent',
    spoke: first.then(settled, settled),
    judge: () => judgeFrom(stream, first),
    stream: prefixedStream(stream, [], first),
  };
}

async function judgeFrom(
  stream: ByteStream,
  first: Promise<Uint8Array | undefined>,
  tell: (bytes: Uint8Array) => Sniffed = sniff,
): Promise<Judged> {
  const early: Uint8Array[] = [];
  for (let bytes = await first; bytes !== undefined; bytes = await stream.read()) {
    early.push(bytes);
    const kind = tell(Buffer.concat(early));
    if (kind !== 'more') return { kind, stream: prefixedStream(stream, early) };
  }
  const ended = Promise.resolve(undefined);
  return { kind: 'other', stream: prefixedStream(stream, early, ended) };
}
