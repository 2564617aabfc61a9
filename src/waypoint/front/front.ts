// Where clients' tunnels become connections: what each asks for and who asks, which protocol it
// carries, and on to the request pipeline or the TCP relay.

import { setMaxListeners } from 'node:events';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { toDuplex } from '../../dataplane/duplex-stream.ts';
import type { TunnelRequest } from '../../dataplane/tunnel/tunnel.ts';
import { formatEndpoint } from '../../mesh/address.ts';
import type { DecisionRecord } from '../../mesh/decision.ts';
import { identityParts } from '../../mesh/identity.ts';
import type { SourceFacts } from '../../mesh/request-facts.ts';
import { identityOfWorkload, type ServiceKey, type Workload } from '../../mesh/workload.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Exchange, HeadProblem, RequestHead } from '../request/exchange.ts';
import type { ClientConnection, PipelineParts, Target } from '../request/parts.ts';
import { type Ending, recordRequest, serviceOf } from '../request/record-request.ts';
import { serveRequest } from '../request/serve-request.ts';
import { needsSni, readSni } from '../tcp/read-sni.ts';
import { openTcp, relayTcp, type TcpWay } from '../tcp/relay-tcp.ts';
import { UpstreamPool } from '../upstream/upstream-pool.ts';
import { detect, type Judged, judgeVersion, type Silent } from './detect.ts';
import { Http1Front } from './http1-front.ts';
import { Http2Front } from './http2-front.ts';
import { prefixedStream } from './prefixed-stream.ts';
import { findTarget, type TargetResult } from './target.ts';

export interface FrontOptions extends PipelineParts {
  /** The waypoint's own service. */
  readonly ownService: ServiceKey;
}

/** How long a client whose connection is idle has to use it once more, and be told that this was the last time: to close it
 * at once would lose the request that is on its way. Istio's terminationDrainDuration. */
const leavingMs = 5_000;

/** Takes tunnel requests of one waypoint. */
export class Front implements AsyncDisposable {
  readonly #options: FrontOptions;
  readonly #http1: Http1Front;
  readonly #http2 = new Http2Front();
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#http1 = new Http1Front(options.clock);
    // Every connection listens to it.
    setMaxListeners(0, this.#ended.signal);
  }

  /** Serves one request of a tunnel server. */
  onRequest(request: TunnelRequest): void {
    const running = this.#serve(request).catch((error: unknown) => {
      const { log } = this.#options;
      log.debug({ error: causeChain(error), peer: request.peer }, 'a connection ended early');
    });
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  async #serve(request: TunnelRequest): Promise<void> {
    const { mesh, network, table, ownService } = this.#options;
    const { namespace } = identityParts(request.peerIdentity);
    const found = findTarget({
      authority: request.authority,
      clientNamespace: namespace,
      network,
      mesh,
      ownService,
      isServed: (key) => table.get(key) !== undefined,
    });
    if (found.kind === 'problem') {
      this.#refuseUnknown(request, found);
      return;
    }
    const connection = this.#connectionOf(request, found.target);
    using _upstreams = connection.upstreams;
    const declared = found.target.kind === 'service' ? found.target.port.appProtocol : 'unknown';
    switch (declared) {
      case 'tls':
        if (this.#needsSni(connection)) await this.#serveTls(request.accept(), connection);
        else await this.#serveTcp(request, connection);
        return;
      case 'tcp':
        await this.#serveTcp(request, connection);
        return;
      case 'http11':
      case 'http2':
      case 'grpc':
        await this.#serveHttp(await judgeVersion(request.accept()), connection);
        return;
      case 'unknown':
        await this.#serveUnknown(request.accept(), connection);
        return;
    }
  }

  #connectionOf(request: TunnelRequest, target: Target): ClientConnection {
    const { mesh, network, open, hex, clock } = this.#options;
    const { peer, peerIdentity: identity } = request;
    const owner = mesh.workloadByAddress(network, peer.address);
    // An address proves nothing; its labels count only for whoever proved to be that workload.
    const sourceWorkload =
      owner !== undefined && identityOfWorkload(owner) === identity ? owner : undefined;
    const traceId = traceIdIn(request.headers.get('traceparent')) ?? hex(32);
    return {
      peer,
      identity,
      source: this.#sourceFacts(request, sourceWorkload),
      target,
      traceId,
      upstreams: new UpstreamPool(
        (endpoint, signal) => open(endpoint, { traceId, spanId: hex(16), client: peer }, signal),
        clock,
      ),
      ...(sourceWorkload === undefined ? {} : { sourceWorkload }),
    };
  }

  #sourceFacts({ peer, peerIdentity }: TunnelRequest, workload?: Workload): SourceFacts {
    const labels =
      workload === undefined ? {} : { labels: this.#options.table.labelsOf(workload.uid) };
    const { namespace } = identityParts(peerIdentity);
    return { address: peer.address, identity: peerIdentity, namespace, ...labels };
  }

  /** A tunnel for something that is not served has no target to record but its authority. */
  #refuseUnknown(request: TunnelRequest, found: Extract<TargetResult, { kind: 'problem' }>): void {
    const { hex, clock, by, configVersion, log } = this.#options;
    const { status, code, reason } = found;
    const id = hex(16);
    request.refuse(status, { 'ambit-decision': `${id} ${code}` });
    const record: DecisionRecord = {
      id,
      traceId: traceIdIn(request.headers.get('traceparent')) ?? hex(32),
      time: new Date(clock.now()).toISOString(),
      by,
      direction: 'request',
      source: { address: formatEndpoint(request.peer), identity: request.peerIdentity },
      destination: { address: request.authority },
      transport: 'none',
      verdict: { outcome: 'failed', reason, code },
      configVersion: configVersion(),
      bytesSent: 0,
      bytesReceived: 0,
      durationMs: 0,
    };
    this.#options.undecided(record);
    this.#options.refused(code);
    log.debug({ code, authority: request.authority }, reason);
  }

  async #serveHttp(judged: Judged, connection: ClientConnection): Promise<void> {
    const { stream, kind } = judged;
    const onAbort = (): void => stream.destroy(new Error('the waypoint shuts down'));
    this.#ended.signal.addEventListener('abort', onAbort, { once: true });
    const pending = new Set<Promise<void>>();
    const serve = (exchange: Exchange): void => {
      const served = serveRequest(exchange, connection, this.#options);
      pending.add(served);
      void served.finally(() => pending.delete(served));
    };
    const version = kind === 'http2' ? '2' : '1.1';
    const malformed = (problem: HeadProblem): string =>
      this.#recordMalformed(problem, connection, version);
    if (kind === 'http2')
      this.#http2.attach(stream, { serve, malformed, refused: this.#options.refused });
    else {
      const authority = authorityOf(connection);
      this.#http1.attach(toDuplex(stream), { serve, malformed, authority });
    }
    await stream.closed;
    await Promise.all(pending);
    this.#ended.signal.removeEventListener('abort', onAbort);
  }

  async #serveTcp(request: TunnelRequest, connection: ClientConnection): Promise<void> {
    const { hex, clock } = this.#options;
    const id = hex(16);
    const startMs = clock.monotonic();
    const signal = AbortSignal.any([request.signal, this.#ended.signal]);
    const way = await openTcp(connection, this.#options, signal);
    if (way.kind === 'refused') {
      const { code } = way.ending;
      if (code !== undefined) this.#options.refused(code);
      request.refuse(way.status, { 'ambit-decision': code === undefined ? id : `${id} ${code}` });
      this.#recordTcp(id, connection, way.ending, startMs);
      return;
    }
    await this.#relay(request.accept(), way, connection, { id, startMs });
  }

  #needsSni({ target }: ClientConnection): boolean {
    return needsSni(this.#options.table.get(target.rules)?.config.connectionRoutes);
  }

  /** Routes by the name in the TLS hello: the client speaks first in TLS, so waiting delays nothing. */
  async #serveTls(stream: ByteStream, connection: ClientConnection): Promise<void> {
    const started = this.#started();
    const read = await readSni(stream);
    const way = await openTcp(connection, this.#options, this.#ended.signal, read.sni);
    await this.#relay(read.stream, way, connection, started);
  }

  /** Carries a connection to its endpoint, or ends it where there is no way. */
  async #relay(
    client: ByteStream,
    way: TcpWay,
    connection: ClientConnection,
    { id, startMs }: { readonly id: string; readonly startMs: number },
  ): Promise<void> {
    if (way.kind === 'refused') {
      client.destroy(new Error(way.ending.reason));
      this.#recordTcp(id, connection, way.ending, startMs);
      return;
    }
    const { endpoint } = way;
    const service = serviceOf(connection, endpoint);
    const meter = this.#options.relayed({ connection, endpoint, ...(service && { service }) });
    const ending = await relayTcp(client, way, { signal: this.#ended.signal, meter });
    this.#recordTcp(id, connection, ending, startMs);
  }

  #recordTcp(id: string, connection: ClientConnection, ending: Ending, startMs: number): void {
    const durationMs = this.#options.clock.monotonic() - startMs;
    recordRequest({ id, connection, parts: this.#options, ending, durationMs });
  }

  async #serveUnknown(stream: ByteStream, connection: ClientConnection): Promise<void> {
    const found = await detect(stream, this.#options.clock);
    await (found.kind === 'silent'
      ? this.#serveSilent(found, connection)
      : this.#serveJudged(found, connection));
  }

  async #serveJudged(judged: Judged, connection: ClientConnection): Promise<void> {
    if (judged.kind !== 'other') {
      await this.#serveHttp(judged, connection);
      return;
    }
    if (this.#needsSni(connection)) {
      await this.#serveTls(judged.stream, connection);
      return;
    }
    const started = this.#started();
    const way = await openTcp(connection, this.#options, this.#ended.signal);
    await this.#relay(judged.stream, way, connection, started);
  }

  /** The client says nothing: whoever speaks first decides. */
  async #serveSilent(silent: Silent, connection: ClientConnection): Promise<void> {
    const started = this.#started();
    const way = await openTcp(connection, this.#options, this.#ended.signal);
    if (way.kind === 'refused') {
      // It may yet be a request that is allowed.
      const judged = await silent.judge();
      if (judged.kind !== 'other') await this.#serveHttp(judged, connection);
      else await this.#relay(judged.stream, way, connection, started);
      return;
    }
    const reply = way.stream.read();
    const server = { ...way, stream: prefixedStream(way.stream, [], reply) };
    const serverSpoke = reply.then(
      () => true,
      () => true,
    );
    if (await Promise.race([silent.spoke.then(() => false), serverSpoke])) {
      await this.#relay(silent.stream, server, connection, started);
      return;
    }
    try {
      const judged = await silent.judge();
      const isOther = judged.kind === 'other';
      if (isOther && !this.#needsSni(connection)) {
        await this.#relay(judged.stream, server, connection, started);
        return;
      }
      way.stream.destroy();
      if (isOther) await this.#serveTls(judged.stream, connection);
      else await this.#serveHttp(judged, connection);
    } finally {
      way.stream.destroy();
    }
  }

  /** Records what was no readable request; answers what `ambit-decision` says. */
  #recordMalformed(
    problem: HeadProblem,
    connection: ClientConnection,
    version: RequestHead['version'],
  ): string {
    const { hex, refused } = this.#options;
    const id = hex(16);
    const { status, code, reason } = problem;
    const ending = { outcome: 'failed', reason, code, status, flag: 'DPE' } as const;
    const exchange = { head: { ...unreadHead, version } };
    recordRequest({ id, exchange, connection, parts: this.#options, ending, durationMs: 0 });
    refused(code);
    return `${id} ${code}`;
  }

  #started(): { readonly id: string; readonly startMs: number } {
    return { id: this.#options.hex(16), startMs: this.#options.clock.monotonic() };
  }

  /** Asks clients to connect anew, and takes what they have sent before they could know. Requests finish. */
  drain(): void {
    this.#http1.drain();
    this.#http2.drain();
    const closeIdle = (): void => {
      this.#http1.closeIdle();
      this.#http2.closeIdle();
    };
    this.#options.clock.wait(leavingMs, this.#ended.signal).then(closeIdle, () => undefined);
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('the waypoint shuts down'));
    await Promise.all(this.#running);
    this.#http1[Symbol.dispose]();
  }
}

/** Stands for the head of a request that could not be read, in the form of access logs. */
const unreadHead = {
  method: '-',
  target: '-',
  authority: '-',
  scheme: 'http',
  headers: [],
};

/** Whom a request is for that names no host: whom its connection was made to. */
function authorityOf({ target }: ClientConnection): string {
  if (target.kind === 'workload') return formatEndpoint(target.destination);
  return `${target.service.hostname}:${target.port.servicePort}`;
}

/** The trace id of a W3C traceparent. */
function traceIdIn(traceparent: string | undefined): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent ?? '')?.[1];
}
