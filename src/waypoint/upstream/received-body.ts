// A response body between the codec that receives it and the pipeline that reads it, bounded by
// telling the codec to pause.

import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Body } from '../request/exchange.ts';

/** Received and not yet read, bytes; beyond it the codec is asked to pause. */
const maxQueuedBytes = 64 * 1024;

export class ReceivedBody implements Body {
  readonly length: number | undefined;
  readonly #resume: () => void;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #trailers: HeaderList = [];
  #ended = false;
  #failure: Error | undefined;
  #reader:
    | { resolve: (bytes: Uint8Array | undefined) => void; reject: (error: Error) => void }
    | undefined;

  /** `resume` asks the codec for more after `push` answered false. */
  constructor(length: number | undefined, resume: () => void) {
    this.length = length;
    this.#resume = resume;
  }

  read(): Promise<Uint8Array | undefined> {
    const next = this.#queue.shift();
    if (next !== undefined) {
      this.#queuedBytes -= next.length;
      if (this.#queuedBytes < maxQueuedBytes && !this.#ended) this.#resume();
      return Promise.resolve(next);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  trailers(): HeaderList {
    return this.#trailers;
  }

  /** Takes what was received; false asks to pause. */
  push(bytes: Uint8Array): boolean {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(bytes);
      return true;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    return this.#queuedBytes < maxQueuedBytes;
  }

  /** The body is complete. */
  end(trailers: HeaderList): void {
    this.#trailers = trailers;
    this.#ended = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  /** The rest will not come. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#reader?.reject(this.#failure);
    this.#reader = undefined;
  }
}
