// Node's duplex streams (TCP and TLS sockets, HTTP/2 streams) as byte streams, and the way back for
// codecs that need a Node stream below them.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { ByteStream } from './byte-stream.ts';

/** Received and not yet read; beyond it the source is paused. */
const maxQueuedBytes = 256 * 1024;

/** How one kind of Node stream differs from another. */
export interface DuplexTraits {
  /** Called when the stream says that the other side has finished: an error if it has not really,
   * because the connection below went away. */
  readonly endProblem?: () => Error | undefined;
  /** What an error of the stream is for its reader; as it is by default. */
  readonly explain?: (error: Error) => Error;
  /** Ends both directions with a reset. */
  readonly reset: (reason: Error) => void;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** A byte stream on a Node duplex, which must have `allowHalfOpen`. Takes it over at once: no other
 * code may read from it or write to it. */
export class DuplexStream implements ByteStream {
  readonly closed: Promise<void>;
  readonly #duplex: Duplex;
  readonly #traits: DuplexTraits;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended = false;
  #failure: Error | undefined;
  #reader: Waiter<Uint8Array | undefined> | undefined;
  readonly #writers: Waiter<void>[] = [];

  constructor(duplex: Duplex, traits: DuplexTraits) {
    this.#duplex = duplex;
    this.#traits = traits;
    this.closed = new Promise((resolve) => {
      if (duplex.closed) resolve();
      else duplex.once('close', () => resolve());
    });
    if (duplex.destroyed) this.#failure = duplex.errored ?? connectionLost();
    duplex.on('data', (chunk: Buffer) => this.#onData(chunk));
    duplex.on('end', () => this.#onEnd());
    duplex.on('drain', () => this.#onDrain());
    duplex.on('error', (error) => this.#onFailure(traits.explain?.(error) ?? error));
    duplex.on('close', () => this.#onClose());
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length;
      if (this.#duplex.isPaused()) this.#duplex.resume();
      return Promise.resolve(chunk);
    }
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    const problem = this.#writeProblem();
    if (problem !== undefined) return Promise.reject(problem);
    if (this.#duplex.write(bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => this.#writers.push({ resolve, reject }));
  }

  end(): Promise<void> {
    if (this.#duplex.writableFinished) return Promise.resolve();
    const problem = this.#writeProblem();
    if (problem !== undefined) return Promise.reject(problem);
    return new Promise((resolve, reject) => {
      this.#writers.push({ resolve, reject });
      this.#duplex.end(() => this.#onDrain());
    });
  }

  destroy(reason?: Error): void {
    this.#ended = false;
    this.#queue.length = 0;
    if (this.#duplex.destroyed) return;
    this.#onFailure(reason ?? new Error('the stream was closed on this side'));
    if (reason === undefined) this.#duplex.destroy();
    else this.#traits.reset(reason);
  }

  #writeProblem(): Error | undefined {
    if (this.#failure !== undefined) return this.#failure;
    return this.#duplex.writable ? undefined : new Error('the stream can not be written any more');
  }

  #onData(chunk: Uint8Array): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(chunk);
      return;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= maxQueuedBytes) this.#duplex.pause();
  }

  #onEnd(): void {
    const problem = this.#traits.endProblem?.();
    if (problem !== undefined) {
      this.#onFailure(problem);
      return;
    }
    this.#ended = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  #onDrain(): void {
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #onFailure(error: Error): void {
    this.#failure ??= error;
    this.#reader?.reject(this.#failure);
    this.#reader = undefined;
    for (const writer of this.#writers.splice(0)) writer.reject(this.#failure);
  }

  #onClose(): void {
    if (this.#ended && this.#duplex.writableFinished) return;
    this.#onFailure(this.#traits.endProblem?.() ?? connectionLost());
  }
}

/** A TCP or TLS socket as a byte stream. */
export function socketStream(socket: Socket): ByteStream {
  return new DuplexStream(socket, {
    reset: () => {
      // TLS sockets can not send a reset of their own; closing without close_notify is theirs.
      if ('encrypted' in socket) socket.destroy();
      else socket.resetAndDestroy();
    },
  });
}

/** A Node duplex on a byte stream, for codecs only: it buffers and copies more than the stream. */
export function toDuplex(stream: ByteStream): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      stream.read().then(
        (bytes) => duplex.push(bytes ?? null),
        (error: Error) => duplex.destroy(error),
      );
    },
    write(chunk: Buffer, _encoding, done) {
      stream.write(chunk).then(() => done(), done);
    },
    final(done) {
      stream.end().then(() => done(), done);
    },
    destroy(error, done) {
      stream.destroy(error ?? undefined);
      done(error);
    },
  });
  return duplex;
}

/** The error of a stream whose connection ended without a proper close. */
function connectionLost(): Error {
  return Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' });
}
