// Reads the protobuf wire format: as much of it as Kubernetes objects use.

/** How a field is encoded. */
export const wireType = { varint: 0, bit64: 1, lengthDelimited: 2, bit32: 5 } as const;

/** A cursor over bytes. Reading past the end throws RangeError. */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field number and its wire type. */
  tag(): readonly [field: number, wire: number] {
    const tag = Number(this.#varint());
    return [Math.floor(tag / 8), tag & 7];
  }

  /** A signed integer. Integers beyond 2^53 lose precision, as they do in JSON. */
  integer(): number {
    return Number(BigInt.asIntN(64, this.#varint()));
  }

  double(): number {
    return this.#take(8).readDoubleLE();
  }

  bytes(): Buffer {
    return this.#take(Number(this.#varint()));
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** A nested message. */
  message(): WireReader {
    return new WireReader(this.bytes());
  }

  skip(wire: number): void {
    if (wire === wireType.varint) this.#varint();
    else if (wire === wireType.bit64) this.#take(8);
    else if (wire === wireType.lengthDelimited) this.bytes();
    else if (wire === wireType.bit32) this.#take(4);
    else throw new RangeError(`unknown wire type ${wire}`);
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#take(1)[0] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number has more than ten bytes');
  }

  #take(count: number): Buffer {
    if (count > this.#end - this.#at) throw new RangeError('a field reaches past the end');
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}
