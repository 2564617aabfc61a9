// Istio's TCP metrics of a node proxy (protocol section 7.1).

import type { Code } from '../mesh/catalogue.ts';
import type { CountingMetric, GaugeMetric, MetricsRegistry } from '../runtime/metrics.ts';
import { ConnectionCounters } from './connection-counters.ts';
import { type TrafficParties, trafficLabelNames, trafficLabels } from './traffic-labels.ts';

type TrafficLabel = (typeof trafficLabelNames)[number];

/** Counts one open connection. */
export interface ConnectionMeter {
  /** From the client's point of view. */
  sent(count: number): void;
  received(count: number): void;
  /** The end; with a code when it failed. */
  close(code?: Code): void;
}

/** The counters. */
export class TrafficMetrics {
  readonly #connections: ConnectionCounters<TrafficLabel>;
  readonly #failed: CountingMetric<TrafficLabel>;
  readonly #socketsOpen: GaugeMetric<'reporter'>;
  readonly #open = { source: 0, destination: 0 };

  constructor(registry: MetricsRegistry) {
    this.#connections = new ConnectionCounters(registry, trafficLabelNames);
    this.#failed = registry.counter({
      name: 'istio_tcp_connections_failed_total',
      help: 'Connections that failed.',
      labels: trafficLabelNames,
    });
    this.#socketsOpen = registry.gauge({
      name: 'istio_tcp_sockets_open',
      help: 'Connections open now.',
      labels: ['reporter'],
    });
  }

  /** Counts a connection as opened, once both of its ends are known. */
  open(parties: TrafficParties): ConnectionMeter {
    const { reporter } = parties;
    const counted = this.#connections.open(trafficLabels(parties));
    this.#count(reporter, 1);
    let isOpen = true;
    return {
      sent: counted.sent,
      received: counted.received,
      close: (code) => {
        if (!isOpen) return;
        isOpen = false;
        this.#count(reporter, -1);
        const flag = flagOf(code);
        const ended = trafficLabels(parties, flag);
        counted.close(ended);
        if (flag !== '-') this.#failed.add(ended);
      },
    };
  }

  #count(reporter: 'source' | 'destination', by: number): void {
    this.#open[reporter] += by;
    this.#socketsOpen.set({ reporter }, this.#open[reporter]);
  }
}

/** Istio's response flag for a code. */
export function flagOf(code: Code | undefined): string {
  switch (code) {
    case undefined:
      return '-';
    case 'AMB1401':
    case 'AMB1402':
    case 'AMB1403':
    case 'AMB1411':
      return 'DENY';
    case 'AMB1501':
      return 'NETWORK_POLICY';
    case 'AMB1503':
    case 'AMB1504':
      return 'TLS_FAILURE';
    case 'AMB1505':
      return 'IDENTITY_ERROR';
    case 'AMB1506':
      return 'H2_HANDSHAKE_FAILURE';
    case 'AMB1521':
      return 'CERT_REVOKED';
    default:
      return 'CONNECT';
  }
}
