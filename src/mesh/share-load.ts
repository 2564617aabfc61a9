// How requests are shared among groups of endpoints, as Envoy does it ("priority levels" and "locality
// weighted load balancing" of its documentation): a group keeps its whole share until less than one in
// 1.4 of its endpoints can be used, and then gives up as much as it lacks.

/** How many of a group's endpoints can be used, and how much of the load it is to have. */
export interface GroupHealth {
  readonly healthy: number;
  readonly total: number;
  /** Relative to the other groups'. */
  readonly weight: number;
}

/** A group with so much more than it needs is not overloaded. */
const overprovisioning = 1.4;

function healthOf({ healthy, total }: GroupHealth): number {
  return total === 0 ? 0 : Math.min(1, (overprovisioning * healthy) / total);
}

/** The share of each of several groups, the first of which is to have all and the others what it cannot
 * take. They add up to 1, or are 0 when nothing can be used. Weights have no effect. */
export function shareByPriority(groups: readonly GroupHealth[]): readonly number[] {
  const healths = groups.map(healthOf);
  const sum = Math.min(
    1,
    healths.reduce((total, one) => total + one, 0),
  );
  if (sum === 0) return groups.map(() => 0);
  let left = 1;
  const shares = healths.map((health) => {
    const share = Math.min(left, health / sum);
    left -= share;
    return share;
  });
  // Rounding must not leave a request without a group.
  const first = healths.findIndex((health) => health > 0);
  return shares.map((share, index) => (index === first ? share + Math.max(0, left) : share));
}

/** The share of each of several groups by weight. They add up to 1, or are 0 when nothing can be used. */
export function shareByWeight(groups: readonly GroupHealth[]): readonly number[] {
  const weights = groups.map((group) => group.weight * healthOf(group));
  const total = weights.reduce((sum, one) => sum + one, 0);
  return weights.map((weight) => (total === 0 ? 0 : weight / total));
}

/** The index of the share that a number in [0, 1) falls on; undefined when all are 0. */
export function drawShare(shares: readonly number[], random: number): number | undefined {
  let left = random;
  let last: number | undefined;
  for (const [index, share] of shares.entries()) {
    if (share <= 0) continue;
    last = index;
    left -= share;
    if (left < 0) return index;
  }
  return last;
}
