// Facts about a workload that travel beside a connection, for labels only and never for policy
// (protocol section 3.2). No percent-encoding: the values are Kubernetes names.

import type { Workload, WorkloadType } from './workload.ts';

/** What baggage tells; absent where the sender left it out. */
export interface Baggage {
  readonly clusterId?: string;
  readonly namespace?: string;
  readonly workloadType?: WorkloadType;
  readonly workloadName?: string;
  readonly canonicalName?: string;
  readonly canonicalRevision?: string;
  readonly region?: string;
  readonly zone?: string;
}

/** Longer headers are not read. */
const maxBaggageLength = 8_192;
const workloadTypes: readonly WorkloadType[] = ['deployment', 'cronjob', 'pod', 'job'];

/** The header value for a workload; keys in Istio's order, empty values left out. */
export function baggageOf(workload: Workload): string {
  const { locality } = workload;
  const pairs: readonly (readonly [string, string])[] = [
    ['k8s.cluster.name', workload.clusterId],
    ['k8s.namespace.name', workload.namespace],
    [`k8s.${workload.workloadType}.name`, workload.workloadName],
    ['service.name', workload.canonicalName],
    ['service.version', workload.canonicalRevision],
    ['cloud.region', locality.region],
    ['cloud.availability_zone', locality.zone],
  ];
  return pairs
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** Reads a header value; unknown keys and values of nothing but blanks are ignored. */
export function parseBaggage(header: string): Baggage {
  const found = new Map<string, string>();
  if (header.length > maxBaggageLength) return {};
  for (const pair of header.split(',')) {
    const [key = '', value = ''] = pair.split('=').map((text) => text.trim());
    if (value !== '') found.set(key, value);
  }
  const workloadType = workloadTypes.find((type) => found.has(`k8s.${type}.name`));
  const fields = {
    clusterId: found.get('k8s.cluster.name'),
    namespace: found.get('k8s.namespace.name'),
    workloadType,
    workloadName: workloadType && found.get(`k8s.${workloadType}.name`),
    canonicalName: found.get('service.name'),
    canonicalRevision: found.get('service.version'),
    region: found.get('cloud.region'),
    zone: found.get('cloud.availability_zone'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
