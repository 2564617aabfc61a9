// Serves the validating webhook over HTTPS, with a certificate that is exchanged while it runs.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ServingCertificate } from '../ca/serving-certificate.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { reviewBody } from './review.ts';

/** Two objects of the largest size that the API server stores, and what is around them. */
const maxBodyBytes = 8 * 1024 * 1024;
/** API servers give up after 30 s at the latest. */
const requestTimeoutMs = 30_000;
const maxConnections = 256;
/** How long reviews under way may take at the end; each takes milliseconds. */
const drainMs = 1_000;

/** Where the webhook answers. */
export const validatePath = '/validate';

export interface WebhookServerOptions {
  readonly host: string;
  readonly port: number;
  readonly certificate: ServingCertificate;
  readonly metrics: AdmissionMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running webhook; its owner disposes it. */
export class WebhookServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #stopFollowing: () => void;
  /** Also those that have not begun to speak TLS, which the server does not count as its own. */
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, clock: Clock, stopFollowing: () => void) {
    this.#server = server;
    this.#clock = clock;
    this.#stopFollowing = stopFollowing;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens. Rejects when the port is in use. */
  static async listen(options: WebhookServerOptions): Promise<WebhookServer> {
    const { host, port, certificate } = options;
    const server = createServer({ minVersion: 'TLSv1.2' }, (request, response) => {
      void answer(options, request, response);
    });
    server.requestTimeout = requestTimeoutMs;
    server.maxConnections = maxConnections;
    const stopFollowing = certificate.follow((pair) => server.setSecureContext(pair));
    const running = new WebhookServer(server, options.clock, stopFollowing);
    server.listen({ host, port });
    await once(server, 'listening');
    return running;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** A review that is cut off refuses a write, so those under way are answered first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopFollowing();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const late = new AbortController();
    const waited = this.#clock.wait(drainMs, late.signal).catch(() => undefined);
    await Promise.race([closed, waited]);
    late.abort();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

async function answer(
  options: WebhookServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { metrics, log } = options;
  response.on('error', () => {
    // The API server went away; it asks again when it wants to know.
  });
  const refuse = (status: number, message: string): void => {
    metrics.unreadable(status);
    send(response, status, 'text/plain', `${message}\n`);
  };
  try {
    const problem = problemOf(request);
    if (problem !== undefined) return refuse(...problem);
    const body = await readBody(request);
    if (body === undefined) {
      return refuse(413, `AMB1682 the body is larger than ${maxBodyBytes} bytes`);
    }
    const outcome = reviewBody(body);
    if ('unreadable' in outcome) return refuse(400, `AMB1680 ${outcome.unreadable}`);
    if (outcome.refusal === undefined) metrics.passed(outcome.resource);
    else metrics.failed(outcome.resource, outcome.refusal);
    send(response, 200, 'application/json', JSON.stringify(outcome.answer));
  } catch (error) {
    log.debug({ error: String(error) }, 'a review was cut off');
    response.destroy();
  }
}

function problemOf({ url, method, headers }: IncomingMessage): [number, string] | undefined {
  if ((url ?? '').split('?')[0] !== validatePath) return [404, `only ${validatePath} is served`];
  if (method !== 'POST') return [405, 'AMB1680 use POST'];
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  return type === 'application/json'
    ? undefined
    : [415, `AMB1680 the content type must be application/json, not ${type || 'none'}`];
}

/** The body as text; undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined;
  let size = 0;
  const limited = request.filter((chunk: Buffer) => {
    size += chunk.length;
    return size <= maxBodyBytes;
  });
  const read = await text(limited);
  return size > maxBodyBytes ? undefined : read;
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
