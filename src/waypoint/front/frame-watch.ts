// What an HTTP/2 codec tells a client it did wrong, read from the frames that it sends (RFC 9113 sections
// 6.4 and 6.8): node:http2 resets malformed requests without a word to its user.

import type { ByteStream } from '../../dataplane/byte-stream.ts';

/** One end of a stream, or of the connection (stream 0), with its error code. */
export interface SentEnd {
  readonly stream: number;
  readonly errorCode: number;
}

const headBytes = 9;
const resetType = 3;
const goawayType = 7;

/** Finds RST_STREAM and GOAWAY in frames that come in any pieces. */
export class FrameWatch {
  readonly #onEnd: (end: SentEnd) => void;
  readonly #head = Buffer.alloc(headBytes);
  readonly #payload = Buffer.alloc(8);
  #headLength = 0;
  #payloadLength = 0;
  #left = 0;

  constructor(onEnd: (end: SentEnd) => void) {
    this.#onEnd = onEnd;
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#headLength < headBytes) {
        this.#head[this.#headLength++] = bytes[at++] ?? 0;
        if (this.#headLength < headBytes) continue;
        this.#left = this.#head.readUIntBE(0, 3);
        this.#payloadLength = 0;
      } else {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#keep(bytes.subarray(at, at + taken));
        this.#left -= taken;
        at += taken;
      }
      if (this.#left === 0) this.#finish();
    }
  }

  #keep(bytes: Uint8Array): void {
    const room = this.#payload.length - this.#payloadLength;
    const kept = bytes.subarray(0, room);
    this.#payload.set(kept, this.#payloadLength);
    this.#payloadLength += kept.length;
  }

  #finish(): void {
    this.#headLength = 0;
    const type = this.#head[3];
    if (type === resetType) {
      const stream = this.#head.readUInt32BE(5);
      this.#onEnd({ stream, errorCode: this.#payload.readUInt32BE(0) });
    } else if (type === goawayType) {
      this.#onEnd({ stream: 0, errorCode: this.#payload.readUInt32BE(4) });
    }
  }
}

/** The stream, with what is written to it watched. */
export function watchedStream(stream: ByteStream, watch: FrameWatch): ByteStream {
  return {
    read: () => stream.read(),
    write: (bytes) => {
      watch.push(bytes);
      return stream.write(bytes);
    },
    end: () => stream.end(),
    destroy: (reason) => stream.destroy(reason),
    closed: stream.closed,
  };
}
