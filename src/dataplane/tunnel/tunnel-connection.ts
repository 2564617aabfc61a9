// One mutual-TLS connection to a peer and the CONNECT streams on it.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { formatEndpoint } from '../../mesh/address.ts';
import type { Identity } from '../../mesh/identity.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { PeerCheck } from '../certificates/revocations.ts';
import {
  acceptedServer,
  provedIdentities,
  type SecureContexts,
} from '../certificates/tls-options.ts';
import type { WorkloadCertificate } from '../certificates/workload-certificate.ts';
import {
  keepAlive,
  plainHeaders,
  sessionMemoryMegabytes,
  tunnelSettings,
  tunnelStream,
  widenConnectionWindow,
} from './h2-session.ts';
import type { TunnelResult, TunnelTarget } from './tunnel.ts';

const handshakeTimeoutMs = 10_000;
/** Streams on one connection at most; a peer may allow fewer. */
const streamsPerConnection = 100;

export interface TunnelConnectionOptions {
  readonly certificate: (identity: Identity) => Promise<WorkloadCertificate>;
  readonly contexts: SecureContexts;
  readonly check?: PeerCheck;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A request that the peer never looked at; another connection may carry it. */
export interface NotProcessed {
  readonly kind: 'not-processed';
  readonly error: AmbitError;
}

/** Connects, proves both identities and starts HTTP/2. Throws coded errors, see TunnelPool.open. */
export async function openTunnelConnection(
  target: TunnelTarget,
  options: TunnelConnectionOptions,
): Promise<TunnelConnection> {
  const { peer } = target;
  const certificate = await options.certificate(target.sourceIdentity);
  const socket = await target.connect(peer).catch((error: unknown) => {
    throw connectError(`could not connect to ${formatEndpoint(peer)}`, error);
  });
  const tls = await secure(socket, target, options, certificate);
  const peerIdentity = acceptedServer(provedIdentities(tls), target.expectedIdentities);
  if (peerIdentity === undefined) {
    tls.destroy();
    const proved = provedIdentities(tls).join(', ') || 'none';
    throw new AmbitError(
      'AMB1504',
      `${formatEndpoint(peer)} proved ${proved}, expected ${target.expectedIdentities.join(' or ')}`,
    );
  }
  const admitted = admit(tls, certificate, options.check, (error) => connection.destroy(error));
  const connection = new TunnelConnection(tls, peerIdentity, options.clock);
  void connection.closed.then(() => admitted?.[Symbol.dispose]());
  await connection.ready;
  return connection;
}

/** Throws AMB1521 when a certificate is revoked. */
function admit(
  tls: TLSSocket,
  own: WorkloadCertificate,
  check: PeerCheck | undefined,
  onRevoked: (error: AmbitError) => void,
): Disposable | undefined {
  try {
    return check?.admit(tls, own, onRevoked);
  } catch (error) {
    tls.destroy();
    throw error;
  }
}

async function secure(
  socket: Duplex,
  target: TunnelTarget,
  options: TunnelConnectionOptions,
  certificate: WorkloadCertificate,
): Promise<TLSSocket> {
  const where = formatEndpoint(target.peer);
  // Below TLS the end of the connection is the end of everything on it.
  socket.allowHalfOpen = false;
  const tls = connectTls({
    socket,
    secureContext: options.contexts.of(certificate),
    ALPNProtocols: ['h2'],
    rejectUnauthorized: true,
    // The identity is checked below, against SPIFFE names instead of host names.
    checkServerIdentity: () => undefined,
  });
  if (!(socket instanceof Socket)) {
    // TLS over another stream than a TCP socket does not hear of its loss by itself.
    socket.once('close', () => (socket.readableEnded ? undefined : tls.destroy()));
  }
  const settled = new AbortController();
  const patience = AbortSignal.any([options.signal, settled.signal]);
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(new AmbitError('AMB1503', `the TLS handshake with ${where} failed`, { cause }));
    };
    tls.once('secureConnect', resolve);
    tls.on('error', fail);
    tls.once('close', () => fail(new Error('the peer closed the connection')));
    options.clock
      .wait(handshakeTimeoutMs, patience)
      .then(() => new Error(`no answer in ${handshakeTimeoutMs} ms`))
      .then(fail, fail);
  }).catch((error: unknown) => {
    tls.destroy();
    throw error;
  });
  settled.abort();
  if (tls.alpnProtocol !== 'h2') {
    tls.destroy();
    throw new AmbitError('AMB1506', `${where} does not speak h2`);
  }
  return tls;
}

function connectError(what: string, cause: unknown): AmbitError {
  if (cause instanceof AmbitError) return cause;
  const errno =
    cause instanceof Error && 'errno' in cause
      ? cause.errno
      : cause instanceof Error && 'code' in cause
        ? cause.code
        : undefined;
  return new AmbitError(errno === 'ETIMEDOUT' ? 'AMB1501' : 'AMB1502', what, { cause });
}

/** An open connection. */
export class TunnelConnection {
  readonly peerIdentity: Identity;
  /** Resolves when streams may be opened. */
  readonly ready: Promise<void>;
  readonly closed: Promise<void>;
  readonly #tls: TLSSocket;
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  #streams = 0;
  #lost = false;
  #retired = false;
  #used = 0;

  constructor(tls: TLSSocket, peerIdentity: Identity, clock: Clock) {
    this.peerIdentity = peerIdentity;
    this.#tls = tls;
    this.#clock = clock;
    tls.once('close', () => {
      this.#lost = true;
      this.#retired = true;
    });
    const session = connectHttp2('https://tunnel', {
      createConnection: () => tls,
      settings: tunnelSettings('client'),
      peerMaxConcurrentStreams: streamsPerConnection,
      maxSessionMemory: sessionMemoryMegabytes,
    });
    this.#session = session;
    this.closed = new Promise((resolve) => {
      session.once('close', () => resolve());
      tls.once('close', () => resolve());
    });
    this.ready = new Promise((resolve, reject) => {
      session.once('connect', () => {
        widenConnectionWindow(session);
        resolve();
      });
      session.once('close', () => reject(new AmbitError('AMB1506', 'the tunnel did not start')));
    });
    session.on('goaway', () => {
      this.#retired = true;
    });
    // Every failure of the session also ends its streams, where it is reported.
    session.on('error', () => {
      this.#retired = true;
    });
    void keepAlive(session, clock);
  }

  /** Whether it takes no more streams for good. */
  get retired(): boolean {
    return this.#retired || this.#session.closed || this.#session.destroyed;
  }

  /** Takes one stream's place; false when the connection takes no more. */
  reserve(): boolean {
    if (this.retired) return false;
    const allowed = this.#session.remoteSettings.maxConcurrentStreams ?? streamsPerConnection;
    if (this.#streams >= Math.min(streamsPerConnection, allowed)) return false;
    this.#streams++;
    this.#used++;
    return true;
  }

  /** Sends a CONNECT on a reserved place and waits for the answer. Throws AMB1506. */
  async request(
    authority: string,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<TunnelResult | NotProcessed> {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request({ ':method': 'CONNECT', ':authority': authority, ...headers });
    } catch (error) {
      this.#streams--;
      return { kind: 'not-processed', error: broken('could not open a stream', error) };
    }
    stream.once('close', () => this.#streams--);
    return await this.#answerOf(stream, signal);
  }

  #answerOf(
    stream: ClientHttp2Stream,
    signal: AbortSignal | undefined,
  ): Promise<TunnelResult | NotProcessed> {
    return new Promise((resolve, reject) => {
      let failure: Error | undefined;
      const onAbort = (): void => {
        failure ??= broken('the request was given up', signal?.reason);
        stream.close(constants.NGHTTP2_CANCEL);
      };
      const onError = (error: Error): void => {
        failure ??= error;
      };
      const onClose = (): void => {
        signal?.removeEventListener('abort', onAbort);
        const error = broken('the tunnel ended before an answer', failure);
        if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) {
          resolve({ kind: 'not-processed', error });
        } else reject(error);
      };
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      stream.on('error', onError);
      stream.once('close', onClose);
      stream.once('response', (received) => {
        signal?.removeEventListener('abort', onAbort);
        stream.off('close', onClose);
        const status = received[':status'] ?? 0;
        const answer = { headers: plainHeaders(received), peerIdentity: this.peerIdentity };
        if (status === 200) {
          resolve({ kind: 'open', stream: tunnelStream(stream, () => this.#lost), ...answer });
          return;
        }
        stream.resume();
        stream.close(constants.NGHTTP2_CANCEL);
        resolve({ kind: 'refused', status, ...answer });
      });
    });
  }

  /** Closes the connection when no stream was on it for a while. */
  async closeWhenUnused(afterMs: number): Promise<void> {
    const ended = new AbortController();
    void this.closed.then(() => ended.abort());
    try {
      for (let seen = -1; seen !== this.#used || this.#streams > 0; ) {
        seen = this.#used;
        await this.#clock.wait(afterMs, ended.signal);
      }
      this.drain();
    } catch {
      // The connection ended by itself.
    }
  }

  /** Takes no more streams and closes when the last one has ended. */
  drain(): void {
    this.#retired = true;
    this.#session.close();
  }

  /** Ends the connection and its streams at once, which report the reason. */
  destroy(reason?: AmbitError): void {
    this.#retired = true;
    this.#session.destroy(reason);
    // A session that is closing in order waits for the peer to do so too.
    this.#tls.destroy();
  }
}

function broken(what: string, cause: unknown): AmbitError {
  return new AmbitError('AMB1506', what, { cause });
}
