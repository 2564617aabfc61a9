// Says which services do without their waypoint, as their operators chose: it must not go unnoticed.

import type { Service } from '../mesh/service.ts';
import type { ServiceKey } from '../mesh/workload.ts';
import type { Logger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';

/** Counts such services, and logs when one begins or ends to be one. */
export class WaypointBypasses {
  readonly #count: (count: number) => void;
  #known: ReadonlyMap<ServiceKey, string> = new Map();

  constructor(registry: MetricsRegistry) {
    const gauge = registry.gauge({
      name: 'ambit_controller_waypoint_bypasses',
      help: 'services whose connections go around a waypoint that cannot be used',
    });
    this.#count = (count) => gauge.set({}, count);
    this.#count(0);
  }

  /** Takes the services in force. */
  published(services: ReadonlyMap<ServiceKey, Service>, log: Logger): void {
    const now = new Map<ServiceKey, string>();
    for (const [key, { bypassedWaypoint }] of services) {
      if (bypassedWaypoint !== undefined) now.set(key, bypassedWaypoint);
    }
    for (const [service, waypoint] of now) {
      if (this.#known.get(service) === waypoint) continue;
      log.warn({ code: 'AMB1653', service, waypoint }, 'connections go around a waypoint');
    }
    for (const [service, waypoint] of this.#known) {
      if (now.has(service)) continue;
      log.info({ service, waypoint }, 'connections no longer go around a waypoint');
    }
    this.#known = now;
    this.#count(now.size);
  }
}
