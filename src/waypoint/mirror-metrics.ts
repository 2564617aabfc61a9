// What became of mirrored requests, which nobody waits for.

import type { Mirror } from '../mesh/route.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { MirrorOutcome } from './request/mirror-traffic.ts';

/** Registers the counter; the answer counts one copy. */
export function mirrorMetrics(
  registry: MetricsRegistry,
): (outcome: MirrorOutcome, mirror: Mirror) => void {
  const copies = registry.counter({
    name: 'ambit_mirrored_requests_total',
    help: 'Copies of requests sent to mirrors, by outcome: answered, failed, or overflow where too many were under way.',
    labels: ['outcome', 'destination_service', 'destination_service_namespace'],
  });
  return (outcome, { service }) => {
    const slash = service.indexOf('/');
    copies.add({
      outcome,
      destination_service: service.slice(slash + 1),
      destination_service_namespace: service.slice(0, slash),
    });
  };
}
