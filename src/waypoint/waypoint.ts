// A waypoint as its owner starts it: configuration and certificates in, tunnels served on its port,
// drained and disposed.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { getCACertificates } from 'node:tls';
import { CertificateStore } from '../dataplane/certificates/certificate-store.ts';
import { Revocations } from '../dataplane/certificates/revocations.ts';
import type { CertificateSource } from '../dataplane/certificates/signing-client.ts';
import { DecisionLog, type DecisionLogOptions, newDecisionId } from '../dataplane/decisions.ts';
import type { HostLookup } from '../dataplane/dns/look-up-host.ts';
import { MeshState } from '../dataplane/state/mesh-state.ts';
import { type SubscribedKind, subscribedKind } from '../dataplane/subscription-kind.ts';
import { refusalMetric } from '../dataplane/tunnel/refusal-metric.ts';
import { TunnelPool } from '../dataplane/tunnel/tunnel-client.ts';
import { TunnelServer } from '../dataplane/tunnel/tunnel-server.ts';
import { type Endpoint, formatEndpoint, type IpAddress } from '../mesh/address.ts';
import type { Identity } from '../mesh/identity.ts';
import { serviceKey } from '../mesh/workload.ts';
import type { Clock } from '../runtime/clock.ts';
import { type AmbitError, causeChain } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { RequestTracer } from '../runtime/tracing.ts';
import { decodeAddress } from '../wire/address.ts';
import { decodeAuthorization } from '../wire/authorization.ts';
import {
  decodeCredential,
  decodeServiceConfig,
  decodeWorkloadLabels,
} from '../wire/waypoint-config.ts';
import { typeUrls } from '../wire/xds.ts';
import { Arrivals } from './balance/arrivals.ts';
import { Balancers } from './balance/balancers.ts';
import { destinationMetrics, gaugeDestinations } from './destination-metrics.ts';
import { Destinations } from './destinations/destinations.ts';
import { HostTable } from './dns/host-table.ts';
import { Front } from './front/front.ts';
import { mirrorMetrics } from './mirror-metrics.ts';
import { compileRegex } from './regex.ts';
import { MirrorTraffic } from './request/mirror-traffic.ts';
import { Activity, type PipelineParts } from './request/parts.ts';
import { requestMetrics } from './request-metrics.ts';
import { ServiceTable } from './state/service-table.ts';
import { ClientContexts } from './tls/client-contexts.ts';
import { CredentialTable } from './tls/credential-table.ts';
import { ProtocolNegotiator } from './upstream/negotiate-protocol.ts';
import { upstreamNegotiator, upstreamOpener } from './upstream/open-upstream.ts';

export interface WaypointOptions {
  readonly namespace: string;
  /** The Gateway's name, which is the service's too. */
  readonly gateway: string;
  readonly clusterDomain: string;
  readonly identity: Identity;
  readonly network: string;
  /** Of this pod. */
  readonly address: IpAddress;
  readonly certificateSource: CertificateSource;
  /** How the host names of endpoints are resolved. */
  readonly hostLookup: HostLookup;
  readonly configVersion: () => string;
  readonly registry: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Writes the access log in another form than ours. */
  readonly accessLog?: DecisionLogOptions['formatted'];
  /** Absent when nobody asked for spans. */
  readonly tracer?: RequestTracer;
}

function randomHex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}

/** Serves the tunnels of one waypoint. */
export class Waypoint implements AsyncDisposable {
  readonly state = new MeshState();
  readonly table: ServiceTable;
  readonly decisions: DecisionLog;
  readonly certificates: CertificateStore;
  readonly revocations: Revocations;
  readonly credentials = new CredentialTable();
  readonly hosts: HostTable;
  readonly destinations: Destinations;
  readonly #arrivals: Arrivals;
  readonly #tunnels: TunnelPool;
  readonly #front: Front;
  readonly #server: TunnelServer;
  readonly #ended = new AbortController();
  #listener: Server | undefined;

  constructor(options: WaypointOptions) {
    const { identity, clock, log, network, namespace, gateway } = options;
    const certificates = new CertificateStore({ source: options.certificateSource, clock, log });
    const decisions = new DecisionLog({
      log: log.child({ target: 'access' }),
      registry: options.registry,
      ...(options.accessLog && { formatted: options.accessLog }),
    });
    const metrics = requestMetrics(options.registry);
    const refusals = refusalMetric(options.registry);
    this.#arrivals = new Arrivals(clock);
    this.certificates = certificates;
    this.decisions = decisions;
    this.table = new ServiceTable({ compileRegex, log });
    const revocations = new Revocations({ registry: options.registry, clock, log });
    revocations.subscribe(() => certificates.replaceRevoked((own) => revocations.isRevoked(own)));
    this.revocations = revocations;
    this.#tunnels = new TunnelPool({
      certificate: (who) => certificates.get(who),
      check: revocations.checkFor('source'),
      clock,
      log,
    });
    this.hosts = new HostTable({ lookup: options.hostLookup, clock, log });
    const watch = destinationMetrics(options.registry);
    this.destinations = new Destinations({ clock, watch, log });
    gaugeDestinations(options.registry, this.destinations);
    this.#front = new Front({
      mesh: this.state,
      table: this.table,
      ...this.#upstreams(options),
      hosts: this.hosts,
      network,
      by: `waypoint/${namespace}/${gateway}`,
      configVersion: options.configVersion,
      clock,
      random: Math.random,
      hex: randomHex,
      decided: (decided) => {
        decisions.record(decided.record);
        metrics.decided(decided);
      },
      relayed: metrics.relayed,
      undecided: (record) => decisions.record(record),
      refused: (code) => refusals.add({ code }),
      activity: new Activity(),
      balancers: this.#balancers(options),
      destinations: this.destinations,
      mirrors: {
        traffic: new MirrorTraffic(mirrorMetrics(options.registry)),
        ended: this.#ended.signal,
      },
      ...(options.tracer && { tracer: options.tracer }),
      log,
      ownService: serviceKey(namespace, `${gateway}.${namespace}.svc.${options.clusterDomain}`),
    });
    this.#server = new TunnelServer({
      certificate: () => certificates.get(identity),
      onRequest: (request) => this.#front.onRequest(request),
      check: revocations.checkFor('destination'),
      onRefusedPeer: (...refused) => {
        refusals.add({ code: refused[2].code });
        this.#recordRefusedPeer(options, refused);
      },
      clock,
      log,
    });
  }

  #balancers({ network, clock, address }: WaypointOptions): Balancers {
    return new Balancers({
      network,
      clock,
      own: () => this.state.workloadByAddress(network, address),
      arrivedAt: (uid) => this.#arrivals.at(uid),
    });
  }

  #upstreams({ identity, clock }: WaypointOptions): Pick<PipelineParts, 'open' | 'negotiate'> {
    const parts = {
      identity,
      tunnels: this.#tunnels,
      contexts: new ClientContexts({
        credentials: this.credentials,
        own: () => this.certificates.get(identity),
        systemAuthorities: () => getCACertificates('system'),
      }),
      negotiator: new ProtocolNegotiator(clock),
    };
    return { open: upstreamOpener(parts), negotiate: upstreamNegotiator(parts) };
  }

  /** A peer that never got to ask for anything still leaves a record. */
  #recordRefusedPeer(
    { network, namespace, gateway, configVersion, clock }: WaypointOptions,
    [peer, local, error]: readonly [Endpoint, Endpoint, AmbitError],
  ): void {
    const source = this.state.workloadByAddress(network, peer.address);
    this.decisions.record({
      id: newDecisionId(),
      traceId: randomBytes(16).toString('hex'),
      time: new Date(clock.now()).toISOString(),
      by: `waypoint/${namespace}/${gateway}`,
      direction: 'inbound',
      source: {
        address: formatEndpoint(peer),
        ...(source && { workload: source.name, namespace: source.namespace }),
      },
      destination: { address: formatEndpoint(local), namespace },
      transport: 'tunnel',
      verdict: { outcome: 'denied', code: error.code, reason: causeChain(error) },
      configVersion: configVersion(),
      bytesSent: 0,
      bytesReceived: 0,
      durationMs: 0,
    });
  }

  /** What the waypoint subscribes to, in the order of the first requests. */
  kinds(): readonly SubscribedKind[] {
    return [
      subscribedKind({
        typeUrl: typeUrls.address,
        decode: (_name, bytes) => decodeAddress(bytes),
        apply: (batch, turns) => {
          this.#arrivals.note(batch, (uid) => this.state.workloadByUid(uid));
          return this.state.loadAddresses(batch, turns);
        },
      }),
      subscribedKind({
        typeUrl: typeUrls.authorization,
        decode: (_name, bytes) => decodeAuthorization(bytes),
        apply: (batch) => this.state.applyAuthorizations(batch),
      }),
      subscribedKind({
        typeUrl: typeUrls.serviceConfig,
        decode: (_name, bytes) => decodeServiceConfig(bytes),
        apply: (batch) => this.table.applyServices(batch),
      }),
      subscribedKind({
        typeUrl: typeUrls.workloadLabels,
        decode: (_name, bytes) => decodeWorkloadLabels(bytes),
        apply: (batch) => this.table.applyLabels(batch),
      }),
      subscribedKind({
        typeUrl: typeUrls.credential,
        decode: (_name, bytes) => decodeCredential(bytes),
        apply: (batch) => this.credentials.apply(batch),
      }),
    ];
  }

  /** Listens for tunnels and answers the port. Rejects when it is in use. */
  async listen(port: number): Promise<number> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#server.accept(socket),
    );
    this.#listener = listener;
    listener.listen({ port });
    await once(listener, 'listening');
    const address = listener.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Takes no new connections and lets open ones finish until the deadline. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#listener?.close();
    this.#front.drain();
    const late = new Promise<void>((resolve) => {
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#server.drain(), late]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener?.close();
    this.#ended.abort(new Error('the waypoint ends'));
    await this.#server[Symbol.asyncDispose]();
    await this.#front[Symbol.asyncDispose]();
    this.hosts[Symbol.dispose]();
    await this.#tunnels[Symbol.asyncDispose]();
    this.destinations[Symbol.dispose]();
    this.certificates[Symbol.dispose]();
  }
}
