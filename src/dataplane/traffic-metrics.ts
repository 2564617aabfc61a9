// Istio's TCP metrics (protocol section 7.1). Bytes are gathered per connection and added when the
// metrics are read and at the end, because labels are too many to look up for every piece of data.

import type { Code } from '../mesh/catalogue.ts';
import type { CountingMetric, GaugeMetric, MetricsRegistry } from '../runtime/metrics.ts';
import {
  type TrafficLabels,
  type TrafficParties,
  trafficLabelNames,
  trafficLabels,
} from './traffic-labels.ts';

type Traffic = CountingMetric<(typeof trafficLabelNames)[number]>;

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
  readonly #opened: Traffic;
  readonly #closed: Traffic;
  readonly #failed: Traffic;
  readonly #clientToServer: Traffic;
  readonly #serverToClient: Traffic;
  readonly #socketsOpen: GaugeMetric<'reporter'>;
  readonly #open = { source: 0, destination: 0 };
  readonly #meters = new Set<{ flush(): void }>();

  constructor(registry: MetricsRegistry) {
    const counter = (name: string, help: string): Traffic =>
      registry.counter({ name, help, labels: trafficLabelNames });
    this.#opened = counter('istio_tcp_connections_opened_total', 'Connections opened.');
    this.#closed = counter('istio_tcp_connections_closed_total', 'Connections closed.');
    this.#failed = counter('istio_tcp_connections_failed_total', 'Connections that failed.');
    // Named from the server's side, whoever reports.
    this.#clientToServer = counter(
      'istio_tcp_received_bytes_total',
      'Bytes from client to server.',
    );
    this.#serverToClient = counter('istio_tcp_sent_bytes_total', 'Bytes from server to client.');
    this.#socketsOpen = registry.gauge({
      name: 'istio_tcp_sockets_open',
      help: 'Connections open now.',
      labels: ['reporter'],
    });
    registry.beforeReading(() => {
      for (const meter of this.#meters) meter.flush();
    });
  }

  /** Counts a connection as opened, once both of its ends are known. */
  open(parties: TrafficParties): ConnectionMeter {
    const { reporter } = parties;
    const labels = trafficLabels(parties);
    this.#opened.add(labels);
    this.#count(reporter, 1);
    const bytes = { sent: 0, received: 0 };
    const meter = { flush: () => this.#addBytes(labels, bytes) };
    this.#meters.add(meter);
    return {
      sent: (count) => {
        bytes.sent += count;
      },
      received: (count) => {
        bytes.received += count;
      },
      close: (code) => {
        if (!this.#meters.delete(meter)) return;
        meter.flush();
        this.#count(reporter, -1);
        const flag = flagOf(code);
        const ended = trafficLabels(parties, flag);
        this.#closed.add(ended);
        if (flag !== '-') this.#failed.add(ended);
      },
    };
  }

  #addBytes(labels: TrafficLabels, bytes: { sent: number; received: number }): void {
    this.#clientToServer.add(labels, bytes.sent);
    this.#serverToClient.add(labels, bytes.received);
    bytes.sent = 0;
    bytes.received = 0;
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
