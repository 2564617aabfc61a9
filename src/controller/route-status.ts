// `status.parents` of Gateway API routes: the entries of this controller, beside those of others. Its
// definition has no place for other conditions, so all that is found stands in them. Pure.

import type { ParentStatus } from './kinds/gateway-routes.ts';
import { type Condition, dated, describeObject } from './kinds/object.ts';
import type { Finding, StatusFields } from './translate/finding.ts';
import type { RouteReport } from './translate/gateway-parents.ts';

/** As which this controller speaks of routes: Istio's name, which its users' tools look for. */
export const routeController = 'istio.io/gateway-controller';

/** Most conditions that Gateway API allows for one parent. */
const maxConditions = 8;

/** What to write of the parents of each route; nothing where there is no parent of ours, and was none. */
export function routeParents(
  reports: readonly RouteReport[],
  findings: readonly Finding[],
  nowMs: number,
): StatusFields[] {
  const found = new Map<string, Condition[]>();
  for (const { object, type, status, reason, message } of findings) {
    const key = `${object.kind} ${object.namespace ?? ''}/${object.name}`;
    const list = found.get(key) ?? [];
    list.push({ type, status, reason, message });
    found.set(key, list);
  }
  return reports.flatMap(({ object, parents }) => {
    const present = object.status?.parents ?? [];
    const others = present.filter(({ controllerName }) => controllerName !== routeController);
    const before = present.filter(({ controllerName }) => controllerName === routeController);
    if (parents.length === 0 && before.length === 0) return [];
    const own = parents.map(({ parentRef, conditions }): ParentStatus => {
      const older = before.find((one) => sameParent(one.parentRef, parentRef));
      const all = [...conditions, ...(found.get(describeObject(object)) ?? [])];
      return {
        parentRef,
        controllerName: routeController,
        conditions: all
          .slice(0, maxConditions)
          .map((one) => dated(one, object, older?.conditions ?? [], nowMs)),
      };
    });
    const fields = { parents: [...others, ...own] };
    if (own.length === 0) return [{ object, fields }];
    return [{ object, fields, before: before[0]?.conditions ?? [] }];
  });
}

function sameParent(left: object, right: object): boolean {
  const text = (one: object): string =>
    JSON.stringify(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  return text(left) === text(right);
}
