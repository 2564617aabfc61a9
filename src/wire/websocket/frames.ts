// The frames of WebSocket (RFC 6455 section 5), without extensions. No I/O.

/** What a frame is (section 5.2). */
export const opcodes = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

export type Opcode = (typeof opcodes)[keyof typeof opcodes];

/** One frame, unmasked. */
export interface Frame {
  readonly opcode: Opcode;
  /** Whether it ends its message. */
  readonly final: boolean;
  readonly payload: Buffer;
}

/** Bytes of a frame's payload at most, and of a whole message. */
export const maxMessage = 4 * 1024 * 1024;
const maxControlPayload = 125;

/** A frame's bytes. `mask` is what clients have to use, four bytes chosen by chance (section 5.3). */
export function writeFrame(
  opcode: Opcode,
  payload: Uint8Array,
  mask: Uint8Array | undefined,
): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = 2 + extended + (mask === undefined ? 0 : 4);
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = 0x80 | opcode;
  frame[1] =
    (mask === undefined ? 0 : 0x80) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, head);
  if (mask !== undefined) {
    frame.set(mask, head - 4);
    applyMask(frame.subarray(head), mask);
  }
  return frame;
}

function applyMask(payload: Buffer, mask: Uint8Array): void {
  for (let index = 0; index < payload.length; index++) {
    payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
}

type Read =
  | { readonly kind: 'frame'; readonly frame: Frame; readonly length: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'problem'; readonly problem: string };

/** Takes frames out of bytes as they come. */
export class FrameReader {
  readonly #masked: boolean;
  #rest: Buffer = Buffer.alloc(0);

  /** `masked` where the peer is a client, which has to mask (section 5.1). */
  constructor(masked: boolean) {
    this.#masked = masked;
  }

  /** The frames that are whole now, and what is wrong with the bytes after them, if anything. */
  push(chunk: Buffer): { readonly frames: readonly Frame[]; readonly problem?: string } {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const read = readFrame(this.#rest, this.#masked);
      if (read.kind === 'more') return { frames };
      if (read.kind === 'problem') return { frames, problem: read.problem };
      frames.push(read.frame);
      this.#rest = this.#rest.subarray(read.length);
    }
  }
}

function readFrame(bytes: Buffer, masked: boolean): Read {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return { kind: 'more' };
  const opcode = Object.values(opcodes).find((one) => one === (first & 0x0f));
  const final = (first & 0x80) !== 0;
  const short = second & 0x7f;
  if (opcode === undefined || (first & 0x70) !== 0) {
    return { kind: 'problem', problem: 'a frame of no known kind' };
  }
  if (((second & 0x80) !== 0) !== masked) {
    return { kind: 'problem', problem: masked ? 'a frame without mask' : 'a frame with a mask' };
  }
  if (opcode >= opcodes.close && (!final || short > maxControlPayload)) {
    return { kind: 'problem', problem: 'a control frame that is in parts or too long' };
  }
  const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
  const head = 2 + extended + (masked ? 4 : 0);
  if (bytes.length < head) return { kind: 'more' };
  const length =
    extended === 0
      ? short
      : extended === 2
        ? bytes.readUInt16BE(2)
        : Number(bytes.readBigUInt64BE(2));
  if (length > maxMessage) return { kind: 'problem', problem: `a frame of ${length} bytes` };
  if (bytes.length < head + length) return { kind: 'more' };
  const payload = Buffer.from(bytes.subarray(head, head + length));
  if (masked) applyMask(payload, bytes.subarray(head - 4, head));
  return { kind: 'frame', frame: { opcode, final, payload }, length: head + length };
}
