// Ends a stream that carries nothing any more so that its other side sees a proper end, not a reset.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Clock } from '../../runtime/clock.ts';

/** How long the other side may take to end too, milliseconds. */
export const lingerMs = 1_000;

/** Finishes sending, waits for the other side within the limit, and closes. Never rejects. */
export async function endGently(stream: ByteStream, clock: Clock): Promise<void> {
  const closed = new AbortController();
  void stream.closed.then(() => closed.abort());
  // What cannot be ended is closed already, or will be in time.
  await stream.end().catch(() => undefined);
  await clock.wait(lingerMs, closed.signal).then(
    () => stream.destroy(),
    () => undefined,
  );
}
