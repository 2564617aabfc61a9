// A small HTTP listener for answers that are made at once: readiness, metrics, dumps.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AmbitError } from '../runtime/errors.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers by path; undefined is 404. */
export type Pages = (path: string) => HttpAnswer | undefined;

/** A listening server. */
export class HttpListener implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Starts listening; rejects with AMB1651 when the address cannot be had. */
  static async listen(host: string, port: number, pages: Pages): Promise<HttpListener> {
    const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
      const path = (request.url ?? '/').split('?')[0] ?? '/';
      const answer = request.method === 'GET' ? pages(path) : undefined;
      const { status, contentType, body } = answer ?? notFound;
      response.writeHead(status, { 'content-type': contentType });
      response.end(body);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(new AmbitError('AMB1651', `cannot listen on ${host} port ${port}`, { cause }));
      });
      server.listen(port, host, resolve);
    });
    return new HttpListener(server, (server.address() as AddressInfo).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }
}

const notFound: HttpAnswer = { status: 404, contentType: 'text/plain', body: 'no such page\n' };

/** A page of plain text. */
export function textPage(body: string, status = 200): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/** A page of JSON; maps are written as objects. */
export function jsonPage(value: unknown): HttpAnswer {
  const body = JSON.stringify(
    value,
    (_key, inner: unknown) =>
      inner instanceof Map ? (Object.fromEntries(inner) as Record<string, unknown>) : inner,
    2,
  );
  return { status: 200, contentType: 'application/json', body };
}
