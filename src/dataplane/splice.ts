// Copies between two byte streams until both directions are done. It is the one place that copies
// connections, so that a pair may one day be handed to the kernel here.

import type { ByteStream } from './byte-stream.ts';

export interface SpliceOptions {
  /** Called with every count of bytes as they pass. */
  readonly onBytes?: (direction: 'a-to-b' | 'b-to-a', count: number) => void;
  /** Ends both streams with a reset when it fires; its reason becomes the error. */
  readonly signal?: AbortSignal;
}

export interface SpliceResult {
  readonly aToB: number;
  readonly bToA: number;
  /** Why the copy did not run to its proper end; the first reason wins. */
  readonly error?: Error;
  /** Which stream it came from; absent when the signal ended the copy. */
  readonly failed?: 'a' | 'b';
}

/** Copies both ways. The directions end independently: the end of one is passed on and the other goes
 * on (protocol section 3.4). A failure of either resets both. Never rejects; both streams are closed
 * when it resolves. */
export async function splice(
  a: ByteStream,
  b: ByteStream,
  options: SpliceOptions = {},
): Promise<SpliceResult> {
  const { onBytes, signal } = options;
  let first: { error: Error; failed?: 'a' | 'b' } | undefined;
  const fail = (reason: unknown, failed?: 'a' | 'b'): void => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    first ??= { error, ...(failed && { failed }) };
    a.destroy(first.error);
    b.destroy(first.error);
  };
  const onAbort = (): void => fail(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  const counts = { 'a-to-b': 0, 'b-to-a': 0 };
  const copy = async (from: 'a' | 'b', to: 'a' | 'b', direction: keyof typeof counts) => {
    const ends = { a, b };
    let at = from;
    try {
      for (;;) {
        at = from;
        const bytes = await ends[from].read();
        at = to;
        if (bytes === undefined) break;
        await ends[to].write(bytes);
        counts[direction] += bytes.length;
        onBytes?.(direction, bytes.length);
      }
      await ends[to].end();
    } catch (reason) {
      fail(reason, at);
    }
  };
  await Promise.all([copy('a', 'b', 'a-to-b'), copy('b', 'a', 'b-to-a')]);
  signal?.removeEventListener('abort', onAbort);
  if (first === undefined) await Promise.all([a.closed, b.closed]);
  return {
    aToB: counts['a-to-b'],
    bToA: counts['b-to-a'],
    ...first,
  };
}
