// How results are printed and written. Pure.

import { isDisturbed, type Machine } from './machine.ts';
import type { Measurement } from './measurement.ts';
import type { Figure, Result } from './run-measurement.ts';
import type { Spread } from './statistics.ts';

/** The lines about the machine. */
export function machineLines(machine: Machine): readonly string[] {
  const { processor, cores, memoryGb, kernel, node, load, at } = machine;
  const facts = `${at}: ${cores} cores (${processor}), ${memoryGb} GB, Linux ${kernel}, Node ${node}, load ${load}`;
  return isDisturbed(machine)
    ? [
        facts,
        'DISTURBED: others were at work when the run began; trust the ratios little, the figures not at all',
      ]
    : [facts];
}

/** The lines of a result: a table of paths below each metric. */
export function resultLines(result: Result, measurement: Measurement): readonly string[] {
  if (result.kind === 'skipped') return [`${result.name}: SKIPPED. ${result.why}`];
  const lines = [`${result.name}: ${measurement.summary}`];
  for (const { name, unit, better } of measurement.metrics) {
    const figures = result.figures.filter(({ metric }) => metric === name);
    if (figures.length === 0) continue;
    lines.push(`  ${name}, ${unit} (${better} is better)`, ...figures.map(figureLine));
  }
  for (const [path, count] of result.errors) {
    if (count > 0) lines.push(`  ERRORS AMB1831 ${path}: ${count}`);
  }
  return [...lines, ...result.notes.map((note) => `  note ${note}`)];
}

function figureLine({ path, spread, ratio }: Figure): string {
  const own = `${path.padEnd(26)} ${number(spread.median).padStart(9)}  ${range(spread)}`;
  return `    ${ratio === undefined ? own : `${own.padEnd(60)} ratio ${number(ratio.median)} ${range(ratio)}`}`;
}

function range({ min, max, count }: Spread): string {
  return count === 1 ? '' : `(${number(min)} .. ${number(max)})`;
}

/** Three digits that count; whole numbers above 1,000. */
export function number(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** Errors of all paths and measurements. */
export function errorsIn(results: readonly Result[]): number {
  return results
    .flatMap((result) => (result.kind === 'measured' ? [...result.errors.values()] : []))
    .reduce((sum, count) => sum + count, 0);
}

/** The report for programs: every round's value beside the spreads. */
export function jsonReport(
  machine: Machine,
  plan: { readonly rounds: number; readonly seconds: number },
  results: readonly Result[],
): string {
  const plain = results.map((result) =>
    result.kind === 'skipped' ? result : { ...result, errors: Object.fromEntries(result.errors) },
  );
  return `${JSON.stringify({ machine, disturbed: isDisturbed(machine), ...plan, results: plain }, undefined, 2)}\n`;
}
