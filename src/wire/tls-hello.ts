// The first message of a TLS client, read for the name that it asks for (RFC 8446 sections 4.1.2 and 5.1,
// RFC 6066 section 3). Nothing is decrypted or answered. Pure and bounded: the caller collects bytes.

/** Most bytes that are looked at; a hello that is longer is passed on unread. As Envoy's inspector. */
export const maxHelloBytes = 64 * 1024;

/** What the first bytes of a connection are. */
export type TlsHello =
  /** A whole hello; `name` in lower case, absent when it asks for none. */
  | { readonly kind: 'hello'; readonly name?: string }
  /** Not decided before there are `needed` bytes in all. */
  | { readonly kind: 'more'; readonly needed: number }
  | { readonly kind: 'other'; readonly reason: string };

const handshakeRecord = 22;
const clientHello = 1;
const serverName = 0;
const hostName = 0;
const recordHeadBytes = 5;
/** RFC 8446 section 5.1. */
const maxRecordBytes = 16 * 1024;

/** Judges all bytes received so far. */
export function readTlsHello(bytes: Uint8Array): TlsHello {
  const message = handshakeMessage(bytes);
  if (!(message instanceof Reader)) return message;
  try {
    return { kind: 'hello', ...nameIn(message) };
  } catch (error) {
    if (error instanceof Malformed) return other(error.message);
    throw error;
  }
}

/** The body of the hello, put together from as many records as it has. */
function handshakeMessage(bytes: Uint8Array): Reader | TlsHello {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let held = 0;
  let at = 0;
  let wanted = 4;
  for (;;) {
    if (bytes.length > at && bytes[at] !== handshakeRecord) return other('no TLS handshake');
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return other('no version of TLS');
    if (bytes.length < at + recordHeadBytes) return more(at + recordHeadBytes);
    const length = view.getUint16(at + 3);
    if (length === 0 || length > maxRecordBytes) return other('a record of no allowed length');
    const start = at + recordHeadBytes;
    at = start + length;
    const part = bytes.subarray(start, Math.min(at, bytes.length));
    parts.push(part);
    held += part.length;
    if (held >= 4 && wanted === 4) {
      const [type = 0, ...size] = firstBytes(parts, 4);
      if (type !== clientHello) return other('another message than a hello');
      wanted = 4 + size.reduce((sum, byte) => sum * 256 + byte, 0);
      if (wanted > maxHelloBytes) return other('the hello is too long');
    }
    if (held >= wanted) return new Reader(firstBytes(parts, wanted).subarray(4));
    if (bytes.length < at) return more(Math.min(at, bytes.length + wanted - held));
  }
}

function firstBytes(parts: readonly Uint8Array[], count: number): Uint8Array {
  const whole = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    whole.set(part.subarray(0, count - at), at);
    at = Math.min(count, at + part.length);
  }
  return whole;
}

function more(needed: number): TlsHello {
  if (needed > maxHelloBytes) return other('the hello is too long');
  return { kind: 'more', needed };
}

function other(reason: string): TlsHello {
  return { kind: 'other', reason };
}

function nameIn(hello: Reader): { readonly name?: string } {
  hello.skip(2 + 32);
  hello.block(1);
  hello.block(2);
  hello.block(1);
  if (hello.isAtEnd) return {};
  const extensions = hello.block(2);
  let found: string | undefined;
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const content = extensions.block(2);
    if (type !== serverName) continue;
    if (found !== undefined) throw new Malformed('two lists of names');
    found = hostIn(content.block(2));
  }
  return found === undefined ? {} : { name: found };
}

function hostIn(names: Reader): string {
  if (names.number(1) !== hostName) throw new Malformed('a name that is no host name');
  const name = names.block(2).text();
  if (!names.isAtEnd) throw new Malformed('two names');
  if (!/^(?!\.)[0-9A-Za-z._-]{1,255}$/.test(name))
    throw new Malformed('a name that is no host name');
  return name.toLowerCase().replace(/\.$/, '');
}

class Malformed extends Error {}

/** Reads numbers and blocks with a length before them. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(size: number): number {
    return this.#take(size).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  /** The content of a block whose length is a number of `size` bytes. */
  block(size: number): Reader {
    return new Reader(this.#take(this.number(size)));
  }

  skip(count: number): void {
    this.#take(count);
  }

  text(): string {
    return Buffer.from(this.#bytes).toString('latin1');
  }

  #take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new Malformed('a hello that ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
