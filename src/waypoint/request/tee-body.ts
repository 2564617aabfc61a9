// A request body that is copied as it is read: the reader is never held back by a copy, and what a
// copy has not taken yet is bounded; one that falls behind is broken off.

import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Body } from './exchange.ts';

/** Most bytes that wait for one copy. */
export const maxCopyBytes = 256 * 1024;

export class TeeBody implements Body, Disposable {
  readonly #source: Body;
  readonly #copies: Copy[] = [];
  #ended = false;

  constructor(source: Body) {
    this.#source = source;
  }

  get length(): number | undefined {
    return this.#source.length;
  }

  /** Makes a copy; only before the first read. */
  copy(): Body {
    const copy = new Copy(this.#source);
    this.#copies.push(copy);
    return copy;
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#source.read();
      if (bytes === undefined) this.#ended = true;
      for (const copy of this.#copies) copy.push(bytes);
      return bytes;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  trailers(): HeaderList {
    return this.#source.trailers();
  }

  /** The request is over: copies of a body that was not read to its end break off. */
  [Symbol.dispose](): void {
    if (this.#ended || this.#source.length === 0) return;
    this.#fail(new Error('the request was over before its body had been read'));
  }

  #fail(error: unknown): void {
    for (const copy of this.#copies) copy.fail(error);
  }
}

class Copy implements Body {
  readonly #source: Body;
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(source: Body) {
    this.#source = source;
  }

  get length(): number | undefined {
    return this.#source.length;
  }

  push(bytes: Uint8Array | undefined): void {
    if (this.#failure !== undefined) return;
    if (bytes === undefined) {
      this.#ended = true;
    } else if (this.#bytes + bytes.length > maxCopyBytes) {
      this.fail(new Error(`the copy fell more than ${maxCopyBytes} bytes behind`));
    } else {
      this.#waiting.push(bytes);
      this.#bytes += bytes.length;
    }
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure ??= { error };
    this.#waiting.length = 0;
    this.#wake?.();
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#source.length === 0) return undefined;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const bytes = this.#waiting.shift();
      if (bytes !== undefined) {
        this.#bytes -= bytes.length;
        return bytes;
      }
      if (this.#ended) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  trailers(): HeaderList {
    return this.#source.trailers();
  }
}
