// One ztunnel connected to the agent (ZDS, protocol section 2.6): hello, then one request at a
// time, each answered before the next.
//
//   state     event                     next
//   greeting  hello of version 1        open (snapshot first, then updates as they come)
//   greeting  anything else, 5 s        closed
//   open      request sent              waiting
//   waiting   ack                       open
//   waiting   anything else, 5 s        closed
//   open      packet nobody asked for   closed
//   any       peer gone                 closed
//
// Closed: what was not answered fails with AMB1306.

import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { decodeZdsAck, decodeZdsHello, encodeZdsRequest, type ZdsRequest } from '../../wire/zds.ts';

/** The socket below a connection, as src/linux has it. */
export interface PacketSocket {
  send(bytes: Uint8Array, descriptors?: readonly number[]): Promise<void>;
  /** Undefined when the peer has closed. */
  receive(): Promise<{ bytes: Uint8Array; descriptors: readonly number[] } | undefined>;
  close(): void;
}

/** A request, with the descriptor that travels with an add. */
export interface FeedItem {
  readonly request: ZdsRequest;
  /** Owned by the connection from the moment of the call. */
  readonly descriptor?: number;
}

export interface FeedConnectionOptions {
  readonly socket: PacketSocket;
  /** What the peer must know first; asked for once, right after its hello. */
  readonly snapshot: () => readonly FeedItem[];
  readonly onOpen: () => void;
  readonly closeDescriptor: (descriptor: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** For the hello, for sending a request and for its answer (protocol section 2.6). */
export const feedDeadlineMs = 5_000;
/** The most updates that wait on one connection, beside its snapshot. */
export const maxQueuedUpdates = 100;

interface Queued extends FeedItem {
  readonly settle: (error?: AmbitError) => void;
  cancelled: boolean;
}

/** A connection; `done` resolves when it has ended, for whatever reason. */
export class FeedConnection {
  readonly #options: FeedConnectionOptions;
  readonly #queue: Queued[] = [];
  readonly done: Promise<void>;
  #updates = 0;
  #wake: (() => void) | undefined;
  #state: 'greeting' | 'open' | 'waiting' | 'closed' = 'greeting';

  constructor(options: FeedConnectionOptions) {
    this.#options = options;
    this.done = this.#run();
  }

  /** Sends a request when its turn comes and waits for the answer. When `signal` fires first, the
   * request is not sent any more if it still waits.
   * @throws AmbitError AMB1307 if the peer refuses it, does not answer or has too much to do;
   * AMB1306 if the connection ends before the answer */
  async update(item: FeedItem, signal?: AbortSignal): Promise<void> {
    if (this.#state === 'closed' || this.#updates >= maxQueuedUpdates) {
      this.#drop(item);
      throw this.#state === 'closed'
        ? connectionEnded()
        : new AmbitError('AMB1307', `${maxQueuedUpdates} changes wait for ztunnel already`);
    }
    this.#updates++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error?: AmbitError): void => (error === undefined ? resolve() : reject(error));
    const queued: Queued = { ...item, settle, cancelled: false };
    const onAbort = (): void => {
      queued.cancelled = true;
      reject(
        new AmbitError('AMB1307', 'ztunnel did not answer in time', { cause: signal?.reason }),
      );
    };
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#queue.push(queued);
    this.#wake?.();
    try {
      await promise;
    } finally {
      this.#updates--;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the connection. */
  close(): void {
    this.#end('closed by the agent');
  }

  async #run(): Promise<void> {
    try {
      if (!(await this.#greet())) return;
      this.#become('open', 'hello');
      this.#enqueueSnapshot();
      this.#options.onOpen();
      await this.#serve();
    } catch (error) {
      const { log } = this.#options;
      if (error instanceof AmbitError)
        log.warn({ code: error.code, error: causeChain(error) }, 'ztunnel dropped');
      else log.info({ error: causeChain(error) }, 'connection of ztunnel broke');
    } finally {
      this.#end('connection over');
    }
  }

  /** False when the peer has gone without a word. */
  async #greet(): Promise<boolean> {
    const packet = await this.#within('say hello', this.#receive());
    if (packet === undefined) return false;
    const hello = decodeZdsHello(packet);
    if (hello.kind === 'problem') throw violation(hello.problem);
    return true;
  }

  #enqueueSnapshot(): void {
    const { log, snapshot } = this.#options;
    const items = [...snapshot(), { request: { kind: 'snapshot-sent' } } satisfies FeedItem];
    const before = items.map((item): Queued => {
      const settle = (error?: AmbitError): void => {
        if (error === undefined) return;
        log.warn(
          { code: error.code, error: causeChain(error), request: item.request },
          'snapshot entry refused',
        );
      };
      return { ...item, settle, cancelled: false };
    });
    this.#queue.unshift(...before);
  }

  /** Works the queue off until the peer goes. One receive is always under way, so a peer that dies
   * or speaks unasked is noticed at once. */
  async #serve(): Promise<void> {
    let incoming = this.#receive();
    while (this.#state !== 'closed') {
      const next = this.#queue.shift();
      if (next === undefined) {
        const woken = new Promise<'woken'>((resolve) => {
          this.#wake = () => resolve('woken');
        });
        const event = await Promise.race([incoming, woken]);
        if (event === undefined) return;
        if (event !== 'woken') throw violation('ztunnel spoke without being asked');
        continue;
      }
      if (next.cancelled) {
        this.#drop(next);
        continue;
      }
      if (!(await this.#exchange(next, incoming))) return;
      incoming = this.#receive();
    }
  }

  /** Sends one request and settles it with the answer; false when the peer has gone. */
  async #exchange(item: Queued, incoming: Promise<Uint8Array | undefined>): Promise<boolean> {
    const { socket } = this.#options;
    this.#become('waiting', item.request.kind);
    try {
      const descriptors = item.descriptor === undefined ? [] : [item.descriptor];
      const sent = socket.send(encodeZdsRequest(item.request), descriptors);
      await this.#within('take a request', sent);
      const bytes = await this.#within('answer', incoming);
      if (bytes === undefined) {
        item.settle(connectionEnded());
        return false;
      }
      const ack = decodeZdsAck(bytes);
      if (ack.kind === 'problem') throw violation(ack.problem);
      const { error } = ack.value;
      item.settle(error === '' ? undefined : new AmbitError('AMB1307', `ztunnel said: ${error}`));
      this.#become('open', error === '' ? 'ack' : 'nack');
      return true;
    } catch (error) {
      item.settle(error instanceof AmbitError ? error : connectionEnded(error));
      throw error;
    } finally {
      this.#drop(item);
    }
  }

  #receive(): Promise<Uint8Array | undefined> {
    const receive = async (): Promise<Uint8Array | undefined> => {
      const packet = await this.#options.socket.receive();
      for (const one of packet?.descriptors ?? []) this.#options.closeDescriptor(one);
      return packet?.bytes;
    };
    const incoming = receive();
    // Whoever waits for it hears of a failure; it may come when nobody does.
    incoming.catch(() => undefined);
    return incoming;
  }

  async #within<T>(what: string, work: Promise<T>): Promise<T> {
    const timer = new AbortController();
    const late = async (): Promise<never> => {
      await this.#options.clock.wait(feedDeadlineMs, timer.signal);
      const seconds = feedDeadlineMs / 1000;
      throw new AmbitError('AMB1307', `ztunnel did not ${what} within ${seconds} s`);
    };
    const waiting = late();
    waiting.catch(() => undefined);
    try {
      return await Promise.race([work, waiting]);
    } finally {
      timer.abort();
    }
  }

  #become(state: 'open' | 'waiting', cause: string): void {
    if (this.#state === 'closed') return;
    this.#options.log.debug({ from: this.#state, to: state, cause }, 'pod feed');
    this.#state = state;
  }

  #end(cause: string): void {
    if (this.#state === 'closed') return;
    this.#options.log.debug({ from: this.#state, to: 'closed', cause }, 'pod feed');
    this.#state = 'closed';
    this.#options.socket.close();
    for (const item of this.#queue.splice(0)) {
      this.#drop(item);
      item.settle(connectionEnded());
    }
    this.#wake?.();
  }

  #drop(item: FeedItem): void {
    if (item.descriptor !== undefined) this.#options.closeDescriptor(item.descriptor);
  }
}

function connectionEnded(cause?: unknown): AmbitError {
  return new AmbitError('AMB1306', 'ztunnel went away before it answered', { cause });
}

function violation(problem: string): AmbitError {
  return new AmbitError('AMB1312', problem);
}
