// What the stories of connections are told with: the parts of the node proxy that all pods share.

import type { CertificateStore } from '../../dataplane/certificates/certificate-store.ts';
import type { PeerCheck } from '../../dataplane/certificates/revocations.ts';
import type { Connections } from '../../dataplane/connections.ts';
import type { DecisionLog } from '../../dataplane/decisions.ts';
import type { MeshState } from '../../dataplane/state/mesh-state.ts';
import type { Demand } from '../../dataplane/subscription-demand.ts';
import type { TrafficMetrics } from '../../dataplane/traffic-metrics.ts';
import type { TunnelPool } from '../../dataplane/tunnel/tunnel-client.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { DecisionRecord } from '../../mesh/decision.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CountingMetric } from '../../runtime/metrics.ts';
import type { DnsParts } from '../dns/dns-parts.ts';
import type { EndpointLoad } from './endpoint-load.ts';
import type { HostAddresses } from './host-addresses.ts';

/** Shared by all pods of the node. */
export interface ProxyParts {
  readonly state: MeshState;
  readonly certificates: CertificateStore;
  readonly tunnels: TunnelPool;
  /** Judges the certificates of tunnels that arrive. */
  readonly peerCheck: PeerCheck;
  readonly connections: Connections;
  /** Those being served whose both ends are known. */
  readonly open: Set<OpenConnection>;
  /** By which endpoints are chosen. */
  readonly load: EndpointLoad;
  /** Of endpoints that only have a name. */
  readonly hosts: HostAddresses;
  readonly decisions: DecisionLog;
  readonly metrics: TrafficMetrics;
  /** Tunnel requests and peers that were refused. */
  readonly refusals: CountingMetric<'code'>;
  /** Absent where the proxy is told of all workloads and services. */
  readonly demand?: Demand;
  /** Absent when names are not answered. */
  readonly dns?: DnsParts;
  readonly clock: Clock;
  readonly log: Logger;
  /** The proxy's own network; empty in a mesh of one network. */
  readonly network: string;
  /** Whether applications that take the PROXY protocol are reached on loopback. */
  readonly loopbackTunnel: boolean;
  /** Whether what peers say of themselves labels metrics, and they are told the same. */
  readonly baggage: boolean;
  /** `ztunnel/NODE`, the name under which decisions are recorded. */
  readonly recordedBy: string;
  /** Hash of the configuration in force. */
  readonly configVersion: () => string;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/** A connection that is being served. */
export interface OpenConnection {
  readonly facts: Pick<
    DecisionRecord,
    'direction' | 'source' | 'destination' | 'transport' | 'hop'
  >;
}

/** A pod as the node agent names it. */
export interface Pod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** A pod with the place where its connections are opened. */
export interface PodContext {
  readonly pod: Pod;
  readonly network: NetworkNamespace;
  /** Fires when everything of the pod must end; the reason is a coded error. */
  readonly end: AbortSignal;
}

/** The mark on every packet that the proxy sends from a pod (protocol section 1.2). */
export const proxyMark = 0x539;

/** How long a connection waits for the controller to describe its pod (protocol section 10.1). */
export const workloadPatienceMs = 5_000;
