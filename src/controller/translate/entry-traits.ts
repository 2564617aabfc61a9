// What a waypoint must know of a ServiceEntry and cannot see in its services and endpoints.

import type { ServiceConfig } from '../../mesh/route.ts';
import { keyOfService } from '../../mesh/service.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import { racesConnections } from '../kinds/service-entry.ts';
import type { EntryOutcome } from './register-services.ts';

type Traits = Pick<ServiceConfig, 'oneAddressAtATime' | 'raceConnections'>;

/** The configurations of all waypoints with the traits of entries. */
export function withEntryTraits(
  byWaypoint: ReadonlyMap<string, ReadonlyMap<ServiceKey, ServiceConfig>>,
  entries: readonly EntryOutcome[],
): ReadonlyMap<string, ReadonlyMap<ServiceKey, ServiceConfig>> {
  const traits = new Map<ServiceKey, Traits>();
  for (const { object, services } of entries) {
    const own: Traits = {
      ...(object.spec?.resolution === 'DNS_ROUND_ROBIN' && { oneAddressAtATime: true }),
      ...(racesConnections(object) && { raceConnections: true }),
    };
    if (Object.keys(own).length === 0) continue;
    for (const service of services) traits.set(keyOfService(service), own);
  }
  if (traits.size === 0) return byWaypoint;
  return new Map(
    [...byWaypoint].map(([waypoint, configs]) => [
      waypoint,
      new Map([...configs].map(([key, config]) => [key, { ...config, ...traits.get(key) }])),
    ]),
  );
}
