// DNS over TCP: every message is preceded by its length in two bytes (RFC 1035, section 4.2.2).

/** A message as it goes over TCP. */
export function frame(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Cuts a stream into messages. Holds at most one unfinished message, 64 KiB. */
export class TcpMessages {
  readonly #onMessage: (message: Buffer) => void;
  #held = Buffer.alloc(0);

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** Takes what arrived. */
  push(chunk: Uint8Array): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= 2) {
      const end = 2 + this.#held.readUInt16BE(0);
      if (this.#held.length < end) return;
      const message = this.#held.subarray(2, end);
      this.#held = this.#held.subarray(end);
      this.#onMessage(message);
    }
  }
}
