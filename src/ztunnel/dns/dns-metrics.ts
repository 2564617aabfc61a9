// Istio's metrics of the names that pods ask for (protocol section 7.1), and one of our own for queries
// that were refused or failed, by code.

import type { Code } from '../../mesh/catalogue.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { MetricsRegistry } from '../../runtime/metrics.ts';
import { nameOfType } from '../../wire/dns/message.ts';

const labels = [
  'request_query_type',
  'request_protocol',
  'source_canonical_service',
  'source_canonical_revision',
] as const;

/** The labels of one query. */
export type QueryLabels = Readonly<Record<(typeof labels)[number], string>>;

/** Seconds. */
const durationBuckets = [0.0005, 0.001, 0.01, 0.1, 1, 5];

/** The labels of a query; without a client they are Istio's word for what is not known. */
export function queryLabels(
  type: number,
  protocol: 'udp' | 'tcp',
  client: Workload | undefined,
): QueryLabels {
  return {
    request_query_type: nameOfType(type),
    request_protocol: protocol,
    source_canonical_service: client?.canonicalName || 'unknown',
    source_canonical_revision: client?.canonicalRevision || 'unknown',
  };
}

/** Counts queries. */
export interface DnsMetrics {
  query(of: QueryLabels): void;
  forwarded(of: QueryLabels): void;
  /** A forwarded query has ended, well or not. */
  forwardEnded(
    of: QueryLabels,
    outcome: { readonly seconds: number; readonly failed: boolean },
  ): void;
  failed(code: Code): void;
}

/** Makes the metrics. */
export function dnsMetrics(registry: MetricsRegistry): DnsMetrics {
  const counter = (name: string, help: string) => registry.counter({ name, help, labels });
  const requests = counter('istio_dns_requests_total', 'DNS queries of pods.');
  const upstream = counter(
    'istio_dns_upstream_requests_total',
    'DNS queries of pods that were passed on.',
  );
  const failures = counter(
    'istio_dns_upstream_failures_total',
    'DNS queries of pods that no name server answered.',
  );
  const duration = registry.histogram({
    name: 'istio_dns_upstream_request_duration_seconds',
    help: 'How long DNS queries took that were passed on.',
    labels,
    buckets: durationBuckets,
  });
  const coded = registry.counter({
    name: 'ambit_dns_failures_total',
    help: 'DNS queries of pods that were refused or failed.',
    labels: ['code'],
  });
  return {
    query: (of) => requests.add(of),
    forwarded: (of) => upstream.add(of),
    forwardEnded: (of, { seconds, failed }) => {
      duration.observe(of, seconds);
      if (failed) failures.add(of);
    },
    failed: (code) => coded.add({ code }),
  };
}
