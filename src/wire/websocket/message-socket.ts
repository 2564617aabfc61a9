// A WebSocket connection (RFC 6455) on a stream whose handshake is over: messages in both directions, each
// direction held back while its reader is slow. Clients and servers are the same but for the mask.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { type Frame, FrameReader, maxMessage, type Opcode, opcodes, writeFrame } from './frames.ts';

/** Of closing frames (RFC 6455 section 7.4.1). */
export const closeCodes = { normal: 1000, protocolError: 1002, tooBig: 1009 } as const;

/** What is known of a connection after its handshake. */
export interface MessageSocketOptions {
  /** Bytes that came with the handshake, after its head. */
  readonly head: Buffer;
  /** Four bytes by chance for every frame, which a client has to use and a server must not. */
  readonly mask?: () => Uint8Array;
}

/** The connection. It owns the stream. */
export class MessageSocket {
  readonly #stream: Duplex;
  readonly #head: Buffer;
  readonly #mask: (() => Uint8Array) | undefined;
  #closing = false;

  constructor(stream: Duplex, { head, mask }: MessageSocketOptions) {
    this.#stream = stream;
    this.#head = head;
    this.#mask = mask;
    stream.on('error', () => {
      // Who reads or writes is told; without either nobody misses it.
    });
  }

  /** The messages, until either side closes. To be read once. Rejects when the connection breaks, or the
   * peer does not keep to the protocol. */
  async *messages(): AsyncGenerator<Buffer, void> {
    const reader = new FrameReader(this.#mask === undefined);
    const parts: Buffer[] = [];
    for await (const chunk of this.#chunks()) {
      const { frames, problem } = reader.push(chunk);
      for (const frame of frames) {
        if (frame.opcode === opcodes.close) {
          this.close(closeCodes.normal);
          return;
        }
        const message = await this.#take(frame, parts);
        if (message !== undefined) yield message;
      }
      if (problem !== undefined) throw this.#broken(closeCodes.protocolError, problem);
    }
  }

  async *#chunks(): AsyncGenerator<Buffer, void> {
    if (this.#head.length > 0) yield this.#head;
    // Leaving the loop must not destroy the stream: the closing frame is still to be written.
    for await (const chunk of this.#stream.iterator({ destroyOnReturn: false })) {
      yield chunk as Buffer;
    }
  }

  /** The whole message that the frame ends. */
  async #take(frame: Frame, parts: Buffer[]): Promise<Buffer | undefined> {
    if (frame.opcode === opcodes.ping) await this.#write(opcodes.pong, frame.payload);
    if (frame.opcode === opcodes.ping || frame.opcode === opcodes.pong) return undefined;
    if ((frame.opcode === opcodes.continuation) !== parts.length > 0) {
      throw this.#broken(closeCodes.protocolError, 'the parts of a message are mixed up');
    }
    parts.push(frame.payload);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size > maxMessage) throw this.#broken(closeCodes.tooBig, `a message of ${size} bytes`);
    return frame.final ? Buffer.concat(parts.splice(0)) : undefined;
  }

  /** Sends a binary message; resolves when there is room for the next one. What is sent to a connection that
   * is over is dropped. */
  async send(message: Uint8Array): Promise<void> {
    if (!this.#closing) await this.#write(opcodes.binary, message);
  }

  /** Ends the connection after what was sent. */
  close(code: number, reason = ''): void {
    if (this.#closing) return;
    this.#closing = true;
    const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason).subarray(0, 100)]);
    payload.writeUInt16BE(code);
    if (this.#stream.writable) this.#stream.end(writeFrame(opcodes.close, payload, this.#mask?.()));
    // The peer answers with its own closing frame, which nobody waits for.
    this.#stream.resume();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#closing = true;
    this.#stream.destroy();
  }

  async #write(opcode: Opcode, payload: Uint8Array): Promise<void> {
    if (!this.#stream.writable) return;
    if (this.#stream.write(writeFrame(opcode, payload, this.#mask?.()))) return;
    const ended = new AbortController();
    const { signal } = ended;
    try {
      await Promise.race([
        once(this.#stream, 'drain', { signal }),
        once(this.#stream, 'close', { signal }),
      ]);
    } finally {
      ended.abort();
    }
  }

  #broken(code: number, problem: string): Error {
    this.close(code, problem);
    return new Error(`the WebSocket peer sent ${problem}`);
  }
}
