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

const settings = { enablePush: false, initialWindowSize: 1024 * 1024 };
/** Of the whole session, bytes. */
const connectionWindow = 4 * 1024 * 1024;

interface SendOptions {
  readonly signal: AbortSignal;
  readonly inform: (head: ResponseHead) => void;
}

/** A connection to an endpoint that speaks HTTP/2. */
export class Http2Upstream implements UpstreamConnection {
  readonly #session: ClientHttp2Session;
  readonly #stream: ByteStream;
  /** Resolves when the endpoint's settings are there, or will not come. */
  readonly #settled: Promise<void>;

  /** Takes over the stream. `onClose` is called when no more requests can be sent on it. */
  constructor(stream: ByteStream, onClose: () => void) {
    this.#stream = stream;
    const duplex = toDuplex(stream);
    this.#session = connect('http://upstream.invalid', {
      createConnection: () => duplex,
      settings,
    });
    this.#session.on('connect', () => this.#session.setLocalWindowSize(connectionWindow));
    this.#settled = new Promise((resolve) => {
      this.#session.once('remoteSettings', () => resolve());
      this.#session.once('close', () => resolve());
    });
    this.#session.on('goaway', onClose);
    this.#session.on('close', onClose);
    this.#session.on('error', onClose);
    duplex.on('close', () => this.#session.destroy());
    duplex.on('error', () => this.#session.destroy());
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  send(head: RequestHead, body: Body, options: SendOptions): Promise<UpstreamAnswer> {
    if (options.signal.aborted) {
      return Promise.reject(new UpstreamFailure('connect', options.signal.reason));
    }
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(requestFields(head), {
        endStream: body.length === 0 && head.upgrade === undefined,
        waitForTrailers: body.length !== 0,
      });
    } catch (error) {
      return Promise.reject(new UpstreamFailure('refused', error));
    }
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
