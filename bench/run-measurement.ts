// Runs one measurement: a warm-up, then rounds in which every path is looked at once, in an order that
// turns; every look has a deadline.

import { causeChain } from '../src/runtime/errors.ts';
import type { Measurement, Prepared, Sample } from './measurement.ts';
import type { Stage } from './stage/stage.ts';
import { ratioOf, rotated, type Spread, spreadOf } from './statistics.ts';

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  /** Aborts the run. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** A metric of a path over all rounds. */
export interface Figure {
  readonly path: string;
  readonly metric: string;
  readonly spread: Spread;
  /** To the first path; undefined for the first path and where it has no such figure. */
  readonly ratio: Spread | undefined;
  readonly values: readonly number[];
}

/** The outcome of a measurement. */
export type Result =
  | { readonly kind: 'skipped'; readonly name: string; readonly why: string }
  | {
      readonly kind: 'measured';
      readonly name: string;
      readonly figures: readonly Figure[];
      readonly errors: ReadonlyMap<string, number>;
      readonly notes: readonly string[];
    };

/** How long a look may last beyond its seconds: starting programs, opening connections. */
const graceSeconds = 60;
/** Pods and tunnels that a measurement makes ready before it begins. */
const prepareSeconds = 120;
const warmUpSeconds = 2;
/** Notes kept of a measurement; errors repeat themselves. */
const maxNotes = 8;

/** What was seen, while it is collected. */
class Book {
  readonly figures = new Map<string, Map<number, number>>();
  readonly errors = new Map<string, number>();
  readonly notes = new Set<string>();

  add(path: string, round: number | undefined, sample: Sample): void {
    const when = round === undefined ? ' (warm-up, not counted)' : '';
    if (sample.note !== undefined && this.notes.size < maxNotes) {
      this.notes.add(`${path}: ${sample.note}${when}`);
    }
    if (round === undefined) return;
    this.errors.set(path, (this.errors.get(path) ?? 0) + sample.errors);
    for (const [metric, figure] of Object.entries(sample.figures)) {
      if (Number.isFinite(figure)) this.of(path, metric).set(round, figure);
    }
  }

  of(path: string, metric: string): Map<number, number> {
    const key = `${path} ${metric}`;
    const found = this.figures.get(key) ?? new Map<number, number>();
    this.figures.set(key, found);
    return found;
  }
}

/** Prepares, measures and clears up. A look that fails counts as an error and the rest goes on. */
export async function runMeasurement(
  measurement: Measurement,
  stage: Stage | undefined,
  plan: Plan,
): Promise<Result> {
  const { name, metrics } = measurement;
  const book = new Book();
  let paths: readonly string[] = [];
  try {
    const prepareDeadline = AbortSignal.timeout(prepareSeconds * 1000);
    const patience = AbortSignal.any([plan.signal, prepareDeadline]);
    await using prepared = await within(measurement.prepare(stage), patience);
    paths = prepared.paths;
    await allRounds(measurement, prepared, plan, book);
  } catch (error) {
    plan.signal.throwIfAborted();
    book.add(name, 0, { figures: {}, errors: 1, note: causeChain(error) });
  }
  const base = paths[0];
  const figures = metrics.flatMap((metric) =>
    paths.flatMap((path): Figure[] => {
      const values = book.of(path, metric.name);
      if (values.size === 0) return [];
      const ratio =
        base === undefined || path === base
          ? undefined
          : ratioOf(values, book.of(base, metric.name));
      const all = [...values.values()];
      return [{ path, metric: metric.name, spread: spreadOf(all), ratio, values: all }];
    }),
  );
  return { kind: 'measured', name, figures, errors: book.errors, notes: [...book.notes] };
}

async function allRounds(
  measurement: Measurement,
  prepared: Prepared,
  plan: Plan,
  book: Book,
): Promise<void> {
  const rounds = Math.min(plan.rounds, measurement.maxRounds ?? plan.rounds);
  for (let round = measurement.warmUp ? -1 : 0; round < rounds; round++) {
    for (const path of rotated(prepared.paths, Math.max(round, 0))) {
      plan.signal.throwIfAborted();
      const counted = round < 0 ? undefined : round;
      const seconds = counted === undefined ? warmUpSeconds : plan.seconds;
      const deadline = AbortSignal.timeout((seconds + graceSeconds) * 1000);
      const signal = AbortSignal.any([plan.signal, deadline]);
      try {
        book.add(
          path,
          counted,
          await within(prepared.sample(path, { seconds, round: counted, signal }), signal),
        );
      } catch (error) {
        plan.signal.throwIfAborted();
        book.add(path, counted, { figures: {}, errors: 1, note: causeChain(error) });
      }
    }
    const what = round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`;
    plan.say(`${measurement.name}: ${what} done`);
  }
}

/** What a promise gives, or the signal's reason if that comes first: not all that is measured can be
 * aborted, and none of it may hold the run up. */
async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
