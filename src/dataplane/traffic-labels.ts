// The labels of Istio's TCP metrics (protocol section 7.2).

import type { Baggage } from '../mesh/baggage.ts';
import type { Identity } from '../mesh/identity.ts';
import type { Service } from '../mesh/service.ts';
import { identityOfWorkload, type Workload } from '../mesh/workload.ts';

/** What the labels are made from. */
export interface TrafficParties {
  readonly reporter: 'source' | 'destination';
  readonly source?: Workload;
  /** Used where the source is not known as a workload. */
  readonly sourceBaggage?: Baggage;
  /** Proved by mutual TLS. */
  readonly sourceIdentity?: Identity;
  /** The next hop, which is the waypoint on the way to one. */
  readonly destination?: Workload;
  /** What was addressed. */
  readonly service?: Service;
  readonly mutualTls: boolean;
}

/** Istio's names, in its order. */
export const trafficLabelNames = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  'destination_workload',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
  'source_region',
  'source_zone',
  'destination_region',
  'destination_zone',
] as const;

export type TrafficLabels = Readonly<Record<(typeof trafficLabelNames)[number], string>>;

/** The labels of a connection; `flag` is `-` while nothing is wrong. */
export function trafficLabels(parties: TrafficParties, flag = '-'): TrafficLabels {
  const { reporter, source, destination, service, sourceIdentity, mutualTls } = parties;
  const baggage = source === undefined ? parties.sourceBaggage : undefined;
  const from = source === undefined ? undefined : labelsOfWorkload(source);
  const to = destination === undefined ? undefined : labelsOfWorkload(destination);
  return {
    reporter,
    source_workload: known(from?.workload ?? baggage?.workloadName),
    source_canonical_service: known(from?.canonicalName ?? baggage?.canonicalName),
    source_canonical_revision: known(from?.revision ?? baggage?.canonicalRevision),
    source_workload_namespace: known(from?.namespace ?? baggage?.namespace),
    source_principal: known(mutualTls ? sourceIdentity : undefined),
    source_app: known(from?.canonicalName ?? baggage?.workloadName),
    source_version: known(from?.revision ?? baggage?.canonicalRevision),
    source_cluster: known(from?.cluster ?? baggage?.clusterId),
    destination_service: known(service?.hostname),
    destination_service_namespace: known(service?.namespace),
    destination_service_name: known(service?.name),
    destination_workload: known(to?.workload),
    destination_canonical_service: known(to?.canonicalName),
    destination_canonical_revision: known(to?.revision),
    destination_workload_namespace: known(to?.namespace),
    destination_principal: known(destination && identityOfWorkload(destination)),
    destination_app: known(to?.canonicalName),
    destination_version: known(to?.revision),
    destination_cluster: known(to?.cluster),
    request_protocol: 'tcp',
    response_flags: flag,
    connection_security_policy: mutualTls ? 'mutual_tls' : 'unknown',
    source_region: known(source?.locality.region ?? baggage?.region),
    source_zone: known(source?.locality.zone ?? baggage?.zone),
    destination_region: known(destination?.locality.region),
    destination_zone: known(destination?.locality.zone),
  };
}

function labelsOfWorkload(workload: Workload) {
  return {
    workload: workload.workloadName,
    canonicalName: workload.canonicalName,
    revision: workload.canonicalRevision,
    namespace: workload.namespace,
    cluster: workload.clusterId,
  };
}

function known(value: string | undefined): string {
  return value || 'unknown';
}
