// HTTP/2 with prior knowledge (and so gRPC) from clients, on node:http2 over any byte stream.

import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { toDuplex } from '../../dataplane/duplex-stream.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { AmbitError } from '../../runtime/errors.ts';
import {
  connectionWindowBytes,
  maxConcurrentStreams,
  maxFields,
  maxHeadBytes,
  streamResets,
  streamWindowBytes,
} from '../limits.ts';
import type { Exchange, HeadProblem } from '../request/exchange.ts';
import { pairsOf } from '../request/hop-headers.ts';
import { FrameWatch, type SentEnd, watchedStream } from './frame-watch.ts';
import { http2Exchange } from './http2-exchange.ts';

const options = {
  settings: {
    enablePush: false,
    enableConnectProtocol: true,
    maxConcurrentStreams,
    initialWindowSize: streamWindowBytes,
    maxHeaderListSize: maxHeadBytes,
  },
  // Room for pseudo-headers and for one too many, which is answered rather than reset.
  maxHeaderListPairs: maxFields + 8,
  streamResetBurst: streamResets.burst,
  streamResetRate: streamResets.perSecond,
};

/** What becomes of one connection's requests. */
export interface Http2Connection {
  /** Must answer or abort each exchange. */
  readonly serve: (exchange: Exchange) => void;
  /** Takes note of what was no request and has been reset. */
  readonly malformed: (problem: HeadProblem) => void;
  /** Counts a request that has an exchange, and was reset. */
  readonly refused: (code: Code) => void;
}

/** Serves the requests of connections. */
export class Http2Front {
  readonly #sessions = new Set<ServerHttp2Session>();
  #stage: 'serving' | 'leaving' | 'closing' = 'serving';

  /** Takes over a connection. */
  attach(stream: ByteStream, connection: Http2Connection): void {
    const session = startSession(stream, connection);
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    if (this.#stage === 'leaving') sendLeaving(session);
    else if (this.#stage === 'closing') session.close();
  }

  /** Tells every client to send its next requests elsewhere. Those that are on their way are still taken. */
  drain(): void {
    this.#stage = 'leaving';
    for (const session of this.#sessions) sendLeaving(session);
  }

  /** Takes no more requests; connections close with their last one. */
  closeIdle(): void {
    this.#stage = 'closing';
    for (const session of this.#sessions) session.close();
  }
}

/** GOAWAY with the highest id, which refuses no stream yet (RFC 9113 section 6.8). */
function sendLeaving(session: ServerHttp2Session): void {
  if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
}

function startSession(below: ByteStream, connection: Http2Connection): ServerHttp2Session {
  const faults = new ClientFaults(connection);
  const watch = new FrameWatch((end) => faults.onSent(end));
  const duplex = toDuplex(watchedStream(below, watch));
  const session = performServerHandshake(duplex, options);
  session.on('error', (error) => {
    faults.onError(error);
    duplex.destroy();
  });
  duplex.on('close', () => session.destroy());
  // The streams tell the reason.
  duplex.on('error', (error) => session.destroy(error));
  session.on('connect', () => {
    // The event may come after the end of what it announces.
    if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes);
  });
  session.on(
    'stream',
    (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, flags: number, raw: string[]) => {
      const { id = 0 } = stream;
      faults.begin(id);
      const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
      const explain = (error?: Error): Error | undefined => faults.of(id, error);
      const exchange = http2Exchange(stream, pairsOf(raw), hasBody, explain);
      stream.on('close', () => faults.end(id));
      connection.serve(exchange);
    },
  );
  return session;
}

/** What a client did wrong on one connection: on its requests, or beside them. */
class ClientFaults {
  readonly #connection: Http2Connection;
  /** Streams with an exchange; why they were reset, once they were for a fault of the client. */
  readonly #streams = new Map<number, AmbitError | undefined>();
  #hasFailedInside = false;
  #isTold = false;

  constructor(connection: Http2Connection) {
    this.#connection = connection;
  }

  begin(stream: number): void {
    this.#streams.set(stream, undefined);
  }

  end(stream: number): void {
    this.#streams.delete(stream);
  }

  /** Why a stream with an exchange ended; `error` is its own. */
  of(stream: number, error: Error | undefined): Error | undefined {
    if (error !== undefined && isProtocolError(error)) this.#tell(stream, brokenRules);
    return this.#streams.get(stream);
  }

  onSent(end: SentEnd): void {
    this.#hasFailedInside ||=
      end.stream === 0 && end.errorCode === constants.NGHTTP2_INTERNAL_ERROR;
    const problem = faultOf(end);
    if (problem !== undefined) this.#tell(end.stream, problem);
  }

  /** The session failed. So nghttp2 ends connections whose streams are reset too often. */
  onError(error: Error): void {
    if (!isProtocolError(error)) return;
    if (this.#hasFailedInside) this.#tell(0, tooManyResets);
    else if (!this.#isTold) this.#tell(0, brokenRules);
  }

  #tell(stream: number, problem: HeadProblem): void {
    this.#isTold = true;
    if (!this.#streams.has(stream)) {
      this.#connection.malformed(problem);
    } else if (this.#streams.get(stream) === undefined) {
      this.#streams.set(stream, new AmbitError(problem.code, problem.reason));
      this.#connection.refused(problem.code);
    }
  }
}

/** Whether nghttp2 gave up, rather than the connection below. */
function isProtocolError(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_HTTP2_ERROR';
}

const brokenRules: HeadProblem = {
  status: 0,
  code: 'AMB1752',
  reason: 'the connection was closed for a breach of the protocol',
};

const tooManyResets: HeadProblem = {
  status: 0,
  code: 'AMB1753',
  reason: `more than ${streamResets.burst} streams were reset, and more than ${streamResets.perSecond} a second`,
};

/** What the client did wrong, by the error code that it was sent; undefined when nothing. */
function faultOf({ stream, errorCode }: SentEnd): HeadProblem | undefined {
  const name = faultNames.get(errorCode);
  if (name === undefined) return undefined;
  const what = stream === 0 ? 'the connection' : `stream ${stream}`;
  const code = name === 'ENHANCE_YOUR_CALM' ? 'AMB1753' : 'AMB1752';
  return { status: 0, code, reason: `${what} was ended with ${name}` };
}

const faultNames = new Map([
  [constants.NGHTTP2_PROTOCOL_ERROR, 'PROTOCOL_ERROR'],
  [constants.NGHTTP2_FLOW_CONTROL_ERROR, 'FLOW_CONTROL_ERROR'],
  [constants.NGHTTP2_STREAM_CLOSED, 'STREAM_CLOSED'],
  [constants.NGHTTP2_FRAME_SIZE_ERROR, 'FRAME_SIZE_ERROR'],
  [constants.NGHTTP2_COMPRESSION_ERROR, 'COMPRESSION_ERROR'],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'ENHANCE_YOUR_CALM'],
]);
