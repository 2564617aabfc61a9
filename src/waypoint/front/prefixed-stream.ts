// A byte stream some of whose first bytes have been read already.

import type { ByteStream } from '../../dataplane/byte-stream.ts';

/** The stream as if nothing had been read from it; `pending` is a read that has not been answered. */
export function prefixedStream(
  stream: ByteStream,
  early: readonly Uint8Array[],
  pending?: Promise<Uint8Array | undefined>,
): ByteStream {
  const queue = early.map((bytes) => Promise.resolve<Uint8Array | undefined>(bytes));
  if (pending !== undefined) queue.push(pending);
  return {
    read: () => queue.shift() ?? stream.read(),
    write: (bytes) => stream.write(bytes),
    end: () => stream.end(),
    destroy: (reason) => stream.destroy(reason),
    closed: stream.closed,
  };
}
