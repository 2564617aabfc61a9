// Writes the protobuf wire format: as much of it as OpenAPI documents need.

import { wireType } from './wire-reader.ts';

/** Collects the fields of one message. */
export class WireWriter {
  readonly #parts: Buffer[] = [];
  #size = 0;

  /** The message. */
  finish(): Buffer {
    return Buffer.concat(this.#parts, this.#size);
  }

  integer(field: number, value: number): void {
    this.#tag(field, wireType.varint);
    this.#add(varint(value));
  }

  flag(field: number, value: boolean): void {
    this.integer(field, value ? 1 : 0);
  }

  double(field: number, value: number): void {
    this.#tag(field, wireType.bit64);
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#add(bytes);
  }

  /** Empty texts are those that are not there. */
  text(field: number, value: unknown): void {
    if (typeof value === 'string' && value !== '') this.#delimited(field, Buffer.from(value));
  }

  /** A nested message, which `body` writes. */
  message(field: number, body: (message: WireWriter) => void): void {
    const inner = new WireWriter();
    body(inner);
    this.#delimited(field, inner.finish());
  }

  #delimited(field: number, bytes: Buffer): void {
    this.#tag(field, wireType.lengthDelimited);
    this.#add(varint(bytes.length));
    this.#add(bytes);
  }

  #tag(field: number, wire: number): void {
    this.#add(varint(field * 8 + wire));
  }

  #add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
  }
}

/** Negative numbers take ten bytes, as two's complement of 64 bits. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
