// Metrics of destinations: limits that were reached, and endpoints that were left out.

import { keyOfService } from '../mesh/service.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type {
  DestinationName,
  Destinations,
  DestinationWatch,
} from './destinations/destinations.ts';

const place = ['destination_service', 'subset', 'port'] as const;

/** Registers the metrics. */
export function destinationMetrics(registry: MetricsRegistry): DestinationWatch {
  const overflows = registry.counter({
    name: 'ambit_waypoint_overflows_total',
    help: 'Requests and connections refused, and retries left out, because a limit of the destination was reached.',
    labels: [...place, 'limit'],
  });
  const ejections = registry.counter({
    name: 'ambit_waypoint_ejections_total',
    help: 'Endpoints left out because they failed; result spared where too many were left out already.',
    labels: [...place, 'result'],
  });
  return {
    overflowed: (name, limit) => overflows.add({ ...labelsOf(name), limit }),
    ejected: (name) => ejections.add({ ...labelsOf(name), result: 'ejected' }),
    spared: (name) => ejections.add({ ...labelsOf(name), result: 'spared' }),
  };
}

/** Registers what is so at the moment. */
export function gaugeDestinations(registry: MetricsRegistry, destinations: Destinations): void {
  const gauge = (name: string, help: string) => registry.gauge({ name, help, labels: place });
  const ejected = gauge('ambit_waypoint_ejected_endpoints', 'Endpoints that are left out now.');
  const open = gauge(
    'ambit_waypoint_upstream_connections',
    'Connections to endpoints that are open or being opened.',
  );
  const waiting = gauge(
    'ambit_waypoint_pending_requests',
    'Requests that wait for a connection to an endpoint.',
  );
  registry.beforeReading(() => {
    for (const one of destinations.summaries()) {
      const labels = {
        destination_service: one.service,
        subset: one.subset,
        port: String(one.port),
      };
      ejected.set(labels, one.ejected.length);
      open.set(labels, one.connections);
      waiting.set(labels, one.pending);
    }
  });
}

function labelsOf({ service, subset, port }: DestinationName) {
  return { destination_service: keyOfService(service), subset, port: String(port) };
}
