// The one byte stream that proxies see: a TCP connection, a TLS connection or a tunnel stream. Codecs
// sit below it, so that their insides can change. Half-close is part of it: both directions end
// independently (protocol section 3.4).

/** A stream of bytes in both directions. */
export interface ByteStream {
  /** The next bytes, or undefined once the other side has finished sending. Rejects when the stream
   * was reset. One call at a time; nothing is received while none is waiting beyond a bounded
   * buffer, which is what holds back a sender. */
  read(): Promise<Uint8Array | undefined>;
  /** Takes bytes, which must not be changed afterwards; resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Finishes sending; the other direction goes on. */
  end(): Promise<void>;
  /** Ends both directions at once; with an error, by a reset. Idempotent. */
  destroy(reason?: Error): void;
  /** Resolves once both directions have ended, however that came. Never rejects. */
  readonly closed: Promise<void>;
}
