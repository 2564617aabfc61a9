// One request of HTTP/2 and its response, on a stream of node:http2.

import { constants, type ServerHttp2Stream } from 'node:http2';
import { DuplexStream } from '../../dataplane/duplex-stream.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import {
  type BodySink,
  type Exchange,
  type HeadProblem,
  noBody,
  type RequestHead,
  type ResponseHead,
} from '../request/exchange.ts';
import { headerIn, headerRecord, pairsOf, withoutHopHeaders } from '../request/hop-headers.ts';
import { readableBody } from '../request/readable-body.ts';
import { allowedTrailers } from '../request/trailers.ts';
import { websocketAccept } from '../request/websocket-key.ts';
import { writeTo } from '../request/write-to.ts';
import { checkHead, otherProtocol, type RawHead } from './check-head.ts';

/** The head of a request, and what is wrong with it. A CONNECT with a `:protocol` is the request that an
 * HTTP/1.1 client would make with `Upgrade` (RFC 8441 section 4). */
function readHead(fields: HeaderList): {
  readonly head: RequestHead;
  readonly problem?: HeadProblem;
} {
  const pseudo = new Map(fields.filter(([name]) => name.startsWith(':')));
  const headers = fields.filter(([name]) => !name.startsWith(':'));
  const asked = pseudo.get(':method') ?? '';
  const protocol = asked === 'CONNECT' ? otherProtocol(pseudo.get(':protocol') ?? '') : undefined;
  const method = protocol === undefined ? asked : 'GET';
  const scheme = pseudo.get(':scheme') ?? 'http';
  const named = pseudo.get(':authority');
  const raw: RawHead = {
    method,
    target: pseudo.get(':path') ?? '',
    version: '2',
    headers,
    scheme,
    ...(named === undefined ? {} : { authority: named }),
  };
  const { target, authority, problem } = checkHead(raw, '');
  return {
    head: {
      method,
      target,
      authority,
      scheme,
      headers: withoutHopHeaders(headers).filter(([name]) => name !== 'host' && name !== 'expect'),
      version: '2',
      ...(protocol === undefined ? {} : { upgrade: protocol }),
    },
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Streams that are reset with these have no error event. */
const quietCodes = new Set<number>([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]);

/** The exchange of a stream. `explain` tells why a stream ended when the client broke the rules. */
export function http2Exchange(
  stream: ServerHttp2Stream,
  fields: HeaderList,
  hasBody: boolean,
  explain: (error?: Error) => Error | undefined,
): Exchange {
  const gone = new AbortController();
  const goneFor = (reason: string, error?: Error): void =>
    gone.abort(explain(error) ?? new Error(reason));
  let trailers: HeaderList = [];
  stream.on('trailers', (_headers, _flags, raw?: string[]) => {
    trailers = raw === undefined ? [] : allowedTrailers(pairsOf(raw));
  });
  stream.on('error', (error: Error) => goneFor(error.message, error));
  stream.on('aborted', () => {
    // What we reset it for ourselves is known by the time of its error, which follows.
    const isQuiet = quietCodes.has(stream.rstCode ?? constants.NGHTTP2_NO_ERROR);
    if (isQuiet) goneFor('the client reset the stream');
  });
  stream.on('close', () => {
    if (!stream.writableFinished) goneFor('the client closed the stream');
  });
  const endProblem = (): Error | undefined =>
    stream.aborted || stream.rstCode !== 0 ? new Error('the request broke off') : undefined;
  const { head, problem } = readHead(fields);
  const expectsContinue = headerIn(fields, 'expect')?.toLowerCase() === '100-continue';
  const inform = ({ status, headers }: ResponseHead): void => {
    if (stream.headersSent || stream.destroyed) return;
    stream.additionalHeaders({ ':status': status, ...headerRecord(headers) });
  };
  return {
    head,
    ...(problem === undefined ? {} : { problem }),
    body:
      head.upgrade === undefined
        ? readableBody(stream, {
            length: hasBody ? undefined : 0,
            trailers: () => trailers,
            endProblem,
            ...(expectsContinue ? { onFirstRead: () => inform({ status: 100, headers: [] }) } : {}),
          })
        : noBody,
    signal: gone.signal,
    inform: (informational) => {
      if (informational.status !== 100) inform(informational);
    },
    respond: (answer, options) => respond(stream, answer, options?.bodyless === true),
    upgrade: ({ headers }) => {
      const own = headers.filter(([name]) => name.toLowerCase() !== websocketAccept);
      stream.respond({ ':status': 200, ...headerRecord(own) });
      return new DuplexStream(stream, {
        endProblem,
        reset: (reason) => void stream.destroy(reason),
      });
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
