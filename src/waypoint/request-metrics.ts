// Istio's metrics of requests and of connections without HTTP, as a waypoint reports them (protocol
// section 7.4).

import { ConnectionCounters } from '../dataplane/connection-counters.ts';
import { sourceLabelNames } from '../dataplane/traffic-labels.ts';
import { identityOfWorkload, type Workload } from '../mesh/workload.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { Decided, PipelineParts } from './request/parts.ts';

const tcpLabelNames = [
  'reporter',
  ...sourceLabelNames,
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
] as const;

const requestLabelNames = [...tcpLabelNames, 'response_code', 'grpc_response_status'] as const;

type TcpLabels = Readonly<Record<(typeof tcpLabelNames)[number], string>>;

/** Upper limits as Envoy's, of milliseconds and of bytes. */
const buckets = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
  600_000, 1_800_000, 3_600_000,
];

/** What counts requests, and connections without HTTP. */
export type RequestMetrics = Pick<PipelineParts, 'decided' | 'relayed'>;

/** Registers the metrics. */
export function requestMetrics(registry: MetricsRegistry): RequestMetrics {
  const requests = registry.counter({
    name: 'istio_requests_total',
    help: 'Requests handled.',
    labels: requestLabelNames,
  });
  const durations = registry.histogram({
    name: 'istio_request_duration_milliseconds',
    help: 'Duration of requests in milliseconds.',
    labels: requestLabelNames,
    buckets,
  });
  const size = (name: string, help: string) =>
    registry.histogram({ name, help, labels: requestLabelNames, buckets });
  const requestBytes = size('istio_request_bytes', 'Size of request bodies in bytes.');
  const responseBytes = size('istio_response_bytes', 'Size of response bodies in bytes.');
  const messages = (name: string, help: string) =>
    registry.counter({ name, help, labels: requestLabelNames });
  const sent = messages('istio_request_messages_total', 'Messages that gRPC clients sent.');
  const received = messages('istio_response_messages_total', 'Messages that gRPC servers sent.');
  const connections = new ConnectionCounters(registry, tcpLabelNames);
  return {
    decided: (decided) => {
      const { record, grpcStatus, protocol } = decided;
      if (record.http === undefined) return;
      const labels = {
        ...labelsOf(decided),
        response_code: String(record.http.status),
        grpc_response_status: protocol === 'grpc' ? (grpcStatus ?? '') : '',
      };
      requests.add(labels);
      durations.observe(labels, record.durationMs);
      requestBytes.observe(labels, record.bytesSent);
      responseBytes.observe(labels, record.bytesReceived);
      if (decided.messages === undefined) return;
      sent.add(labels, decided.messages.sent);
      received.add(labels, decided.messages.received);
    },
    relayed: (relayed) => {
      const ends = { ...relayed, protocol: 'tcp' } as const;
      const counted = connections.open(labelsOf({ ...ends, responseFlag: '-' }));
      return {
        sent: counted.sent,
        received: counted.received,
        close: (flag) => counted.close(labelsOf({ ...ends, responseFlag: flag })),
      };
    },
  };
}

type Ends = Omit<Decided, 'record'>;

function labelsOf({ connection, endpoint, service, protocol, responseFlag }: Ends): TcpLabels {
  const { identity, source, sourceWorkload } = connection;
  const from = workloadLabels(sourceWorkload);
  const to = workloadLabels(endpoint?.workload);
  return {
    reporter: 'waypoint',
    source_workload: from.workload,
    source_canonical_service: from.name,
    source_canonical_revision: from.revision,
    source_workload_namespace: known(source.namespace),
    source_principal: identity,
    source_app: from.name,
    source_version: from.version,
    source_cluster: from.cluster,
    destination_workload: to.workload,
    destination_workload_namespace: to.namespace,
    destination_principal: to.principal,
    destination_app: to.name,
    destination_version: to.version,
    destination_service: service?.hostname ?? to.name,
    destination_canonical_service: to.name,
    destination_canonical_revision: to.revision,
    destination_service_name: known(service?.name),
    destination_service_namespace: known(service?.namespace),
    destination_cluster: to.cluster,
    request_protocol: protocol,
    response_flags: responseFlag,
    connection_security_policy: 'mutual_tls',
  };
}

function workloadLabels(workload: Workload | undefined) {
  const isMeshed = workload?.tunnelProtocol === 'hbone';
  return {
    workload: known(workload?.workloadName),
    namespace: known(workload?.namespace),
    name: known(workload?.canonicalName),
    revision: workload?.canonicalRevision || 'latest',
    version: known(workload?.canonicalRevision),
    cluster: known(workload?.clusterId),
    principal: isMeshed ? identityOfWorkload(workload) : 'unknown',
  };
}

function known(value: string | undefined): string {
  return value || 'unknown';
}
