// The accepting end of tunnels: TCP connection in, TLS and HTTP/2 below, CONNECT requests out. It
// checks who the peer is; whether the request may pass is the owner's to decide.

import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { type Endpoint, parseIp } from '../../mesh/address.ts';
import type { Identity } from '../../mesh/identity.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { PeerCheck } from '../certificates/revocations.ts';
import { acceptedClient, contextOptions, provedIdentities } from '../certificates/tls-options.ts';
import type { WorkloadCertificate } from '../certificates/workload-certificate.ts';
import { EarlyResets } from './early-resets.ts';
import {
  keepAlive,
  plainHeaders,
  sessionMemoryMegabytes,
  tunnelSettings,
  tunnelStream,
  widenConnectionWindow,
} from './h2-session.ts';
import { sessionLimits, violationIn } from './peer-violations.ts';
import type { TunnelRequest } from './tunnel.ts';

const handshakeTimeoutMs = 10_000;

export interface TunnelServerOptions {
  /** The certificate to show now; asked for every connection. */
  readonly certificate: () => Promise<WorkloadCertificate>;
  readonly onRequest: (request: TunnelRequest) => void;
  /** Judges certificates, when a connection opens and later. */
  readonly check?: PeerCheck;
  /** Called when a peer is refused before the owner is asked: no certificate, TLS, identity, or HTTP/2 that
   * is none of a tunnel's. Once for a connection that is ended, and for every request of a wrong method. */
  readonly onRefusedPeer?: (peer: Endpoint, local: Endpoint, error: AmbitError) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Accepts tunnels for one workload. */
export class TunnelServer implements AsyncDisposable {
  readonly #options: TunnelServerOptions;
  readonly #tls;
  /** The identity shown on the connection being accepted, by TLS socket. */
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #shown: WorkloadCertificate | undefined;
  #draining = false;

  constructor(options: TunnelServerOptions) {
    this.#options = options;
    this.#tls = createServer({
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeTimeoutMs,
      minVersion: 'TLSv1.3',
    });
    this.#tls.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#tls.on('tlsClientError', (error, socket) => {
      this.#refusePeer(socket, new AmbitError('AMB1503', 'the handshake failed', { cause: error }));
      socket.destroy();
    });
  }

  /** Takes over a TCP connection. */
  accept(socket: Socket): void {
    if (this.#draining) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    // Below TLS the end of the connection is the end of everything on it.
    socket.allowHalfOpen = false;
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => {
      this.#options.log.debug({ error: error.message }, 'tunnel connection ended with an error');
    });
    void this.#secure(socket);
  }

  async #secure(socket: Socket): Promise<void> {
    try {
      const certificate = await this.#options.certificate();
      if (certificate !== this.#shown) {
        this.#tls.setSecureContext(contextOptions(certificate));
        this.#shown = certificate;
      }
      if (!socket.destroyed) this.#tls.emit('connection', socket);
    } catch (error) {
      const coded =
        error instanceof AmbitError
          ? error
          : new AmbitError('AMB1505', 'no certificate to show', { cause: error });
      this.#refusePeer(socket, coded);
      socket.destroy();
    }
  }

  #onSecure(socket: TLSSocket): void {
    socket.on('error', (error) => {
      this.#options.log.debug({ error: error.message }, 'tunnel connection ended with an error');
    });
    const proved = provedIdentities(socket);
    const own = this.#shown?.identity;
    const peerIdentity = own === undefined ? undefined : acceptedClient(proved, own);
    if (peerIdentity === undefined) {
      const shown = proved.join(', ') || 'none';
      this.#refusePeer(socket, new AmbitError('AMB1504', `identity ${shown} is of another domain`));
      socket.destroy();
      return;
    }
    if (socket.alpnProtocol !== 'h2') {
      this.#refusePeer(socket, new AmbitError('AMB1506', 'the peer does not speak h2'));
      socket.destroy();
      return;
    }
    try {
      this.#serve(socket, peerIdentity);
    } catch (error) {
      if (!(error instanceof AmbitError)) throw error;
      this.#refusePeer(socket, error);
      socket.destroy();
    }
  }

  /** Throws AMB1521 when a certificate is revoked. */
  #serve(socket: TLSSocket, peerIdentity: Identity): void {
    const own = this.#shown;
    const admitted =
      own &&
      this.#options.check?.admit(socket, own, (error) =>
        session.destroy(error, constants.NGHTTP2_INADEQUATE_SECURITY),
      );
    const ends = { peer: remoteEnd(socket), local: localEnd(socket) };
    let lost = false;
    socket.once('close', () => {
      lost = true;
    });
    const session = performServerHandshake(socket, {
      settings: tunnelSettings('server'),
      maxSessionMemory: sessionMemoryMegabytes,
      ...sessionLimits,
    });
    this.#sessions.add(session);
    session.once('close', () => {
      this.#sessions.delete(session);
      admitted?.[Symbol.dispose]();
    });
    let reported = false;
    session.on('error', (error) => {
      this.#options.log.debug({ error: causeChain(error) }, 'tunnel session failed');
      const violation = violationIn(error);
      if (violation !== undefined && !reported) this.#report(ends.peer, ends.local, violation);
      reported ||= violation !== undefined;
    });
    const early = new EarlyResets(() => this.#options.clock.monotonic());
    const onUnanswered = (): void => {
      if (session.destroyed || early.allow()) return;
      const error = new AmbitError('AMB1512', 'too many requests were given up unanswered');
      session.destroy(error, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    };
    session.on('stream', (stream: ServerHttp2Stream, headers) => {
      const method = headers[':method'];
      // A stream may fail before anyone has taken it.
      stream.on('error', () => undefined);
      if (method !== 'CONNECT') {
        refuse(stream, 400, { 'ambit-decision': 'AMB1414' });
        const error = new AmbitError('AMB1414', `method ${method} is not CONNECT`);
        this.#report(ends.peer, ends.local, error);
        return;
      }
      const authority = headers[':authority'] ?? '';
      const request = requestOn(stream, { isLost: () => lost, onUnanswered });
      this.#options.onRequest({
        authority,
        headers: plainHeaders(headers),
        ...ends,
        peerIdentity,
        ...request,
      });
    });
    widenConnectionWindow(session);
    void keepAlive(session, this.#options.clock);
    if (this.#draining) session.close();
  }

  #refusePeer(socket: Socket, error: AmbitError): void {
    this.#report(remoteEnd(socket), localEnd(socket), error);
  }

  #report(peer: Endpoint, local: Endpoint, error: AmbitError): void {
    const { log, onRefusedPeer } = this.#options;
    log.warn({ code: codeOf(error), peer, error: causeChain(error) }, 'tunnel peer refused');
    onRefusedPeer?.(peer, local, error);
  }

  /** Tells every peer to go elsewhere, and resolves once all streams have ended. Connections still in
   * their handshake are finished and told the same, so that the peer knows to try again. */
  async drain(): Promise<void> {
    this.#draining = true;
    for (const session of this.#sessions) session.close();
    await Promise.all([...this.#sockets].map(closed));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining = true;
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.resolve();
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** The answering half of a request. */
function requestOn(
  stream: ServerHttp2Stream,
  { isLost, onUnanswered }: { isLost: () => boolean; onUnanswered: () => void },
): Pick<TunnelRequest, 'signal' | 'accept' | 'refuse'> {
  const gone = new AbortController();
  let answered = false;
  stream.once('close', () => {
    if (answered) return;
    gone.abort(new AmbitError('AMB1506', 'the peer gave up before an answer'));
    onUnanswered();
  });
  return {
    signal: gone.signal,
    accept: (headers = {}) => {
      answered = true;
      if (!stream.destroyed && !stream.closed) stream.respond({ ':status': 200, ...headers });
      return tunnelStream(stream, isLost);
    },
    refuse: (status, headers = {}) => {
      answered = true;
      refuse(stream, status, headers);
    },
  };
}

function refuse(
  stream: ServerHttp2Stream,
  status: number,
  headers: Readonly<Record<string, string>>,
): void {
  if (stream.destroyed || stream.closed) return;
  // Nobody reads what the peer sends, so node:http2 closes the stream with NO_ERROR afterwards.
  stream.respond({ ':status': status, ...headers }, { endStream: true });
}

function remoteEnd(socket: Socket): Endpoint {
  return endpointOf(socket.remoteAddress, socket.remotePort);
}

function localEnd(socket: Socket): Endpoint {
  return endpointOf(socket.localAddress, socket.localPort);
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint {
  const parsed = parseIp((address ?? '').replace(/%.*$/, ''));
  const unknown = parseIp('0.0.0.0');
  if (unknown === undefined) throw new TypeError('0.0.0.0 is an address');
  return { address: parsed ?? unknown, port: port ?? 0 };
}
