// DNS over TCP: every message is preceded by its length in two bytes (RFC 1035, section 4.2.2), and a
// client may send the next question before it has the answer to the last (RFC 7766, section 6.2.1.1).

import type { Socket } from 'node:net';

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

/** What one connection may take. */
export interface ConnectionLimits {
  /** Closed after so long without a question or an answer. Milliseconds. */
  readonly idleMs: number;
  /** Questions that wait for their answers. */
  readonly maxPending: number;
}

/** Serves a client's connection until one side ends it. `answer` gives undefined for what deserves no
 * answer, and does not reject. */
export function serveConnection(
  socket: Socket,
  answer: (query: Buffer) => Promise<Buffer | undefined>,
  { idleMs, maxPending }: ConnectionLimits,
): void {
  let pending = 0;
  const reply = async (query: Buffer): Promise<void> => {
    pending++;
    const bytes = await answer(query);
    pending--;
    if (bytes !== undefined && socket.writable) socket.write(frame(bytes));
  };
  const messages = new TcpMessages((query) => {
    if (pending < maxPending) void reply(query);
    else socket.destroy();
  });
  socket.on('error', () => socket.destroy());
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => messages.push(chunk));
}
