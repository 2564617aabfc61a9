// HTTP/2 with prior knowledge (and so gRPC) towards endpoints, on node:http2 over a byte stream. One
// connection carries many requests.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { DuplexStream, toDuplex } from '../../dataplane/duplex-stream.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Clock } from '../../runtime/clock.ts';
import { connectionWindowBytes, maxFields, maxHeadBytes, streamWindowBytes } from '../limits.ts';
import {
  type Body,
  noBody,
  type RequestHead,
  type ResponseHead,
  type UpstreamAnswer,
  type UpstreamConnection,
  UpstreamFailure,
} from '../request/exchange.ts';
import { headerRecord, pairsOf, withoutHopHeaders } from '../request/hop-headers.ts';
import { readableBody } from '../request/readable-body.ts';
import { allowedTrailers } from '../request/trailers.ts';
import { writeTo } from '../request/write-to.ts';
import { endGently } from './end-gently.ts';

const settings = {
  enablePush: false,
  initialWindowSize: streamWindowBytes,
  maxHeaderListSize: maxHeadBytes,
};

interface SendOptions {
  readonly signal: AbortSignal;
  readonly inform: (head: ResponseHead) => void;
}

/** A connection to an endpoint that speaks HTTP/2. */
export class Http2Upstream implements UpstreamConnection {
  readonly #session: ClientHttp2Session;
  readonly #stream: ByteStream;
  readonly #onFree: () => void;
  /** Requests that it was reserved for, and of those the ones that have not ended. */
  #taken = 0;
  #active = 0;
  /** Resolves when the endpoint's settings are there, or will not come. */
  readonly #settled: Promise<void>;

  /** Takes over the stream. `onFree` is called when a request has ended, and when no more can be sent. */
  constructor(stream: ByteStream, onFree: () => void) {
    this.#stream = stream;
    this.#onFree = onFree;
    const duplex = toDuplex(stream);
    this.#session = connect('http://upstream.invalid', {
      createConnection: () => duplex,
      settings,
      maxHeaderListPairs: maxFields,
    });
    this.#session.on('connect', () => {
      // The event may come after the end of what it announces.
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(connectionWindowBytes);
    });
    this.#settled = new Promise((resolve) => {
      this.#session.once('remoteSettings', () => resolve());
      this.#session.once('close', () => resolve());
    });
    this.#session.on('goaway', onFree);
    this.#session.on('close', onFree);
    this.#session.on('error', onFree);
    duplex.on('close', () => this.#session.destroy());
    duplex.on('error', () => this.#session.destroy());
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  get isIdle(): boolean {
    return this.isUsable && this.#active === 0;
  }

  /** Requests that it was reserved for so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether it could take a request beside those it has. `most` is how many it may have; the endpoint may
   * allow less. */
  isFree(most = Infinity): boolean {
    const { maxConcurrentStreams = Infinity } = this.#session.remoteSettings ?? {};
    return this.isUsable && this.#active < Math.min(most, maxConcurrentStreams);
  }

  /** Takes it for one `send`, if it is free. */
  reserve(most?: number): boolean {
    if (!this.isFree(most)) return false;
    this.#active++;
    this.#taken++;
    return true;
  }

  /** Asks the endpoint again and again whether it is there; one that does not answer in time is given up.
   * Resolves when the connection is closed. */
  async keepAlive(
    { intervalMs, timeoutMs }: { readonly intervalMs: number; readonly timeoutMs: number },
    clock: Clock,
  ): Promise<void> {
    const closed = new AbortController();
    this.#session.once('close', () => closed.abort());
    try {
      while (this.isUsable) {
        await clock.wait(intervalMs, closed.signal);
        const answered = new AbortController();
        this.#session.ping(() => answered.abort());
        const signal = AbortSignal.any([answered.signal, closed.signal]);
        await clock.wait(timeoutMs, signal).then(
          () => this.#session.destroy(new Error(`no answer to a PING within ${timeoutMs} ms`)),
          () => undefined,
        );
      }
    } catch {
      // It closed.
    }
  }

  /** To be called once after each `reserve`. */
  send(head: RequestHead, body: Body, options: SendOptions): Promise<UpstreamAnswer> {
    if (options.signal.aborted) {
      this.#end();
      return Promise.reject(new UpstreamFailure('connect', options.signal.reason));
    }
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(requestFields(head), {
        endStream: body.length === 0 && head.upgrade === undefined,
        waitForTrailers: body.length !== 0,
      });
    } catch (error) {
      this.#end();
      return Promise.reject(new UpstreamFailure('refused', error));
    }
    stream.once('close', () => this.#end());
    const answer = answerOf(stream, head, options);
    if (body.length !== 0) void sendBody(stream, body);
    return answer;
  }

  /** Whether requests that change to another protocol can be sent: the endpoint says so (RFC 8441 section 3). */
  async canUpgrade(): Promise<boolean> {
    // The settings come first, before any answer (RFC 9113 section 3.4).
    await this.#settled;
    return this.isUsable && this.#session.remoteSettings.enableConnectProtocol === true;
  }

  /** Gives back a reservation without sending anything. */
  release(): void {
    this.#end();
  }

  #end(): void {
    this.#active--;
    this.#onFree();
  }

  /** Closes the connection once its requests have ended, or the limit has passed. */
  close(clock: Clock): void {
    this.#session.close();
    void endGently(this.#stream, clock);
  }
}

function requestFields(head: RequestHead): Record<string, string | string[]> {
  return {
    ...(head.upgrade === undefined
      ? { ':method': head.method }
      : { ':method': 'CONNECT', ':protocol': head.upgrade }),
    ':scheme': head.scheme,
    ':authority': head.authority,
    ':path': head.target,
    ...headerRecord(head.headers),
  };
}

function answerOf(
  stream: ClientHttp2Stream,
  { upgrade }: RequestHead,
  options: SendOptions,
): Promise<UpstreamAnswer> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    let trailers: HeaderList = [];
    const onAbort = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener('abort', onAbort, { once: true });
    const endProblem = (): Error | undefined =>
      stream.rstCode === constants.NGHTTP2_NO_ERROR
        ? undefined
        : new Error(`the stream was reset with code ${stream.rstCode}`);
    stream.on('headers', (headers: IncomingHttpHeaders, _flags: number, raw?: string[]) => {
      options.inform(headFrom(headers, raw));
    });
    stream.on('trailers', (_headers: IncomingHttpHeaders, _flags: number, raw?: string[]) => {
      trailers = raw === undefined ? [] : allowedTrailers(pairsOf(raw));
    });
    stream.on('response', (headers: IncomingHttpHeaders, flags: number, raw?: string[]) => {
      const head = headFrom(headers, raw);
      if (upgrade !== undefined && head.status >= 200 && head.status < 300) {
        const reset = (reason: Error): void => void stream.destroy(reason);
        const changed = new DuplexStream(stream, { endProblem, reset });
        resolve({ kind: 'upgraded', head, stream: changed });
        return;
      }
      // A request that was refused the change has no body to send.
      if (upgrade !== undefined) stream.end();
      const isEmpty = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      // An unread stream would never close.
      if (isEmpty) stream.resume();
      const body = isEmpty
        ? noBody
        : readableBody(stream, { length: undefined, trailers: () => trailers, endProblem });
      resolve({ kind: 'response', head, body });
    });
    let failure: Error | undefined;
    stream.on('error', (error: Error) => (failure = error));
    stream.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
      const reason = signal.aborted
        ? signal.reason
        : (failure ?? new Error(`the stream was reset with code ${stream.rstCode}`));
      // After a response this has no effect.
      reject(new UpstreamFailure(isRefused ? 'refused' : 'reset', reason));
    });
  });
}

function headFrom(headers: IncomingHttpHeaders, raw: string[] | undefined): ResponseHead {
  const status = Number(headers[':status']);
  return { status, headers: raw === undefined ? [] : withoutHopHeaders(pairsOf(raw)) };
}

/** Sends a request body; a failure of the client's side resets the stream, one of the endpoint's is
 * told by the answer. */
async function sendBody(stream: ClientHttp2Stream, body: Body): Promise<void> {
  let trailers: HeaderList = [];
  // Without trailers this ends the stream with an empty DATA frame.
  stream.on('wantTrailers', () => stream.sendTrailers(headerRecord(trailers)));
  try {
    for (let bytes = await body.read(); bytes !== undefined; bytes = await body.read()) {
      await writeTo(stream, bytes);
    }
    trailers = body.trailers();
    stream.end();
  } catch {
    stream.close(constants.NGHTTP2_CANCEL);
  }
}
