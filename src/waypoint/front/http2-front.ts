// HTTP/2 with prior knowledge (and so gRPC) from clients, on node:http2 over any duplex.

import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../../mesh/header-operations.ts';
import type { BodySink, Exchange, RequestHead, ResponseHead } from '../request/exchange.ts';
import { headerRecord, pairsOf, withoutHopHeaders } from '../request/hop-headers.ts';
import { readableBody } from '../request/readable-body.ts';
import { writeTo } from '../request/write-to.ts';

const settings = {
  enablePush: false,
  maxConcurrentStreams: 100,
  initialWindowSize: 1024 * 1024,
  maxHeaderListSize: 64 * 1024,
};
/** Of the whole session, bytes. */
const connectionWindow = 4 * 1024 * 1024;

/** Serves the requests of connections. */
export class Http2Front {
  readonly #sessions = new Set<ServerHttp2Session>();
  #isDraining = false;

  /** Takes over a connection; `serve` must answer or abort each exchange. */
  attach(duplex: Duplex, serve: (exchange: Exchange) => void): void {
    const session = startSession(duplex, serve);
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    if (this.#isDraining) session.close();
  }

  /** Tells every client to send its next requests elsewhere; connections close when idle. */
  drain(): void {
    this.#isDraining = true;
    for (const session of this.#sessions) session.close();
  }
}

function startSession(duplex: Duplex, serve: (exchange: Exchange) => void): ServerHttp2Session {
  const session = performServerHandshake(duplex, { settings });
  session.on('error', () => duplex.destroy());
  duplex.on('close', () => session.destroy());
  // The streams tell the reason.
  duplex.on('error', (error) => session.destroy(error));
  session.on('connect', () => session.setLocalWindowSize(connectionWindow));
  session.on(
    'stream',
    (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, flags: number, raw: string[]) => {
      const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
      serve(exchangeOf(stream, pairsOf(raw), hasBody));
    },
  );
  return session;
}

function headOf(fields: HeaderList): RequestHead {
  const pseudo = new Map(fields.filter(([name]) => name.startsWith(':')));
  const host = fields.find(([name]) => name === 'host')?.[1];
  return {
    method: pseudo.get(':method') ?? '',
    target: pseudo.get(':path') ?? '',
    authority: pseudo.get(':authority') ?? host ?? '',
    scheme: pseudo.get(':scheme') ?? 'http',
    headers: withoutHopHeaders(fields).filter(([name]) => name !== 'host' && name !== 'expect'),
    version: '2',
  };
}

function exchangeOf(stream: ServerHttp2Stream, fields: HeaderList, hasBody: boolean): Exchange {
  const gone = new AbortController();
  let trailers: HeaderList = [];
  stream.on('trailers', (_headers, _flags, raw?: string[]) => {
    trailers = raw === undefined ? [] : pairsOf(raw);
  });
  stream.on('error', (error: Error) => gone.abort(error));
  stream.on('aborted', () => gone.abort(new Error('the client reset the stream')));
  stream.on('close', () => {
    if (!stream.writableFinished) gone.abort(new Error('the client closed the stream'));
  });
  const endProblem = (): Error | undefined =>
    stream.aborted || stream.rstCode !== 0 ? new Error('the request broke off') : undefined;
  const length = hasBody ? undefined : 0;
  return {
    head: headOf(fields),
    body: readableBody(stream, { length, trailers: () => trailers, endProblem }),
    signal: gone.signal,
    inform: ({ status, headers }) => {
      if (stream.headersSent || stream.destroyed) return;
      stream.additionalHeaders({ ':status': status, ...headerRecord(headers) });
    },
    respond: (head, options) => respond(stream, head, options?.bodyless === true),
    upgrade: () => {
      throw new TypeError('HTTP/2 has no upgrade');
    },
    abort: () => {
      // The client must not take what it got for the whole.
      if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    },
  };
}

function respond(stream: ServerHttp2Stream, head: ResponseHead, bodyless: boolean): BodySink {
  let lastFields: HeaderList = [];
  if (!stream.destroyed && !stream.closed) {
    // Without trailers this ends the stream with an empty DATA frame.
    stream.on('wantTrailers', () => stream.sendTrailers(headerRecord(lastFields)));
    const fields = { ':status': head.status, ...headerRecord(head.headers) };
    stream.respond(fields, bodyless ? { endStream: true } : { waitForTrailers: true });
  }
  return {
    write: (bytes) => writeTo(stream, bytes),
    end: (trailers = []) => {
      lastFields = trailers;
      if (!stream.destroyed) stream.end();
      return Promise.resolve();
    },
  };
}
