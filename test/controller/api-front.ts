// A server before the API server, which a test makes behave badly: it refuses, falls silent, cuts, lies.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiClient } from '../../src/controller/kubernetes/api-client.ts';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import { TestAuthority } from '../support/certificates.ts';

/** What becomes of a request: an answer of the test's, silence, or (undefined) the real one. */
export type Intercept = { readonly status: number; readonly body?: object } | 'silence' | undefined;

export class ApiFront implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: ApiServer;
  readonly #token: string;
  readonly #caPem: string;
  /** Method and URL of every request. */
  readonly requests: string[] = [];
  /** Open watches, by URL, for a test to write into. */
  readonly watches = new Map<string, ServerResponse>();
  /** Decides about each request. */
  intercept: (method: string, url: string) => Intercept = () => undefined;
  /** Changes what comes back in a watch. */
  change: (url: string, chunk: string) => string | undefined = (_url, chunk) => chunk;

  private constructor(target: ApiServer, authority: TestAuthority) {
    this.#target = target;
    this.#caPem = authority.rootPem;
    const config = new KubeConfig();
    config.loadFromString(target.kubeconfig({ server: 'https://127.0.0.1' }));
    this.#token = config.getCurrentUser()?.token ?? '';
    const { certPem, keyPem } = authority.server(['localhost', '127.0.0.1']);
    this.#server = createServer({ cert: certPem, key: keyPem }, (incoming, response) => {
      this.#pass(incoming, response);
    });
    this.#server.on('secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async open(target: ApiServer): Promise<ApiFront> {
    const front = new ApiFront(target, new TestAuthority());
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  /** A client that goes through here. */
  client(): ApiClient {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [
        { name: 'c', server: this.#url, caData: Buffer.from(this.#caPem).toString('base64') },
      ],
      users: [{ name: 'u', token: this.#token }],
      contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
      currentContext: 'x',
    });
    return new ApiClient(config);
  }

  /** Ends all connections, without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Requests whose method and URL fit. */
  count(pattern: RegExp): number {
    return this.requests.filter((one) => pattern.test(one)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get #url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = incoming;
    this.requests.push(`${method} ${url}`);
    const own = this.intercept(method, url);
    if (own === 'silence') return;
    if (own !== undefined) {
      response.writeHead(own.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(own.body ?? { kind: 'Status', code: own.status }));
      return;
    }
    const isWatch = url.includes('watch=true');
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: this.#target.port,
        method,
        path: url,
        headers: { ...headers, host: `127.0.0.1:${this.#target.port}` },
        rejectUnauthorized: false,
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        response.flushHeaders();
        if (isWatch) this.watches.set(url, response);
        answer.on('data', (chunk: Buffer) => {
          const text = isWatch ? this.change(url, chunk.toString()) : chunk;
          if (text !== undefined) response.write(text);
        });
        answer.on('end', () => response.end());
        answer.on('error', () => response.destroy());
      },
    );
    outgoing.on('error', () => response.destroy());
    response.on('close', () => {
      this.watches.delete(url);
      outgoing.destroy();
    });
    incoming.pipe(outgoing);
  }
}
