// HTTP/1.1 towards endpoints: one connection, by undici over a byte stream.

import type { Socket } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { DuplexStream, toDuplex } from '../../dataplane/duplex-stream.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Clock } from '../../runtime/clock.ts';
import { maxHeadBytes } from '../limits.ts';
import {
  type Body,
  type RequestHead,
  type ResponseHead,
  type UpstreamAnswer,
  type UpstreamConnection,
  UpstreamFailure,
} from '../request/exchange.ts';
import { pairsOf, withoutHopHeaders } from '../request/hop-headers.ts';
import { allowedTrailers } from '../request/trailers.ts';
import { endGently } from './end-gently.ts';
import { ReceivedBody } from './received-body.ts';
import { trailingDuplex } from './trailing-duplex.ts';

/** Undici's own limit of idle connections, milliseconds; how long they are kept is the pool's to say. What
 * the endpoint says in `Keep-Alive` counts still. */
const idleMs = 86_400_000;

type Controller = Dispatcher.DispatchController;

/** A connection to an endpoint that speaks HTTP/1.1; it carries one request at a time. */
export class Http1Upstream implements UpstreamConnection {
  readonly #client: Client;
  readonly #stream: ByteStream;
  readonly #trail: (trailers: HeaderList) => void;
  #busy = false;
  #usable = true;
  #taken = 0;

  /** Takes over the stream. `onIdle` is called when the connection can take another request, or is
   * closed. */
  constructor(stream: ByteStream, onIdle: () => void) {
    this.#stream = stream;
    const { duplex, trail } = trailingDuplex(toDuplex(stream));
    this.#trail = trail;
    let isTaken = false;
    this.#client = new Client('http://upstream.invalid', {
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: maxHeadBytes,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      // Undici would connect again after a loss; this connection has only the one stream.
      connect: (_options, done) => {
        const isLate = isTaken;
        // Undici does not notice a connection that is there before its call returns.
        queueMicrotask(() => {
          if (isLate) done(new Error('the connection is closed'), null);
          else done(null, duplex as unknown as Socket);
        });
        isTaken = true;
      },
    });
    duplex.on('close', () => {
      this.#usable = false;
      onIdle();
      void this.#client.destroy().catch(() => undefined);
    });
    this.#onIdle = onIdle;
  }

  readonly #onIdle: () => void;

  /** Takes it for one `send`, if it can take a request now. */
  reserve(): boolean {
    if (!this.isIdle) return false;
    this.#busy = true;
    this.#taken++;
    return true;
  }

  /** Whether it could take a request now. */
  isFree(): boolean {
    return this.isIdle;
  }

  get isUsable(): boolean {
    return this.#usable;
  }

  /** It can carry requests and carries none. */
  get isIdle(): boolean {
    return this.#usable && !this.#busy;
  }

  /** Requests that it was reserved for so far. */
  get taken(): number {
    return this.#taken;
  }

  /** To be called once after each `reserve`. */
  send(
    head: RequestHead,
    body: Body,
    options: { readonly signal: AbortSignal; readonly inform: (head: ResponseHead) => void },
  ): Promise<UpstreamAnswer> {
    const free = (): void => {
      this.#busy = false;
      this.#onIdle();
    };
    return new Promise((resolve, reject) => {
      const request = new Request({ ...options, free, resolve, reject });
      const onAbort = (): void => request.abort(asError(options.signal.reason));
      if (options.signal.aborted) {
        free();
        reject(new UpstreamFailure('connect', options.signal.reason));
        return;
      }
      options.signal.addEventListener('abort', onAbort, { once: true });
      request.onEnd = () => options.signal.removeEventListener('abort', onAbort);
      try {
        this.#client.dispatch(dispatchOptions(head, body, this.#trail), request);
      } catch (error) {
        request.onEnd();
        free();
        reject(new UpstreamFailure('connect', error));
      }
    });
  }

  /** Closes the connection: gently when it is idle. */
  close(clock: Clock): void {
    if (!this.isIdle) {
      this.destroy();
      return;
    }
    this.#usable = false;
    void endGently(this.#stream, clock);
  }

  /** Closes the connection, whatever it carries. */
  destroy(): void {
    this.#usable = false;
    void this.#client.destroy().catch(() => undefined);
  }
}

function dispatchOptions(
  head: RequestHead,
  body: Body,
  trail: (trailers: HeaderList) => void,
): Dispatcher.DispatchOptions {
  return {
    path: head.target,
    method: head.method as Dispatcher.HttpMethod,
    headers: ['host', head.authority, ...head.headers.flat()],
    body: body.length === 0 ? null : (chunksOf(body, trail) as unknown as Buffer),
    upgrade: head.upgrade ?? null,
    reset: false,
    idempotent: false,
  };
}

async function* chunksOf(
  body: Body,
  trail: (trailers: HeaderList) => void,
): AsyncGenerator<Uint8Array> {
  for (let bytes = await body.read(); bytes !== undefined; bytes = await body.read()) yield bytes;
  trail(body.trailers());
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

interface RequestParts {
  readonly inform: (head: ResponseHead) => void;
  readonly free: () => void;
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (failure: UpstreamFailure) => void;
}

/** What undici calls while one request is under way. */
class Request implements Dispatcher.DispatchHandler {
  onEnd: () => void = () => undefined;
  readonly #parts: RequestParts;
  #controller: Controller | undefined;
  #abortReason: Error | undefined;
  #body: ReceivedBody | undefined;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#abortReason !== undefined) controller.abort(this.#abortReason);
  }

  onResponseStart(controller: Controller, status: number): void {
    const head = { status, headers: withoutHopHeaders(pairsOf(textsOf(controller.rawHeaders))) };
    if (status < 200) {
      this.#parts.inform(head);
      return;
    }
    this.#body = new ReceivedBody(lengthIn(head), () => controller.resume());
    this.#parts.resolve({ kind: 'response', head, body: this.#body });
  }

  onRequestUpgrade(
    controller: Controller,
    status: number,
    _headers: object,
    socket: unknown,
  ): void {
    this.onEnd();
    const headers = withoutHopHeaders(pairsOf(textsOf(controller.rawHeaders)));
    const duplex = socket as ReturnType<typeof toDuplex>;
    const stream = new DuplexStream(duplex, { reset: (reason) => duplex.destroy(reason) });
    this.#parts.resolve({ kind: 'upgraded', head: { status, headers }, stream });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(controller: Controller): void {
    this.onEnd();
    this.#body?.end(allowedTrailers(pairsOf(textsOf(controller.rawTrailers))));
    this.#parts.free();
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.onEnd();
    const reason = this.#abortReason ?? error;
    if (this.#body === undefined) this.#parts.reject(new UpstreamFailure('reset', reason));
    else this.#body.fail(reason);
    this.#parts.free();
  }
}

function lengthIn({ headers }: ResponseHead): number | undefined {
  const announced = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  return announced === undefined ? undefined : Number(announced);
}

function textsOf(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  return (raw as (Buffer | string)[]).map((one) =>
    typeof one === 'string' ? one : one.toString('latin1'),
  );
}
