// HTTP/1.1 from clients, on node:http over any duplex.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../../mesh/header-operations.ts';
import type { BodySink, Exchange, RequestHead, ResponseHead } from '../request/exchange.ts';
import { headerIn, headerRecord, pairsOf, withoutHopHeaders } from '../request/hop-headers.ts';
import { readableBody } from '../request/readable-body.ts';
import { writeTo } from '../request/write-to.ts';
import { upgradeExchange } from './http1-upgrade.ts';

/** Largest head of a request, bytes. */
const maxHeadBytes = 64 * 1024;

interface InformingResponse {
  writeInformation?: (status: number, headers: Record<string, string | string[]>) => void;
}

/** What becomes of one connection's requests. */
export interface Http1Connection {
  /** Must answer or abort each exchange. */
  readonly serve: (exchange: Exchange) => void;
  /** Takes note of bytes that are no request; answers the value of `ambit-decision`. */
  readonly malformed: (error: Error) => string;
}

/** Serves the requests of connections. */
export class Http1Front implements Disposable {
  readonly #server: Server;
  readonly #connections = new Map<Duplex, Http1Connection>();
  /** Requests under way by connection; node:http keeps count only of connections it accepted. */
  readonly #busy = new Map<Duplex, number>();
  #isDraining = false;

  constructor() {
    this.#server = createServer({
      maxHeaderSize: maxHeadBytes,
      // Idle connections end with their tunnel stream; slow ones are the endpoint's concern.
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      insecureHTTPParser: false,
      // A request without one is refused by the pipeline, with a code.
      requireHostHeader: false,
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    });
    this.#server.timeout = 0;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      this.#serve(request, response, false);
    };
    this.#server.on('request', onRequest);
    // No expectation but 100-continue is defined; RFC 9110 section 10.1.1 lets others be ignored.
    this.#server.on('checkExpectation', onRequest);
    this.#server.on('checkContinue', (request, response) => {
      this.#serve(request, response, true);
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#connections.get(socket)?.serve(upgradeExchange(headOf(request), socket, head));
    });
    this.#server.on('clientError', (error, socket) => this.#refuse(error, socket));
  }

  /** Takes over a connection. */
  attach(duplex: Duplex, connection: Http1Connection): void {
    this.#connections.set(duplex, connection);
    duplex.on('close', () => this.#connections.delete(duplex));
    duplex.on('error', () => duplex.destroy());
    this.#server.emit('connection', duplex);
  }

  /** Closes idle connections now, and the others after their responses. */
  drain(): void {
    this.#isDraining = true;
    for (const duplex of this.#connections.keys()) {
      if (!this.#busy.has(duplex)) duplex.end();
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    // It is the duplex that was attached, whatever the type says.
    const duplex: Duplex = request.socket;
    this.#busy.set(duplex, (this.#busy.get(duplex) ?? 0) + 1);
    if (this.#isDraining) response.shouldKeepAlive = false;
    response.on('close', () => {
      const left = (this.#busy.get(duplex) ?? 0) - 1;
      if (left > 0) this.#busy.set(duplex, left);
      else this.#busy.delete(duplex);
      if (left <= 0 && this.#isDraining) duplex.end();
    });
    this.#connections.get(duplex)?.serve(exchangeOf(request, response, expectsContinue));
  }

  /** Answers what node:http could not read; a broken connection is only closed. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const connection = this.#connections.get(socket);
    if (!socket.writable || connection === undefined || error.code?.startsWith('HPE_') !== true) {
      socket.destroy();
      return;
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
    const decision = `ambit-decision: ${connection.malformed(error)}`;
    socket.end(
      `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n${decision}\r\n\r\n`,
    );
  }

  /** Stops what the server does by the clock; connections belong to their owners. */
  [Symbol.dispose](): void {
    this.#server.close();
  }
}

function headOf(request: IncomingMessage): RequestHead {
  const raw = pairsOf(request.rawHeaders);
  const upgrade = request.headers.upgrade?.toLowerCase();
  const target = request.url ?? '';
  const absolute = /^https?:\/\/([^/?#]+)/i.exec(target);
  return {
    method: request.method ?? '',
    target: absolute === null ? target : target.slice(absolute[0].length) || '/',
    authority: absolute?.[1] ?? hostIn(raw),
    scheme: 'http',
    headers: withoutHopHeaders(raw).filter(([name]) => {
      const lower = name.toLowerCase();
      return lower !== 'host' && lower !== 'expect';
    }),
    version: request.httpVersion === '1.0' ? '1.0' : '1.1',
    ...(upgrade === 'websocket' ? { upgrade } : {}),
  };
}

/** The one `Host`; empty when there is none or more than one, which deserves 400 (RFC 9112 section
 * 3.2). */
function hostIn(headers: HeaderList): string {
  const hosts = headers.filter(([name]) => name.length === 4 && name.toLowerCase() === 'host');
  return hosts.length === 1 ? (hosts[0]?.[1] ?? '') : '';
}

function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  expectsContinue: boolean,
): Exchange {
  const { headers } = request;
  const announced = headers['content-length'];
  const hasBody = announced !== undefined || headers['transfer-encoding'] !== undefined;
  const length = hasBody ? (announced === undefined ? undefined : Number(announced)) : 0;
  const gone = new AbortController();
  response.on('close', () => {
    if (response.writableFinished) return;
    gone.abort(request.socket.errored ?? new Error('the client closed its connection'));
  });
  response.on('error', (error) => gone.abort(error));
  return {
    head: headOf(request),
    body: readableBody(request, {
      length,
      trailers: () => pairsOf(request.rawTrailers),
      endProblem: () => (request.complete ? undefined : new Error('the request broke off')),
      ...(expectsContinue ? { onFirstRead: () => response.writeContinue() } : {}),
    }),
    signal: gone.signal,
    inform: (head) => {
      // Node before 26 can send only some of these; a proxy may leave them out (RFC 9110 section 15.2).
      if (request.httpVersion === '1.0' || response.headersSent) return;
      const { writeInformation } = response as InformingResponse;
      writeInformation?.call(response, head.status, headerRecord(head.headers));
    },
    respond: (head, options) => respond(response, head, options?.bodyless === true),
    upgrade: () => {
      throw new TypeError('the client asked for no upgrade');
    },
    abort: (reason) => {
      response.destroy(reason);
    },
  };
}

function respond(response: ServerResponse, head: ResponseHead, bodyless: boolean): BodySink {
  response.sendDate = false;
  response.strictContentLength = false;
  const isChunked =
    !bodyless &&
    response.req.httpVersion !== '1.0' &&
    headerIn(head.headers, 'content-length') === undefined;
  // Only chunked messages have trailers, so nothing else may announce them.
  const fields = isChunked
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
