// Events are kept in their core/v1 form; events.k8s.io/v1 names the same facts differently.

import type { ApiObject } from '../store.ts';

/** Field names: events.k8s.io/v1, core/v1. */
const renamed = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
  ['reportingController', 'reportingComponent'],
] as const;

/** From events.k8s.io/v1 to core/v1. */
export function eventToCore(event: ApiObject): ApiObject {
  const core: ApiObject = { ...event, apiVersion: 'v1' };
  for (const [, name] of renamed) delete core[name];
  for (const [from, to] of renamed) {
    delete core[from];
    if (event[from] !== undefined) core[to] = event[from];
  }
  return core;
}

/** From core/v1 to events.k8s.io/v1. */
export function eventFromCore(event: ApiObject): ApiObject {
  const result: ApiObject = { ...event, apiVersion: 'events.k8s.io/v1' };
  for (const [, from] of renamed) delete result[from];
  for (const [to, from] of renamed) if (event[from] !== undefined) result[to] = event[from];
  return result;
}
