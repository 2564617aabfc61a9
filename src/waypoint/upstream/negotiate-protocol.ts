// Which of HTTP/2 and HTTP/1.1 an endpoint speaks over TLS, where the configuration leaves it open: asked by
// ALPN (RFC 7301) on the first connection, remembered after it. The asking is http2-wrapper's, which sees
// to it that of many requests at once only one asks; its own agents do not fit, as they connect by
// themselves, where connections here go through tunnels and are kept apart by client.

import type { TLSSocket } from 'node:tls';
import {
  auto,
  type ResolveProtocolConnectFunction,
  type ResolveProtocolResult,
} from 'http2-wrapper';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import type { Clock } from '../../runtime/clock.ts';
import { unlessAborted } from '../../runtime/unless-aborted.ts';
import { keyOfEndpoint, type UpstreamEndpoint, type UpstreamTls } from './endpoints.ts';
import { NegotiatedStream } from './negotiated-stream.ts';

/** Endpoints whose protocol is remembered; the one learnt first makes room. */
const maxRemembered = 1_024;
/** After this it is asked again. Milliseconds. */
const rememberMs = 600_000;

/** What is offered, the preferred one first. */
const offered = ['h2', 'http/1.1'] as const;

/** What an endpoint speaks, and the endpoint as it is to be connected to. */
export interface Negotiated {
  readonly protocol: 'http2' | 'http11';
  readonly endpoint: UpstreamEndpoint;
}

type OpenSecure = (endpoint: UpstreamEndpoint) => Promise<TLSSocket>;

/** Asks and remembers, for all clients of a waypoint. */
export class ProtocolNegotiator {
  readonly #clock: Clock;
  readonly #memory: ProtocolMemory;
  readonly #asking = new Map<string, Promise<ResolveProtocolResult>>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#memory = new ProtocolMemory(clock);
  }

  /** Finds the protocol. A failure to connect is kept in the answer for whoever connects. `open` is
   * not ended with any one request, since others may be waiting for the answer. Rejects only with the
   * signal's reason. */
  async negotiate(
    endpoint: UpstreamEndpoint,
    tls: UpstreamTls,
    open: OpenSecure,
    signal: AbortSignal,
  ): Promise<Negotiated> {
    const asked = withAlpn(endpoint, { ...tls, alpn: offered });
    const connect: ResolveProtocolConnectFunction = async (_options, done) => {
      const socket = await open(asked);
      done();
      return socket;
    };
    const resolve = auto.createResolveProtocol(this.#memory, this.#asking, connect);
    // Host and port are what it knows the place by; it connects to nothing itself.
    const resolving = resolve({
      host: keyOfEndpoint(asked),
      port: endpoint.port,
      ALPNProtocols: [...offered],
      // Not in the types: the socket is wanted, not only what it told.
      ...({ resolveSocket: true } as object),
    }).then(
      ({ alpnProtocol, socket }) => {
        const found = settle(endpoint, tls, alpnProtocol);
        if (socket === undefined) return found;
        const negotiated = NegotiatedStream.open(socketStream(socket), this.#clock);
        return { ...found, endpoint: { ...found.endpoint, negotiated } };
      },
      (error: unknown) => {
        const found = settle(endpoint, tls, 'http/1.1');
        const negotiated = NegotiatedStream.failed(error);
        return { ...found, endpoint: { ...found.endpoint, negotiated } };
      },
    );
    return await unlessAborted(resolving, signal);
  }

  /** Has an endpoint asked again, since it did not accept what it was known to speak. */
  forget(endpoint: UpstreamEndpoint): void {
    const { tls } = endpoint.opening ?? {};
    if (tls === undefined) return;
    const asked = withAlpn(endpoint, { ...tls, alpn: offered });
    this.#memory.forget(keyOfEndpoint(asked));
  }
}

/** A server that knows no ALPN chooses nothing, and speaks HTTP/1.1. */
function settle(endpoint: UpstreamEndpoint, tls: UpstreamTls, chosen: unknown): Negotiated {
  const isHttp2 = chosen === 'h2';
  return {
    protocol: isHttp2 ? 'http2' : 'http11',
    endpoint: withAlpn(endpoint, { ...tls, alpn: [isHttp2 ? 'h2' : 'http/1.1'] }),
  };
}

function withAlpn(endpoint: UpstreamEndpoint, tls: UpstreamTls): UpstreamEndpoint {
  return { ...endpoint, opening: { ...endpoint.opening, tls } };
}

/** What is known, in the form that http2-wrapper asks for: a map, as far as it uses one. */
class ProtocolMemory extends Map<string, string> {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override has(name: string): boolean {
    const untilMs = this.#untilMs.get(name);
    if (untilMs !== undefined && untilMs <= this.#clock.monotonic()) this.delete(name);
    return super.has(name);
  }

  override set(name: string, protocol: string): this {
    for (const oldest of this.keys()) {
      if (this.size < maxRemembered) break;
      this.delete(oldest);
    }
    this.#untilMs.set(name, this.#clock.monotonic() + rememberMs);
    return super.set(name, protocol);
  }

  override delete(name: string): boolean {
    this.#untilMs.delete(name);
    return super.delete(name);
  }

  /** Names begin with the place's key. */
  forget(key: string): void {
    for (const name of this.keys()) if (name.startsWith(`${key}:`)) this.delete(name);
  }
}
