// Istio's metrics of the configuration stream (protocol section 7.1).

import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { SubscriptionObserver } from './subscription.ts';

/** Counts what a subscription does. */
export function subscriptionMetrics(registry: MetricsRegistry): SubscriptionObserver {
  const ends = registry.counter({
    name: 'istio_xds_connection_terminations_total',
    help: 'Ends of the configuration stream.',
    labels: ['reason'],
  });
  const messages = registry.counter({
    name: 'istio_xds_message_total',
    help: 'Responses received.',
    labels: ['url'],
  });
  const bytes = registry.counter({
    name: 'istio_xds_message_bytes_total',
    help: 'Bytes of resources received.',
    labels: ['url'],
  });
  return {
    onMessage(url, resourceBytes) {
      messages.add({ url });
      bytes.add({ url }, resourceBytes);
    },
    onStreamEnd: (reason) => ends.add({ reason }),
  };
}
