// The arithmetic of the benchmark. Pure: figures in, figures out.

/** The middle of some figures and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** The median; the mean of the two middle ones when there is no middle.
 * @throws RangeError without figures */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((one, other) => one - other);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no figures');
  return lower === upper ? upper : (lower + upper) / 2;
}

/** @throws RangeError without figures */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((one, other) => one - other);
  return {
    median: median(sorted),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    count: sorted.length,
  };
}

/** The smallest figure that at least `share` (0 to 1) of all do not exceed (nearest rank).
 * @throws RangeError without figures */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((one, other) => one - other);
  const rank = Math.min(Math.max(Math.ceil(sorted.length * share), 1), sorted.length);
  const found = sorted[rank - 1];
  if (found === undefined) throw new RangeError('no figures');
  return found;
}

/** The ratio of each round's figure to the base's figure of the same round, then their spread: what
 * disturbs a round disturbs both sides of it. Rounds without both figures, or with a base of 0, do
 * not count; undefined when none is left. The keys are rounds. */
export function ratioOf(
  figures: ReadonlyMap<number, number>,
  base: ReadonlyMap<number, number>,
): Spread | undefined {
  const ratios = [...figures].flatMap(([round, figure]) => {
    const own = base.get(round);
    return own === undefined || own === 0 ? [] : [figure / own];
  });
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

/** The order of a round: the same circle, begun one further each round, so that no path always comes
 * after the same pause or the same neighbour's heat. */
export function rotated<T>(paths: readonly T[], round: number): readonly T[] {
  const start = paths.length === 0 ? 0 : round % paths.length;
  return [...paths.slice(start), ...paths.slice(0, start)];
}
