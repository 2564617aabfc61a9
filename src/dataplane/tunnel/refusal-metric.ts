// How often tunnels were refused, of node proxies and waypoints alike.

import type { CountingMetric, MetricsRegistry } from '../../runtime/metrics.ts';

/** Registers the count of refused tunnel requests and peers. */
export function refusalMetric(registry: MetricsRegistry): CountingMetric<'code'> {
  return registry.counter({
    name: 'ambit_tunnel_refusals_total',
    help: 'Tunnel requests that were refused, peers that were before they asked, and requests that could not be read.',
    labels: ['code'],
  });
}
