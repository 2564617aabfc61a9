// Istio's count of connections for which a name had to be resolved (protocol section 7.1).

import { sourceLabelNames, trafficLabels } from '../../dataplane/traffic-labels.ts';
import { identityOfWorkload, type Workload } from '../../mesh/workload.ts';
import type { MetricsRegistry } from '../../runtime/metrics.ts';

const labels = [...sourceLabelNames, 'hostname'] as const;

/** Makes the counter. */
export function onDemandDnsMetric(
  registry: MetricsRegistry,
): (hostname: string, client: Workload) => void {
  const counter = registry.counter({
    name: 'istio_on_demand_dns_total',
    help: 'Connections to endpoints that are known by a host name only.',
    labels,
  });
  return (hostname, source) => {
    const of = trafficLabels({
      reporter: 'source',
      source,
      sourceIdentity: identityOfWorkload(source),
      mutualTls: true,
    });
    counter.add({
      source_workload: of.source_workload,
      source_canonical_service: of.source_canonical_service,
      source_canonical_revision: of.source_canonical_revision,
      source_workload_namespace: of.source_workload_namespace,
      source_principal: of.source_principal,
      source_app: of.source_app,
      source_version: of.source_version,
      source_cluster: of.source_cluster,
      hostname,
    });
  };
}
