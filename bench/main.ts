// npm run bench: what the mesh costs, as ratios to the same work without it in the same run.

import { accessSync, constants, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AmbitError, causeChain, codeOf } from '../src/runtime/errors.ts';
import { thisMachine } from './machine.ts';
import type { Measurement } from './measurement.ts';
import { measurements } from './measurements/table.ts';
import { trafficPaths } from './names.ts';
import { type Options, readOptions, usage } from './options.ts';
import { errorsIn, jsonReport, machineLines, resultLines } from './report.ts';
import { type Result, runMeasurement } from './run-measurement.ts';
import { Stage } from './stage/stage.ts';
import { missingTools, missingToolText } from './stage/tools.ts';

const interrupted = 130;

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function toolsMissingFor({ tools }: Measurement): readonly (typeof tools)[number][] {
  return missingTools(tools, process.env['PATH'] ?? '');
}

async function openStage(
  options: Options,
  able: readonly Measurement[],
): Promise<Stage | undefined> {
  if (!able.some(({ needsMesh }) => needsMesh)) return undefined;
  if (process.getuid?.() !== 0) {
    throw new AmbitError('AMB1830', 'entering the networks of pods needs root: run it as root');
  }
  const { outsideProxy } = options;
  const uses = (name: string): boolean => able.some((one) => one.name.startsWith(name));
  const outside = outsideProxy === undefined ? undefined : executable(outsideProxy);
  return await Stage.open({
    paths: trafficPaths.filter((one) => one !== 'outside' || outside !== undefined),
    outsideProxy: outside,
    withIperf: uses('bulk'),
    withColdPeers: uses('cold-peers'),
    say,
  });
}

function executable(file: string): string {
  const program = path.resolve(file);
  try {
    accessSync(program, constants.X_OK);
    return program;
  } catch (error) {
    const what = `--proxy: ${program} is not a program that can be run`;
    throw new AmbitError('AMB1801', what, { cause: error });
  }
}

async function run(options: Options, signal: AbortSignal): Promise<number> {
  const machine = thisMachine(new Date());
  print(machineLines(machine));
  const able = options.chosen.filter((one) => toolsMissingFor(one).length === 0);
  await using stage = await openStage(options, able);
  const results: Result[] = [];
  for (const measurement of options.chosen) {
    const missing = toolsMissingFor(measurement);
    const result: Result =
      missing.length > 0
        ? { kind: 'skipped', name: measurement.name, why: missingToolText(missing) }
        : await runMeasurement(measurement, stage, { ...options, signal, say });
    results.push(result);
    print(['', ...resultLines(result, measurement)]);
  }
  if (options.json !== undefined) {
    const { rounds, seconds } = options;
    writeFileSync(options.json, jsonReport(machine, { rounds, seconds }, results));
  }
  const errors = errorsIn(results);
  if (errors > 0) print(['', `AMB1831 ${errors} errors: a figure with errors is not a figure`]);
  return errors > 0 ? 1 : 0;
}

async function main(): Promise<number> {
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => abort.abort(new Error(`ended by ${name}`)));
  }
  try {
    const options = readOptions(process.argv.slice(2), measurements);
    if (options.help) {
      print([usage]);
      return 0;
    }
    if (options.list) {
      print(measurements.map(({ name, summary }) => `${name.padEnd(16)} ${summary}`));
      return 0;
    }
    return await run(options, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) {
      say('given up; what was made is removed');
      return interrupted;
    }
    const remedy = error instanceof AmbitError ? `\nRemedy: ${error.remedy}` : '';
    const coded = error instanceof AmbitError ? '' : `${codeOf(error)} `;
    process.stderr.write(`${coded}${causeChain(error)}${remedy}\n`);
    return 1;
  }
}

// What could not be aborted must not keep the process; all that the run made is removed by now.
process.exit(await main());
