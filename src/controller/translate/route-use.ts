// The use that was made of objects with routes.

import type { HttpRoute } from '../../mesh/route.ts';
import { describeObject, type KubernetesObject } from '../kinds/object.ts';

/** The use that was made of an object with routes, for its author. */
export interface RouteUse {
  /** `SERVICE at WAYPOINT`, or of a delegate the VirtualServices that delegate to it. */
  readonly inForce: string[];
  /** How many matches it has in tables, routes without a match counted as one. */
  matches: number;
  /** Routes that are never reached, and what takes their requests. */
  readonly shadowed: string[];
  /** Services whose waypoint does not look at the object, and why. */
  readonly outside: string[];
}

/** By `KIND NAMESPACE/NAME`. */
export type RouteUses = ReadonlyMap<string, RouteUse>;

/** A route with the object that it came by: the one with the hosts or parents. */
export interface OwnedRoute<Route = HttpRoute> {
  readonly route: Route;
  readonly owner: KubernetesObject;
}

/** The key of an object among uses. */
export function useKey(object: KubernetesObject): string {
  return describeObject(object);
}

/** The use of an object, to be added to. */
export function useOf(uses: Map<string, RouteUse>, object: KubernetesObject): RouteUse {
  const key = useKey(object);
  let use = uses.get(key);
  if (use === undefined) {
    use = { inForce: [], matches: 0, shadowed: [], outside: [] };
    uses.set(key, use);
  }
  return use;
}
