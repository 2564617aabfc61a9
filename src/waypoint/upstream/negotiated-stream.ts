// A stream that was opened to find which protocol a server speaks, until a connection takes it, or why
// there is none.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Clock } from '../../runtime/clock.ts';

/** How long a stream waits to be taken, milliseconds: a request is on its way to it. */
const waitMs = 5_000;

/** Holds one outcome for one taker. */
export class NegotiatedStream {
  #stream: ByteStream | undefined;
  readonly #failure: unknown;
  readonly #taken = new AbortController();

  private constructor(stream: ByteStream | undefined, failure: unknown) {
    this.#stream = stream;
    this.#failure = failure;
  }

  /** Keeps a stream; it is closed when nobody takes it. */
  static open(stream: ByteStream, clock: Clock): NegotiatedStream {
    const held = new NegotiatedStream(stream, undefined);
    clock.wait(waitMs, held.#taken.signal).then(
      () => held.#stream?.destroy(),
      () => undefined,
    );
    return held;
  }

  /** Keeps a failure for whoever asks for the stream. */
  static failed(failure: unknown): NegotiatedStream {
    return new NegotiatedStream(undefined, failure);
  }

  /** The stream for the first who asks, then none. @throws the failure, every time */
  take(): ByteStream | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const stream = this.#stream;
    this.#stream = undefined;
    this.#taken.abort();
    return stream;
  }
}
