// Header blocks of SPDY/3 (draft 3, section 2.6.10): names and values, compressed by one zlib stream in each
// direction of a connection.

import { createInflate, type Inflate } from 'node:zlib';
import { adler32, headerDictionary } from './dictionary.ts';

/** Bytes that one block may have, uncompressed. */
const maxBlock = 64 * 1024;

/** Reads the blocks of one direction, one after the other. */
export class HeaderReader implements Disposable {
  readonly #inflate: Inflate;
  /** Rejects when nothing more can be read: a write that is under way then is never answered. */
  readonly #broken: Promise<never>;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor() {
    this.#inflate = createInflate({ dictionary: headerDictionary() });
    this.#broken = new Promise((_resolve, reject) => this.#inflate.once('error', reject));
    this.#broken.catch(() => {
      // Whoever reads next is told.
    });
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      if (this.#size > maxBlock) this.#inflate.destroy(new Error('the headers are too large'));
    });
  }

  /** The fields of the next block, by name in lower case. Rejects when it is not readable. */
  async read(block: Uint8Array): Promise<ReadonlyMap<string, string>> {
    const written = new Promise<void>((resolve, reject) => {
      this.#inflate.write(block, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([written, this.#broken]);
    // What has been made of the block, if some of it still waits.
    this.#inflate.read();
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    return fieldsOf(bytes);
  }

  [Symbol.dispose](): void {
    this.#inflate.destroy();
  }
}

/** Throws when the lengths within do not fit. */
function fieldsOf(bytes: Buffer): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let at = 4;
  const text = (): string => {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    if (at > bytes.length) throw new Error('a header goes beyond its block');
    return bytes.toString('utf8', at - length, at);
  };
  for (let left = bytes.readUInt32BE(0); left > 0; left--) {
    const name = text();
    fields.set(name.toLowerCase(), text());
  }
  return fields;
}

/** A stored block of nothing: readers give out what they have when they meet it. */
const flush = Buffer.of(0, 0, 0, 0xff, 0xff);

/** Blocks without any field, which is all that is ever answered. They are stored rather than compressed (RFC 1951
 * section 3.2.4), so that no state goes with them but whether the stream has begun. */
export class EmptyHeaders {
  #begun = false;

  next(): Buffer {
    const none = Buffer.alloc(4);
    const stored = Buffer.of(0, none.length, 0, 0xff - none.length, 0xff);
    const block = Buffer.concat([stored, none, flush]);
    if (this.#begun) return block;
    this.#begun = true;
    // RFC 1950: deflate with a window of 32 KiB; a dictionary is named.
    const head = Buffer.of(0x78, 0x20, 0, 0, 0, 0);
    head[1] = 0x20 + ((31 - ((0x78 * 256 + 0x20) % 31)) % 31);
    head.writeUInt32BE(adler32(headerDictionary()), 2);
    return Buffer.concat([head, block]);
  }
}
