// Requests from a pod: an agent for its network namespace, and load without a pause over HTTP/1.1 and HTTP/2, for tests
// of what must not cost any request. Clients behave: they do not use a connection that was told to end.

import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';

/** Between the requests of one worker: load, not a benchmark. */
const pauseMs = 2;
const workers = 4;

/** Connects from a pod. */
export class PodAgent extends http.Agent {
  readonly #namespace: NetworkNamespace;

  constructor(namespace: NetworkNamespace, options: http.AgentOptions) {
    super(options);
    this.#namespace = namespace;
  }

  override createConnection(
    options: http.ClientRequestArgs,
    done: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { host, port } = options;
    connectTcp({ host: String(host), port: Number(port), namespace: this.#namespace }).then(
      (socket) => done(null, socket),
      (error: Error) => done(error, undefined as never),
    );
  }
}

/** Where requests go, and from where. */
export interface RequestTarget {
  readonly host: string;
  readonly port: number;
  /** Of the client. */
  readonly namespace: NetworkNamespace;
}

/** Requests until stopped. */
export abstract class RequestLoad {
  readonly failures: string[] = [];
  succeeded = 0;
  #running = true;
  #working: Promise<unknown> | undefined;

  start(): this {
    this.#working = Promise.all(Array.from({ length: workers }, () => this.#work()));
    return this;
  }

  async #work(): Promise<void> {
    while (this.#running) {
      await this.once().then(
        (status) => {
          if (status === 200) this.succeeded++;
          else this.failures.push(`status ${status}`);
        },
        (error: Error) => this.failures.push(`${error.message} after ${this.succeeded}`),
      );
      await setTimeout(pauseMs);
    }
  }

  /** Makes one request; answers its status. */
  protected abstract once(): Promise<number>;
  protected abstract close(): void;

  async stop(): Promise<void> {
    this.#running = false;
    await this.#working;
    this.close();
  }
}

/** Over HTTP/1.1 connections that are kept. */
export class Http1Load extends RequestLoad {
  readonly #target: RequestTarget;
  readonly #agent: PodAgent;

  constructor(target: RequestTarget) {
    super();
    this.#target = target;
    this.#agent = new PodAgent(target.namespace, { keepAlive: true, maxSockets: workers });
  }

  protected override async once(): Promise<number> {
    const { host, port } = this.#target;
    const request = http.request({ agent: this.#agent, host, port, path: '/' });
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await text(response);
    return response.statusCode ?? 0;
  }

  protected override close(): void {
    this.#agent.destroy();
  }
}

/** Over streams of one HTTP/2 connection, and of another once that is told to go away. */
export class Http2Load extends RequestLoad {
  readonly #target: RequestTarget;
  #session: Promise<http2.ClientHttp2Session> | undefined;
  /** Connections that were told so. */
  wentAway = 0;

  constructor(target: RequestTarget) {
    super();
    this.#target = target;
  }

  protected override async once(): Promise<number> {
    this.#session ??= this.#connect();
    const stream = (await this.#session).request({ ':path': '/' });
    try {
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      await text(stream);
      return Number(headers[':status']);
    } catch (error) {
      // Not processed, so to be sent again (RFC 9113 section 8.7); nghttp2 says so too of what it had not sent when
      // GOAWAY came.
      if (stream.rstCode !== http2.constants.NGHTTP2_REFUSED_STREAM) throw error;
      return await this.once();
    }
  }

  async #connect(): Promise<http2.ClientHttp2Session> {
    const socket = await connectTcp(this.#target);
    const session = http2.connect('http://web', { createConnection: () => socket });
    const forget = (): void => {
      this.#session = undefined;
    };
    session.once('goaway', () => this.wentAway++);
    session.once('goaway', forget);
    session.once('close', forget);
    session.on('error', () => undefined);
    return session;
  }

  protected override close(): void {
    void this.#session?.then((session) => session.close());
  }
}
