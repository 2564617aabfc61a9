// The command line of the benchmark. Pure.

import { parseArgs } from 'node:util';
import { AmbitError } from '../src/runtime/errors.ts';
import type { Measurement } from './measurement.ts';

export interface Options {
  readonly list: boolean;
  readonly help: boolean;
  readonly chosen: readonly Measurement[];
  readonly rounds: number;
  readonly seconds: number;
  /** Where the figures are written as JSON. */
  readonly json: string | undefined;
  /** The program in place of the node proxy. */
  readonly outsideProxy: string | undefined;
}

const limits = { rounds: 101, seconds: 120 } as const;
const defaults = { rounds: '5', seconds: '3' } as const;

export const usage = `npm run bench -- [NAME...] [flags]

  Measures what the mesh costs, each figure beside the same work without the mesh in the same run.
  NAME is a measurement or the beginning of several: "bulk" means bulk-1 and bulk-8.

  --list                    the measurements, and what each tells
  --rounds N                times that every path is looked at (default ${defaults.rounds})
  --seconds N               length of one look, where it has one (default ${defaults.seconds})
  --json FILE               also write everything to FILE
  --proxy ztunnel=PROGRAM   measure PROGRAM as node proxy too, as the path "outside"`;

/** Reads the flags. @throws AmbitError AMB1801 naming the flag or word that is wrong */
export function readOptions(args: readonly string[], table: readonly Measurement[]): Options {
  const { values, positionals } = parse(args);
  return {
    list: values.list,
    help: values.help,
    chosen: positionals.length === 0 ? table : choose(positionals, table),
    rounds: wholeNumber('--rounds', values.rounds, limits.rounds),
    seconds: wholeNumber('--seconds', values.seconds, limits.seconds),
    json: values.json,
    outsideProxy: values.proxy === undefined ? undefined : outsideProxy(values.proxy),
  };
}

interface Parsed {
  readonly values: {
    readonly list: boolean;
    readonly help: boolean;
    readonly rounds: string;
    readonly seconds: string;
    readonly json?: string;
    readonly proxy?: string;
  };
  readonly positionals: readonly string[];
}

function parse(args: readonly string[]): Parsed {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        rounds: { type: 'string', default: defaults.rounds },
        seconds: { type: 'string', default: defaults.seconds },
        json: { type: 'string' },
        proxy: { type: 'string' },
      },
    });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new AmbitError('AMB1801', `${problem}; npm run bench -- --help lists the flags`);
  }
}

function choose(words: readonly string[], table: readonly Measurement[]): readonly Measurement[] {
  const matches = (word: string, name: string): boolean =>
    name === word || name.startsWith(`${word}-`);
  for (const word of words) {
    if (table.some(({ name }) => matches(word, name))) continue;
    const names = table.map(({ name }) => name).join(', ');
    throw new AmbitError('AMB1801', `there is no measurement ${word}; there are ${names}`);
  }
  return table.filter(({ name }) => words.some((word) => matches(word, name)));
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= max) return value;
  throw new AmbitError('AMB1801', `${flag} ${text} is not a whole number from 1 to ${max}`);
}

function outsideProxy(flag: string): string {
  const program = /^ztunnel=(.+)$/.exec(flag)?.[1];
  if (program !== undefined) return program;
  throw new AmbitError('AMB1801', `--proxy ${flag} is not ztunnel=PROGRAM`);
}
