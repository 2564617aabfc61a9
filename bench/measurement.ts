// What a measurement is. The table of all of them is in measurements/table.ts.

import type { ToolName } from './names.ts';
import type { Stage } from './stage/stage.ts';

/** Which way a figure is better. */
export type Better = 'higher' | 'lower';

/** One figure that a measurement gives. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
}

/** What one look at one path gave: a figure for each metric that applies to the path, and how many
 * requests, connections or steps failed meanwhile. */
export interface Sample {
  readonly figures: Readonly<Record<string, number>>;
  readonly errors: number;
  /** What the errors were, or what else a reader should know. */
  readonly note?: string;
}

/** How long to look at a path, and when to give up. */
export interface Turn {
  readonly seconds: number;
  /** Counts from 0; the warm-up is undefined. */
  readonly round: number | undefined;
  /** Aborts at the deadline of the turn and when the run is interrupted. */
  readonly signal: AbortSignal;
}

/** A measurement once its preparations are made. */
export interface Prepared extends AsyncDisposable {
  readonly paths: readonly string[];
  sample(path: string, turn: Turn): Promise<Sample>;
}

/** A row of the table. */
export interface Measurement {
  readonly name: string;
  /** What it tells, in a line. */
  readonly summary: string;
  readonly metrics: readonly Metric[];
  /** Paths or variants; the first one is what ratios are to. */
  readonly paths: readonly string[];
  /** Programs of Debian packages that it runs. */
  readonly tools: readonly ToolName[];
  /** Whether it needs a running mesh; false for what runs in this process alone. */
  readonly needsMesh: boolean;
  /** Rounds where a repetition makes no sense or costs too much. */
  readonly maxRounds?: number;
  readonly warmUp: boolean;
  prepare(stage: Stage | undefined): Promise<Prepared>;
}
