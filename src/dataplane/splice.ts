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
  let error: Error | undefined;
  const fail = (reason: unknown): void => {
    error ??= reason instanceof Error ? reason : new Error(String(reason));
    a.destroy(error);
    b.destroy(error);
  };
  const onAbort = (): void => fail(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  const counts = { 'a-to-b': 0, 'b-to-a': 0 };
  const copy = async (from: ByteStream, to: ByteStream, direction: keyof typeof counts) => {
    try {
      for (let bytes = await from.read(); bytes !== undefined; bytes = await from.read()) {
        await to.write(bytes);
        counts[direction] += bytes.length;
        onBytes?.(direction, bytes.length);
      }
      await to.end();
    } catch (reason) {
      fail(reason);
    }
  };
  await Promise.all([copy(a, b, 'a-to-b'), copy(b, a, 'b-to-a')]);
  signal?.removeEventListener('abort', onAbort);
  if (error === undefined) await Promise.all([a.closed, b.closed]);
  return {
    aToB: counts['a-to-b'],
    bToA: counts['b-to-a'],
    ...(error !== undefined && { error }),
  };
}
