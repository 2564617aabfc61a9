// What a proxy that asks for addresses by name is to be told: what the names mean, and what it takes to
// use them (protocol sections 4.3 and 4.4). Pure.

import type { PublishedResource, ResourceTable } from './resource-table.ts';

/** The resources of some names, and with each service its endpoints, with everything its waypoints. */
export function demanded(
  table: ResourceTable,
  names: Iterable<string>,
): ReadonlyMap<string, PublishedResource> {
  const wanted = new Map<string, PublishedResource>();
  const open = [...names];
  const seen = new Set(open);
  const ask = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    open.push(name);
  };
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const resource of table.find(name)) {
      wanted.set(resource.name, resource);
      // What belongs to a service is found by the service's own name.
      if (resource.memberOf === undefined) ask(resource.name);
      for (const waypoint of resource.leadsTo ?? []) ask(waypoint);
    }
  }
  return wanted;
}
