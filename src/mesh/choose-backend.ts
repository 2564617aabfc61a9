// Where a routed request goes: the backend by weight, the endpoints of a subset by labels, and one of
// them by the load-balancing rule. Randomness is given.

import type { DestinationRules, RouteBackend, Subset } from './route.ts';

/** The backend that a number in [0, 1) falls on; weights are relative to their sum. */
export function chooseBackend(
  backends: readonly RouteBackend[],
  random: number,
): { readonly backend: RouteBackend; readonly reason: string } | undefined {
  const [only] = backends;
  if (only === undefined) return undefined;
  if (backends.length === 1) return { backend: only, reason: 'the only backend' };
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  let left = random * total;
  for (const backend of backends) {
    left -= backend.weight;
    if (left < 0 && backend.weight > 0) {
      return { backend, reason: `drawn by weight ${backend.weight} of ${total}` };
    }
  }
  // Only when every weight is 0: nothing may receive anything.
  return undefined;
}

/** The subset of a name; undefined when the rules have none of it. */
export function findSubset(rules: DestinationRules | undefined, name: string): Subset | undefined {
  return rules?.subsets.find((subset) => subset.name === name);
}

/** Whether labels carry all of those that are wanted; wanting none is met by all. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** What an endpoint is chosen by. */
export interface EndpointChoice<Endpoint> {
  readonly rule: NonNullable<DestinationRules['loadBalancer']>;
  /** Independent numbers in [0, 1). */
  readonly random: () => number;
  /** How many endpoints were chosen before, for `ROUND_ROBIN`. */
  readonly turn: number;
  /** Requests under way at an endpoint, for `LEAST_REQUEST`. */
  readonly active: (endpoint: Endpoint) => number;
  /** To be avoided while there is another, as those are that a retry has tried. */
  readonly avoid: ReadonlySet<Endpoint>;
}

/** One of the endpoints; undefined only when there is none. `LEAST_REQUEST` takes the less busy of two
 * drawn ones. */
export function chooseEndpointAmong<Endpoint>(
  endpoints: readonly Endpoint[],
  choice: EndpointChoice<Endpoint>,
): Endpoint | undefined {
  const { rule, random, turn, active, avoid } = choice;
  const fresh = avoid.size === 0 ? endpoints : endpoints.filter((one) => !avoid.has(one));
  const candidates = fresh.length === 0 ? endpoints : fresh;
  const draw = (): Endpoint | undefined => candidates[Math.floor(random() * candidates.length)];
  if (candidates.length <= 1) return candidates[0];
  switch (rule) {
    case 'ROUND_ROBIN':
      return candidates[turn % candidates.length];
    case 'RANDOM':
      return draw();
    case 'LEAST_REQUEST': {
      const [one, other] = [draw(), draw()];
      if (one === undefined || other === undefined) return one;
      return active(other) < active(one) ? other : one;
    }
  }
}
