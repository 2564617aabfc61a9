// The frames of SPDY/3 (draft 3, section 2.2), as far as kubectl uses it to forward ports. No I/O.

/** A frame as it came. What forwarding has no use for is of kind `other`. */
export type SpdyFrame =
  | {
      readonly kind: 'stream';
      readonly stream: number;
      /** Compressed, see header-block.ts. */
      readonly headers: Buffer;
      readonly isLast: boolean;
    }
  | { readonly kind: 'reset'; readonly stream: number }
  | { readonly kind: 'ping'; readonly id: number }
  | {
      readonly kind: 'data';
      readonly stream: number;
      readonly payload: Buffer;
      readonly isLast: boolean;
    }
  | { readonly kind: 'other' };

const types = { stream: 1, reply: 2, reset: 3, ping: 6 } as const;
const version = 3;
const headBytes = 8;
const last = 0x01;

/** Bytes of a frame's payload at most. */
export const maxPayload = 1024 * 1024;

/** Data, and whether nothing follows on its stream. */
export function dataFrame(stream: number, payload: Uint8Array, isLast: boolean): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(stream, 0);
  head.writeUInt32BE(((isLast ? last : 0) << 24) | payload.length, 4);
  return Buffer.concat([head, payload]);
}

/** Accepts a stream. */
export function replyFrame(stream: number, headers: Uint8Array): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(stream);
  return controlFrame(types.reply, Buffer.concat([id, headers]));
}

/** Ends a stream for a reason (section 2.6.3). */
export function resetFrame(stream: number, reason: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(stream, 0);
  payload.writeUInt32BE(reason, 4);
  return controlFrame(types.reset, payload);
}

/** Why a stream is reset. */
export const resetReasons = { protocolError: 1, refused: 3 } as const;

/** The answer to a ping is the same ping. */
export function pingFrame(id: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(id);
  return controlFrame(types.ping, payload);
}

function controlFrame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

/** Takes frames out of bytes as they come. */
export class SpdyReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole now, and what is wrong with the bytes after them, if anything. */
  push(chunk: Buffer): { readonly frames: readonly SpdyFrame[]; readonly problem?: string } {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: SpdyFrame[] = [];
    while (this.#rest.length >= headBytes) {
      const length = this.#rest.readUIntBE(5, 3);
      if (length > maxPayload) return { frames, problem: `a frame of ${length} bytes` };
      const end = headBytes + length;
      if (this.#rest.length < end) break;
      const frame = readFrame(this.#rest.subarray(0, end));
      if (frame === undefined) return { frames, problem: 'a control frame that is malformed' };
      frames.push(frame);
      this.#rest = this.#rest.subarray(end);
    }
    return { frames };
  }
}

function readFrame(bytes: Buffer): SpdyFrame | undefined {
  const isLast = ((bytes[4] ?? 0) & last) !== 0;
  const payload = Buffer.from(bytes.subarray(headBytes));
  const word = bytes.readUInt32BE(0);
  if (word < 0x8000_0000) return { kind: 'data', stream: word, payload, isLast };
  if (bytes.readUInt16BE(0) !== (0x8000 | version)) return undefined;
  const type = bytes.readUInt16BE(2);
  if (type === types.stream) {
    if (payload.length < 10) return undefined;
    const stream = payload.readUInt32BE(0) & 0x7fff_ffff;
    return { kind: 'stream', stream, headers: payload.subarray(10), isLast };
  }
  if (type === types.reset) {
    if (payload.length < 8) return undefined;
    return { kind: 'reset', stream: payload.readUInt32BE(0) & 0x7fff_ffff };
  }
  if (type === types.ping) {
    return payload.length === 4 ? { kind: 'ping', id: payload.readUInt32BE(0) } : undefined;
  }
  return { kind: 'other' };
}
