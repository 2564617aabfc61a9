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
  /** What the destination says of itself, where it is not known as a workload. */
  readonly destinationBaggage?: Baggage;
  /** Proved by mutual TLS; without it that of the destination's workload is taken. */
  readonly destinationIdentity?: Identity;
  /** What was addressed. */
  readonly service?: Service;
  readonly mutualTls: boolean;
}

/** The client's, in Istio's order. */
export const sourceLabelNames = [
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
] as const;

/** Istio's names, in its order. */
export const trafficLabelNames = [
  'reporter',
  ...sourceLabelNames,
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
  const from = source === undefined ? baggageLabels(parties.sourceBaggage) : workloadLabels(source);
  const to =
    destination === undefined
      ? baggageLabels(parties.destinationBaggage)
      : workloadLabels(destination);
  const proved = parties.destinationIdentity ?? (destination && identityOfWorkload(destination));
  return {
    reporter,
    source_workload: known(from.workload),
    source_canonical_service: known(from.canonicalName),
    source_canonical_revision: known(from.revision),
    source_workload_namespace: known(from.namespace),
    source_principal: known(mutualTls ? sourceIdentity : undefined),
    source_app: known(from.app),
    source_version: known(from.revision),
    source_cluster: known(from.cluster),
    destination_service: known(service?.hostname),
    destination_service_namespace: known(service?.namespace),
    destination_service_name: known(service?.name),
    destination_workload: known(to.workload),
    destination_canonical_service: known(to.canonicalName),
    destination_canonical_revision: known(to.revision),
    destination_workload_namespace: known(to.namespace),
    destination_principal: known(proved),
    destination_app: known(to.app),
    destination_version: known(to.revision),
    destination_cluster: known(to.cluster),
    request_protocol: 'tcp',
    response_flags: flag,
    connection_security_policy: mutualTls ? 'mutual_tls' : 'unknown',
    source_region: known(from.region),
    source_zone: known(from.zone),
    destination_region: known(to.region),
    destination_zone: known(to.zone),
  };
}

/** What is told of one end. */
interface EndLabels {
  readonly workload?: string;
  readonly app?: string;
  readonly canonicalName?: string;
  readonly revision?: string;
  readonly namespace?: string;
  readonly cluster?: string;
  readonly region?: string;
  readonly zone?: string;
}

function workloadLabels(workload: Workload): EndLabels {
  return {
    workload: workload.workloadName,
    app: workload.canonicalName,
    canonicalName: workload.canonicalName,
    revision: workload.canonicalRevision,
    namespace: workload.namespace,
    cluster: workload.clusterId,
    region: workload.locality.region,
    zone: workload.locality.zone,
  };
}

function baggageLabels(baggage: Baggage = {}): EndLabels {
  const { workloadName, canonicalName, canonicalRevision, namespace, clusterId } = baggage;
  return present({
    workload: workloadName,
    app: workloadName,
    canonicalName,
    revision: canonicalRevision,
    namespace,
    cluster: clusterId,
    region: baggage.region,
    zone: baggage.zone,
  });
}

function present(fields: Readonly<Record<keyof EndLabels, string | undefined>>): EndLabels {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function known(value: string | undefined): string {
  return value || 'unknown';
}
