// One request of HTTP/1.1 and its response, on the messages of node:http.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderList } from '../../mesh/header-operations.ts';
import type { AmbitError } from '../../runtime/errors.ts';
import type {
  BodySink,
  Exchange,
  HeadProblem,
  RequestHead,
  ResponseHead,
} from '../request/exchange.ts';
import { headerIn, headerRecord, pairsOf, withoutHopHeaders } from '../request/hop-headers.ts';
import { readableBody } from '../request/readable-body.ts';
import { allowedTrailers } from '../request/trailers.ts';
import { writeTo } from '../request/write-to.ts';
import { checkHead, otherProtocol, type RawHead } from './check-head.ts';

interface InformingResponse {
  writeInformation?: (status: number, headers: Record<string, string | string[]>) => void;
}

/** A head that was read, and what is wrong with it. */
export interface ReadHead {
  readonly head: RequestHead;
  readonly problem?: HeadProblem;
}

/** The head of a request. `fallback` is the authority where HTTP/1.0 names none; `upgrade` the protocol
 * that the connection is to change to. */
export function readHead(request: IncomingMessage, fallback: string, upgrade?: string): ReadHead {
  const headers = pairsOf(request.rawHeaders);
  const { method = '', url = '', httpVersion } = request;
  const raw: RawHead = { method, target: url, version: httpVersion, headers };
  const { target, authority, problem } = checkHead(raw, fallback);
  return {
    head: {
      method,
      target,
      authority,
      scheme: 'http',
      headers: withoutHopHeaders(headers).filter(([name]) => {
        const lower = name.toLowerCase();
        return lower !== 'host' && lower !== 'expect';
      }),
      version: httpVersion === '1.0' ? '1.0' : '1.1',
      ...(upgrade === undefined ? {} : { upgrade }),
    },
    ...(problem === undefined ? {} : { problem }),
  };
}

/** The protocol that a request may change its connection to; undefined when it stays. A body before the
 * change would be read differently by different endpoints. */
export function upgradeOf(request: IncomingMessage): string | undefined {
  const { upgrade } = request.headers;
  const length = request.headers['content-length'] ?? '0';
  const hasBody = length !== '0' || request.headers['transfer-encoding'] !== undefined;
  if (upgrade === undefined || hasBody || request.httpVersion !== '1.1') return undefined;
  return otherProtocol(upgrade);
}

/** A request under way. */
export interface Http1Exchange extends Exchange {
  /** Whether its body is still to come. */
  readonly isArriving: boolean;
  /** What follows of the body can not be understood. */
  fail(error: AmbitError): void;
}

/** The exchange of a request. */
export function http1Exchange(
  request: IncomingMessage,
  response: ServerResponse,
  { head, problem }: ReadHead,
  expectsContinue: boolean,
): Http1Exchange {
  const { headers } = request;
  const announced = headers['content-length'];
  const hasBody = announced !== undefined || headers['transfer-encoding'] !== undefined;
  const length = hasBody ? (announced === undefined ? undefined : Number(announced)) : 0;
  const gone = new AbortController();
  // What is left of a refused request is not worth reading.
  if (problem !== undefined) response.shouldKeepAlive = false;
  response.on('close', () => {
    if (response.writableFinished) return;
    gone.abort(request.socket.errored ?? new Error('the client closed its connection'));
  });
  response.on('error', (error) => gone.abort(error));
  request.on('error', () => undefined);
  return {
    head,
    ...(problem === undefined ? {} : { problem }),
    body: readableBody(request, {
      length,
      trailers: () => allowedTrailers(pairsOf(request.rawTrailers)),
      endProblem: () => (request.complete ? undefined : new Error('the request broke off')),
      ...(expectsContinue ? { onFirstRead: () => response.writeContinue() } : {}),
    }),
    signal: gone.signal,
    inform: (informational) => inform(request, response, informational),
    respond: (answer, options) => respond(response, answer, options?.bodyless === true),
    upgrade: () => {
      throw new TypeError('the client asked for no upgrade');
    },
    abort: (reason) => {
      response.destroy(reason);
    },
    get isArriving() {
      return !request.complete;
    },
    fail: (error) => {
      response.shouldKeepAlive = false;
      // The connection stays for the answer.
      request._destroy = (reason, done) => done(reason);
      request.destroy(error);
    },
  };
}

function inform(request: IncomingMessage, response: ServerResponse, head: ResponseHead): void {
  // Node before 26 can send only some of these; a proxy may leave them out (RFC 9110 section 15.2).
  if (request.httpVersion === '1.0' || response.headersSent || head.status === 100) return;
  const { writeInformation } = response as InformingResponse;
  writeInformation?.call(response, head.status, headerRecord(head.headers));
}

function respond(response: ServerResponse, head: ResponseHead, bodyless: boolean): BodySink {
  response.sendDate = false;
  response.strictContentLength = false;
  const isChunked =
    !bodyless &&
    response.req.httpVersion !== '1.0' &&
    headerIn(head.headers, 'content-length') === undefined;
  // Only chunked messages have trailers, so nothing else may announce them.
  const fields: HeaderList = isChunked
    ? head.headers
    : head.headers.filter(([name]) => name.toLowerCase() !== 'trailer');
  response.writeHead(head.status, fields.flat());
  if (bodyless) response.end();
  else response.flushHeaders();
  return {
    write: (bytes) => writeTo(response, bytes),
    end: async (trailers = []) => {
      if (response.writableEnded) return;
      if (trailers.length > 0)
        response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]));
      response.end();
    },
  };
}
