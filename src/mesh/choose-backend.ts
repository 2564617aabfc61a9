// Where a routed request goes: the backend by weight, and the endpoints of a
// subset by labels. Randomness is given.

import type { DestinationRules, Subset } from './destination.ts';
import type { RouteBackend } from './route.ts';

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

/** The labels of a subset of all endpoints: one value, by which lists that were made for it are known. */
export const noLabels: Readonly<Record<string, string>> = {};

/** Whether labels carry all of those that are wanted; wanting none is met by all. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
