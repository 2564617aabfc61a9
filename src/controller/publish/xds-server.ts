// The configuration stream (protocol section 4): accepts proxies and owns their sessions.

import { type handleBidiStreamingCall, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Code } from '../../mesh/catalogue.ts';
import type { Credential } from '../../mesh/credential.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { Permits } from '../../runtime/permits.ts';
import { inTurns, turnsOf } from '../../runtime/turns.ts';
import { writeDeltaResponse } from '../../wire/write-discovery.ts';
import {
  type DeltaRequest,
  type DeltaResponse,
  type DiscoveryNode,
  typeUrls,
} from '../../wire/xds.ts';
import { bearerToken, type Caller, type TokenVerifier } from '../caller.ts';
import { isTypeUrl, type Proxy, proxyOf, serviceAccountOf, takesParts } from './interest.ts';
import { ProxySession } from './proxy-session.ts';
import { emptySnapshot, type PublishedSnapshot, publishCredentials } from './resources.ts';
import { buildOf, type ProxyBuild, syncStates, type TypeSync } from './sync-status.ts';

type Stream = ServerDuplexStream<DeltaRequest, Buffer>;

/** What a proxy refused. */
export interface Refusal {
  readonly proxy: string;
  readonly typeUrl: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

/** One connected proxy, for the debug endpoint. */
export interface ConnectedProxy {
  readonly proxy: Proxy;
  readonly build: ProxyBuild;
  /** What it has subscribed to, and how far it is. */
  readonly types: readonly TypeSync[];
  readonly peer: string;
  readonly refusals: number;
}

export interface XdsServerParts {
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every push, for metrics. */
  readonly onPush?: (typeUrl: string, resources: number) => void;
  readonly onRefusal?: (refusal: Refusal) => void;
  /** Told when `standing` answers something else. */
  readonly onStandingChange?: () => void;
}

/** Requests kept while a caller's token is being checked. */
const maxWaitingRequests = 32;
/** A new stream's requests are gathered this long, so that policies can be sent before the
 * workloads that refer to them although proxies ask in the other order. */
const gatherMs = 5;
/** Refusals remembered for the debug endpoint. */
const maxRefusals = 100;
/** A response of at least this many resources is large: how many of them are in memory at a time is
 * limited, however many proxies connect at once. */
const largeResponse = 5_000;
const maxLargeAtOnce = 4;

interface Connection {
  readonly stream: Stream;
  readonly session: ProxySession;
  readonly build: ProxyBuild;
  readonly peer: string;
  refusals: number;
  /** The answer to the last response of each type, where it was a refusal. */
  readonly refused: Map<string, Refusal>;
  /** Set while responses are being written. */
  sending: boolean;
  /** Resolves when the stream is gone. */
  readonly gone: Promise<void>;
}

/** Serves DeltaAggregatedResources. */
export class XdsServer implements Disposable {
  readonly #parts: XdsServerParts;
  readonly #connections = new Set<Connection>();
  readonly #refusals: Refusal[] = [];
  readonly #large = new Permits(maxLargeAtOnce);
  #snapshot: PublishedSnapshot = emptySnapshot;

  constructor(parts: XdsServerParts) {
    this.#parts = parts;
  }

  /** The handler of DeltaAggregatedResources, for `writtenDiscoveryService`. */
  readonly handle: handleBidiStreamingCall<DeltaRequest, Buffer> = (stream) => {
    this.#accept(stream).catch((error: unknown) => {
      this.#refuse(stream, error);
    });
  };

  /** Makes a snapshot the current one and sends every proxy what changed for it. */
  publish(snapshot: PublishedSnapshot): void {
    const { credentials } = this.#snapshot;
    this.#replace({ ...snapshot, ...(credentials && { credentials }) });
  }

  /** Makes these the credentials of waypoints, of each its own. */
  publishCredentials(credentials: ReadonlyMap<string, readonly Credential[]>): void {
    const tables = publishCredentials(credentials, this.#snapshot.credentials);
    this.#replace({ ...this.#snapshot, credentials: tables });
  }

  #replace(snapshot: PublishedSnapshot): void {
    this.#snapshot = snapshot;
    for (const connection of this.#connections) this.#send(connection);
  }

  /** Ends every stream; proxies keep what they have and connect again. */
  [Symbol.dispose](): void {
    for (const { stream } of this.#connections) stream.end();
  }

  get snapshot(): PublishedSnapshot {
    return this.#snapshot;
  }

  /** The proxies that are connected now. */
  connected(): readonly ConnectedProxy[] {
    return [...this.#connections].map(({ session, build, peer, refusals, refused }) => ({
      proxy: session.proxy,
      build,
      types: syncStates(session, refused),
      peer,
      refusals,
    }));
  }

  /** What connected proxies refuse of what they were sent last. */
  standing(): readonly Refusal[] {
    return [...this.#connections].flatMap(({ refused }) => [...refused.values()]);
  }

  /** The last refusals, oldest first. */
  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  async #accept(stream: Stream): Promise<void> {
    const waiting: DeltaRequest[] = [];
    let receive = (request: DeltaRequest): void => {
      if (waiting.push(request) > maxWaitingRequests) {
        this.#refuse(
          stream,
          new AmbitError('AMB1642', 'too many requests before the first answer'),
        );
      }
    };
    const first = new Promise<DiscoveryNode>((resolve, reject) => {
      stream.once('data', ({ node }: DeltaRequest) => {
        if (node !== undefined) resolve(node);
        else reject(new AmbitError('AMB1642', 'the first request names no node'));
      });
      stream.once('end', () => {
        reject(new AmbitError('AMB1642', 'the stream ended before its first request'));
      });
    });
    stream.on('data', (request: DeltaRequest) => {
      receive(request);
    });
    stream.on('error', (error) => {
      this.#parts.log.debug({ peer: stream.getPeer() }, `stream ended: ${error.message}`);
    });
    const [caller, node] = await Promise.all([this.#authenticate(stream), first]);
    const proxy = identified(caller, node);
    if (stream.cancelled) return;
    const connection = this.#connect(stream, proxy, node);
    receive = (request) => {
      this.#receive(connection, request);
    };
    for (const request of waiting) receive(request);
    await this.#parts.clock.wait(gatherMs);
    this.#send(connection);
  }

  async #authenticate(stream: Stream): Promise<Caller> {
    const token = bearerToken(stream.metadata.get('authorization')[0]?.toString());
    if (token === undefined) throw new AmbitError('AMB1631', 'there is no bearer token');
    return await this.#parts.verifier.verify(token);
  }

  #connect(stream: Stream, proxy: Proxy, node: DiscoveryNode): Connection {
    const { log } = this.#parts;
    const peer = stream.getPeer();
    const gone = Promise.withResolvers<void>();
    const connection: Connection = {
      stream,
      session: new ProxySession(proxy, takesParts(node)),
      build: buildOf(node),
      peer,
      refusals: 0,
      refused: new Map(),
      sending: false,
      gone: gone.promise,
    };
    const leave = (): void => {
      gone.resolve();
      if (!this.#connections.delete(connection)) return;
      if (connection.refused.size > 0) this.#parts.onStandingChange?.();
      log.info({ proxy: describe(proxy), peer }, 'proxy disconnected');
    };
    stream.on('end', () => {
      leave();
      stream.end();
    });
    stream.on('cancelled', leave);
    stream.on('error', leave);
    stream.on('close', leave);
    this.#connections.add(connection);
    log.info({ proxy: describe(proxy), peer }, 'proxy connected');
    return connection;
  }

  #receive(connection: Connection, request: DeltaRequest): void {
    const { log, clock, onRefusal } = this.#parts;
    const { typeUrl } = request;
    const proxy = describe(connection.session.proxy);
    if (!isTypeUrl(typeUrl)) {
      const code: Code = 'AMB1642';
      log.warn({ code, proxy, typeUrl }, 'a proxy asks for an unknown type');
      // Answered with nothing, as proxies wait for the first answer of each type.
      if (request.responseNonce === '') {
        const nonce = `unknown-${typeUrl}`;
        const systemVersion = this.#snapshot.hash;
        const empty = { systemVersion, typeUrl, nonce, resources: [], removed: [] };
        void this.#write(connection, empty);
      }
      return;
    }
    const outcome = connection.session.receive(typeUrl, request);
    if (typeUrl === typeUrls.credential && outcome.kind === 'subscribed') {
      this.#warnUnproved(connection.session.proxy);
    }
    if (outcome.kind === 'refused') {
      connection.refusals++;
      const { reason } = outcome;
      const refusal: Refusal = { proxy, typeUrl, reason, timeMs: clock.now() };
      this.#refusals.push(refusal);
      connection.refused.set(typeUrl, refusal);
      if (this.#refusals.length > maxRefusals) this.#refusals.shift();
      log.error({ code: 'AMB1641', proxy, typeUrl }, `configuration refused: ${reason}`);
      onRefusal?.(refusal);
      this.#parts.onStandingChange?.();
    }
    if (outcome.kind === 'acknowledged' && connection.refused.delete(typeUrl)) {
      this.#parts.onStandingChange?.();
    }
    // A first subscription waits for its neighbours; everything later is answered at once.
    if (outcome.kind === 'subscribed' && request.responseNonce === '') {
      void this.#sendSoon(connection);
    } else {
      this.#send(connection);
    }
  }

  /** It asks for what only the waypoint itself is given. */
  #warnUnproved(proxy: Proxy): void {
    if (proxy.kind === 'waypoint' && proxy.isProved) return;
    const code: Code = 'AMB1646';
    const who = describe(proxy);
    this.#parts.log.warn({ code, proxy: who }, 'asks for credentials without being a waypoint');
  }

  async #sendSoon(connection: Connection): Promise<void> {
    await this.#parts.clock.wait(gatherMs);
    this.#send(connection);
  }

  /** Sends what is due. What becomes due meanwhile is sent by the call that is under way. */
  #send(connection: Connection): void {
    if (connection.sending) return;
    connection.sending = true;
    this.#sendAll(connection).catch((error: unknown) => this.#refuse(connection.stream, error));
  }

  async #sendAll(connection: Connection): Promise<void> {
    // Put back in the same turn in which nothing was due, so that no call comes in vain.
    using _sending = { [Symbol.dispose]: () => void (connection.sending = false) };
    while (this.#connections.has(connection)) {
      const response = connection.session.next(this.#snapshot);
      if (response === undefined) return;
      const { typeUrl, resources, removed, systemVersion: version } = response;
      using _permit = resources.length < largeResponse ? undefined : await this.#large.take();
      await this.#write(connection, response);
      this.#parts.onPush?.(typeUrl, resources.length + removed.length);
      this.#parts.log.debug(
        {
          proxy: describe(connection.session.proxy),
          typeUrl,
          resources: resources.length,
          removed: removed.length,
          version,
        },
        'sent configuration',
      );
    }
  }

  /** Resolves when the bytes are on their way, or the stream is gone. */
  async #write({ stream, gone }: Connection, response: DeltaResponse): Promise<void> {
    const bytes = await inTurns(writeDeltaResponse(response), turnsOf(this.#parts.clock));
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.write(bytes, () => resolve());
    await Promise.race([promise, gone]);
  }

  #refuse(stream: Stream, error: unknown): void {
    const code = codeOf(error);
    const details = causeChain(error);
    this.#parts.log.warn({ code, peer: stream.getPeer() }, `proxy refused: ${details}`);
    const reason =
      code === 'AMB1631'
        ? status.UNAUTHENTICATED
        : code === 'AMB1632'
          ? status.PERMISSION_DENIED
          : code === 'AMB1642'
            ? status.INVALID_ARGUMENT
            : status.UNAVAILABLE;
    stream.emit('error', { code: reason, details });
  }
}

/** Who a proxy is, once its token agrees with what it says (protocol section 4.2). */
function identified(caller: Caller, node: DiscoveryNode): Proxy {
  const proxy = proxyOf(node, caller.serviceAccount);
  if (proxy === undefined) {
    throw new AmbitError('AMB1642', `the node "${node.id}" is neither a ztunnel nor a waypoint`);
  }
  const account = serviceAccountOf(node) ?? caller.serviceAccount;
  if (caller.namespace !== proxy.namespace || caller.serviceAccount !== account) {
    const proved = `${caller.namespace}/${caller.serviceAccount}`;
    throw new AmbitError('AMB1632', `says ${proxy.namespace}/${account}, its token ${proved}`);
  }
  return proxy;
}

function describe(proxy: Proxy): string {
  return `${proxy.kind} ${proxy.namespace}/${proxy.name}`;
}
