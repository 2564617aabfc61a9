// HTTP/1.1 from clients, on node:http over any duplex.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../runtime/clock.ts';
import { maxFields, maxHeadBytes } from '../limits.ts';
import { type Http1Connection, ServedConnection } from './http1-connection.ts';
import { http1Exchange, readHead, upgradeOf } from './http1-exchange.ts';
import { upgradeExchange } from './http1-upgrade.ts';

/** Serves the requests of connections. */
export class Http1Front implements Disposable {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #connections = new Map<Duplex, ServedConnection>();
  #isDraining = false;
  #isClosing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#server = createServer({
      maxHeaderSize: maxHeadBytes,
      // Those of node:http work only for connections that it accepted itself.
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      insecureHTTPParser: false,
      // A request without one is refused by the pipeline, with a code.
      requireHostHeader: false,
      shouldUpgradeCallback: (request) => upgradeOf(request) !== undefined,
    });
    this.#server.timeout = 0;
    // One more than may be, so that too many are seen rather than left out in silence.
    this.#server.maxHeadersCount = maxFields + 1;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      this.#serve(request, response, false);
    };
    this.#server.on('request', onRequest);
    // No expectation but 100-continue is defined; RFC 9110 section 10.1.1 lets others be ignored.
    this.#server.on('checkExpectation', onRequest);
    this.#server.on('checkContinue', (request, response) => {
      this.#serve(request, response, true);
    });
    const onLast = (request: IncomingMessage, duplex: Duplex, early: Buffer): void => {
      this.#serveLast(request, duplex, early);
    };
    this.#server.on('upgrade', onLast);
    this.#server.on('connect', onLast);
    this.#server.on('clientError', (error, duplex) => {
      const connection = this.#connections.get(duplex);
      if (connection === undefined) duplex.destroy();
      else connection.refuse(error);
    });
  }

  /** Takes over a connection. */
  attach(duplex: Duplex, owner: Http1Connection): void {
    const connection = new ServedConnection(duplex, owner, this.#clock);
    this.#connections.set(duplex, connection);
    duplex.on('close', () => this.#connections.delete(duplex));
    duplex.on('error', () => duplex.destroy());
    connection.watch(() => this.#server.emit('connection', duplex));
  }

  /** From now on each response is the last of its connection, and says so. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Closes connections without a request. */
  closeIdle(): void {
    this.#isClosing = true;
    for (const [duplex, connection] of this.#connections) {
      if (connection.isIdle) duplex.end();
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    // It is the duplex that was attached, whatever the type says.
    const duplex: Duplex = request.socket;
    const connection = this.#connections.get(duplex);
    if (connection === undefined) return;
    if (this.#isDraining) response.shouldKeepAlive = false;
    const read = readHead(request, connection.authority);
    const exchange = http1Exchange(request, response, read, expectsContinue);
    const underWay = connection.begin(exchange);
    response.on('close', () => {
      underWay.ended();
      // A client that was not told that this was the last answer may be sending its next request.
      const isLast = this.#isClosing || !response.shouldKeepAlive;
      if (connection.isIdle && this.#isDraining && isLast) duplex.end();
    });
  }

  #serveLast(request: IncomingMessage, duplex: Duplex, early: Buffer): void {
    const connection = this.#connections.get(duplex);
    if (connection === undefined) return;
    connection.unwatch();
    const read = readHead(request, connection.authority, upgradeOf(request));
    connection.serveLast(upgradeExchange(read, duplex, early));
  }

  /** Stops what the server does by the clock; connections belong to their owners. */
  [Symbol.dispose](): void {
    this.#server.close();
  }
}
