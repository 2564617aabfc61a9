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
  /** Joined only when a message is complete, so that bytes in small pieces are not copied each time. */
  #held: Uint8Array[] = [];
  #size = 0;
  /** How many bytes there must be before there is anything to do. */
  #wanted = 2;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** Takes what arrived. */
  push(chunk: Uint8Array): void {
    this.#held.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#wanted) return;
    let bytes = Buffer.concat(this.#held);
    for (;;) {
      this.#wanted = bytes.length < 2 ? 2 : 2 + bytes.readUInt16BE(0);
      if (bytes.length < this.#wanted) break;
      this.#onMessage(bytes.subarray(2, this.#wanted));
      bytes = bytes.subarray(this.#wanted);
    }
    this.#held = [bytes];
    this.#size = bytes.length;
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
    if (bytes === undefined || !socket.writable || socket.write(frame(bytes))) return;
    // A client that does not read its answers is not asked for more questions.
    if (socket.isPaused()) return;
    socket.pause();
    socket.once('drain', () => socket.resume());
  };
  const messages = new TcpMessages((query) => {
    if (pending < maxPending) void reply(query);
    else socket.destroy();
  });
  socket.on('error', () => socket.destroy());
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => messages.push(chunk));
}
