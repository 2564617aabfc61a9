// The node proxy without its surroundings: state in, pods in, connections served. Where state, pods
// and certificates come from is for its owner to connect.

import { CertificateStore } from '../dataplane/certificates/certificate-store.ts';
import { Revocations } from '../dataplane/certificates/revocations.ts';
import type { CertificateSource } from '../dataplane/certificates/signing-client.ts';
import { Connections } from '../dataplane/connections.ts';
import { DecisionLog } from '../dataplane/decisions.ts';
import type { HostLookup } from '../dataplane/dns/look-up-host.ts';
import { MeshState } from '../dataplane/state/mesh-state.ts';
import type { Demand } from '../dataplane/subscription-demand.ts';
import { TrafficMetrics } from '../dataplane/traffic-metrics.ts';
import { refusalMetric } from '../dataplane/tunnel/refusal-metric.ts';
import { TunnelPool } from '../dataplane/tunnel/tunnel-client.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import { dnsMetrics } from './dns/dns-metrics.ts';
import type { DnsOptions } from './dns/dns-parts.ts';
import { LocalIdentities } from './pods/local-identities.ts';
import { PodSet } from './pods/pod-set.ts';
import { EndpointLoad } from './proxy/endpoint-load.ts';
import { HostAddresses } from './proxy/host-addresses.ts';
import { onDemandDnsMetric } from './proxy/on-demand-dns-metric.ts';
import { PodProxy } from './proxy/pod-proxy.ts';
import type { OpenConnection, ProxyParts } from './proxy/proxy-parts.ts';

export interface NodeProxyOptions {
  readonly node: string;
  /** The proxy's own network; empty in a mesh of one network. */
  readonly network: string;
  /** Whether applications that take the PROXY protocol are reached on loopback; true unless given. */
  readonly loopbackTunnel?: boolean;
  /** Whether baggage of peers is used, and answered; true unless given. */
  readonly baggage?: boolean;
  readonly certificateSource: CertificateSource;
  readonly configVersion: () => string;
  readonly registry: MetricsRegistry;
  /** Who is asked for the addresses of endpoints that only have a name. */
  readonly hostLookup: HostLookup;
  /** Absent where the proxy is told of all workloads and services. */
  readonly demand?: Demand;
  /** Absent when names are not to be answered. */
  readonly dns?: DnsOptions;
  readonly clock: Clock;
  readonly log: Logger;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Called after pods have come or gone. */
  readonly onPodsChange?: () => void;
}

/** Serves the pods of one node. */
export class NodeProxy implements AsyncDisposable {
  readonly state = new MeshState();
  readonly decisions: DecisionLog;
  readonly certificates: CertificateStore;
  readonly revocations: Revocations;
  readonly metrics: TrafficMetrics;
  readonly pods: PodSet;
  /** Connections being served. */
  readonly open = new Set<OpenConnection>();
  readonly #tunnels: TunnelPool;
  readonly #connections: Connections;
  readonly #unsubscribe: () => void;

  constructor(options: NodeProxyOptions) {
    const { certificateSource: source, clock, log } = options;
    this.decisions = new DecisionLog({
      log: log.child({ target: 'access' }),
      registry: options.registry,
    });
    const certificates = new CertificateStore({ source, clock, log });
    this.certificates = certificates;
    this.metrics = new TrafficMetrics(options.registry);
    this.#connections = new Connections(this.state);
    const revocations = new Revocations({ registry: options.registry, clock, log });
    revocations.subscribe(() => certificates.replaceRevoked((own) => revocations.isRevoked(own)));
    this.revocations = revocations;
    this.#tunnels = new TunnelPool({
      certificate: (identity) => certificates.get(identity),
      check: revocations.checkFor('source'),
      clock,
      log,
    });
    const parts = this.#partsFrom(options);
    const identities = new LocalIdentities(certificates);
    const follow = (): void =>
      identities.update(
        this.pods.list().map(({ pod }) => pod),
        this.state,
      );
    this.pods = new PodSet({
      start: (pod, network) => new PodProxy(parts, pod, network),
      onChange: () => {
        follow();
        options.onPodsChange?.();
      },
      clock,
      log,
    });
    this.#unsubscribe = this.state.subscribe((change) => {
      if (change === 'addresses') follow();
    });
  }

  /** What the proxies of pods share. */
  #partsFrom(options: NodeProxyOptions): ProxyParts {
    const { clock, log, registry } = options;
    return {
      state: this.state,
      certificates: this.certificates,
      tunnels: this.#tunnels,
      peerCheck: this.revocations.checkFor('destination'),
      connections: this.#connections,
      open: this.open,
      load: new EndpointLoad(),
      hosts: new HostAddresses({
        lookup: options.hostLookup,
        count: onDemandDnsMetric(registry),
        clock,
        random: options.random,
      }),
      decisions: this.decisions,
      metrics: this.metrics,
      refusals: refusalMetric(registry),
      ...(options.demand && { demand: options.demand }),
      ...(options.dns && {
        dns: {
          ...options.dns,
          metrics: dnsMetrics(registry),
          log: log.child({ target: 'dns' }),
        },
      }),
      clock,
      log,
      network: options.network,
      loopbackTunnel: options.loopbackTunnel ?? true,
      baggage: options.baggage ?? true,
      recordedBy: `ztunnel/${options.node}`,
      configVersion: options.configVersion,
      random: options.random,
    };
  }

  /** Stops taking connections and lets open ones finish until the deadline. */
  async drain(deadline: AbortSignal): Promise<void> {
    await this.pods.drain(deadline);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.pods[Symbol.asyncDispose]();
    await this.#tunnels[Symbol.asyncDispose]();
    this.#connections[Symbol.dispose]();
    this.certificates[Symbol.dispose]();
  }
}
