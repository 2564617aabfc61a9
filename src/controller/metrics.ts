// What the controller counts, under Istio's names where Istio has one.

import type { MetricsRegistry } from '../runtime/metrics.ts';

/** The controller's metrics by event. */
export interface ControllerMetrics {
  connected(proxies: number): void;
  pushed(typeUrl: string): void;
  refused(typeUrl: string): void;
  translated(workloads: number, services: number): void;
  wroteStatus(objects: number): void;
  issued(): void;
  leads(does: boolean): void;
  interrupted(kind: string, reason: string): void;
}

/** Registers the metrics. */
export function controllerMetrics(registry: MetricsRegistry): ControllerMetrics {
  const connected = registry.gauge({ name: 'pilot_xds', help: 'proxies connected now' });
  const pushes = registry.counter<'type'>({
    name: 'pilot_xds_pushes',
    help: 'responses sent to proxies, by type',
    labels: ['type'],
  });
  const refusals = registry.counter<'type'>({
    name: 'pilot_total_xds_rejects',
    help: 'responses that proxies refused in whole or in part, by type',
    labels: ['type'],
  });
  const translations = registry.counter({
    name: 'ambit_controller_translations_total',
    help: 'translations of all objects',
  });
  const workloads = registry.gauge({
    name: 'ambit_controller_workloads',
    help: 'workloads in the snapshot',
  });
  const services = registry.gauge({
    name: 'ambit_controller_services',
    help: 'services in the snapshot',
  });
  const statuses = registry.counter({
    name: 'ambit_controller_status_writes_total',
    help: 'statuses written',
  });
  const issued = registry.counter({
    name: 'citadel_server_success_cert_issuance_count',
    help: 'certificates issued',
  });
  const leads = registry.gauge({
    name: 'ambit_controller_leader',
    help: '1 while this replica is the one that writes to the API',
  });
  const interruptions = registry.counter<'kind' | 'reason'>({
    name: 'ambit_controller_watch_interruptions_total',
    help: 'interruptions of watches, each followed by another attempt',
    labels: ['kind', 'reason'],
  });
  connected.set({}, 0);
  return {
    connected: (proxies) => connected.set({}, proxies),
    pushed: (typeUrl) => pushes.add({ type: shortType(typeUrl) }),
    refused: (typeUrl) => refusals.add({ type: shortType(typeUrl) }),
    translated(someWorkloads, someServices) {
      translations.add({});
      workloads.set({}, someWorkloads);
      services.set({}, someServices);
    },
    wroteStatus: (objects) => statuses.add({}, objects),
    issued: () => issued.add({}),
    leads: (does) => leads.set({}, does ? 1 : 0),
    interrupted: (kind, reason) => interruptions.add({ kind, reason }),
  };
}

/** The last part of a type URL; types are few and known. */
function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
