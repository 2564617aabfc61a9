// Istio's four counters of TCP connections, whatever their labels. Bytes are gathered per connection and
// added when the metrics are read and at the end, because labels are too many to look up for every piece of
// data.

import type { CountingMetric, MetricsRegistry } from '../runtime/metrics.ts';

/** One open connection being counted. */
export interface CountedConnection<Labels> {
  /** From the client's point of view. */
  readonly sent: (count: number) => void;
  readonly received: (count: number) => void;
  /** The end; `labels` say how it went. Only the first call counts. */
  readonly close: (labels: Labels) => void;
}

/** The counters. */
export class ConnectionCounters<Label extends string> {
  readonly #opened: CountingMetric<Label>;
  readonly #closed: CountingMetric<Label>;
  readonly #clientToServer: CountingMetric<Label>;
  readonly #serverToClient: CountingMetric<Label>;
  readonly #open = new Set<() => void>();

  constructor(registry: MetricsRegistry, labels: readonly Label[]) {
    const counter = (name: string, help: string): CountingMetric<Label> =>
      registry.counter({ name, help, labels });
    this.#opened = counter('istio_tcp_connections_opened_total', 'Connections opened.');
    this.#closed = counter('istio_tcp_connections_closed_total', 'Connections closed.');
    // Named from the server's side, whoever reports.
    this.#clientToServer = counter(
      'istio_tcp_received_bytes_total',
      'Bytes from client to server.',
    );
    this.#serverToClient = counter('istio_tcp_sent_bytes_total', 'Bytes from server to client.');
    registry.beforeReading(() => {
      for (const flush of this.#open) flush();
    });
  }

  /** Counts a connection as opened. */
  open(labels: Readonly<Record<Label, string>>): CountedConnection<typeof labels> {
    this.#opened.add(labels);
    const bytes = { sent: 0, received: 0 };
    const flush = (): void => {
      this.#clientToServer.add(labels, bytes.sent);
      this.#serverToClient.add(labels, bytes.received);
      bytes.sent = 0;
      bytes.received = 0;
    };
    this.#open.add(flush);
    return {
      sent: (count) => {
        bytes.sent += count;
      },
      received: (count) => {
        bytes.received += count;
      },
      close: (ended) => {
        if (!this.#open.delete(flush)) return;
        flush();
        this.#closed.add(ended);
      },
    };
  }
}
