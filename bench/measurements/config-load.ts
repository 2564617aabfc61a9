// How long the configuration of a large mesh takes, and what it costs a node proxy to hold it.

import path from 'node:path';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import type { Measurement, Sample, Turn } from '../measurement.ts';
import { runTool } from '../stage/tools.ts';

const program = path.resolve(import.meta.dirname, '../config-load.ts');

const sizes = new Map([
  ['1,000 services, 5,000 pods', { services: 1_000, pods: 5_000 }],
  ['10,000 services, 50,000 pods', { services: 10_000, pods: 50_000 }],
]);
/** What a proxy holds without a mesh to speak of is no cost of workloads. */
const smallest = { services: 10, pods: 10 };
const smallestMs = 60_000;
const paths = [...sizes.keys()];

export const configLoad: Measurement = {
  name: 'config-load',
  summary:
    'controller and one node proxy over gRPC: time to load, longest stall, memory; the ratio is ten times the mesh to one',
  metrics: [
    { name: 'translate', unit: 'ms', better: 'lower' },
    { name: 'controller, longest stall', unit: 'ms', better: 'lower' },
    { name: 'proxy load', unit: 'ms', better: 'lower' },
    { name: 'proxy, longest stall', unit: 'ms', better: 'lower' },
    { name: 'change of a pod', unit: 'ms', better: 'lower' },
    { name: 'proxy memory', unit: 'kB/pod', better: 'lower' },
  ],
  paths,
  tools: [],
  needsMesh: false,
  maxRounds: 3,
  warmUp: false,
  prepare: async () => {
    const empty = await load(smallest, AbortSignal.timeout(smallestMs));
    return {
      paths,
      sample: async (size, turn) => await look(size, turn, empty),
      [Symbol.asyncDispose]: async () => {},
    };
  },
};

interface Size {
  readonly services: number;
  readonly pods: number;
}

async function look(name: string, { signal }: Turn, empty: Figures): Promise<Sample> {
  const size = sizes.get(name) ?? smallest;
  const seen = await load(size, signal);
  const of = (figure: string): number => seen.get(figure) ?? Number.NaN;
  const grown = of('proxyRssMiB') - (empty.get('proxyRssMiB') ?? Number.NaN);
  return {
    figures: {
      translate: of('translateMs'),
      'controller, longest stall': Math.max(of('translateStallMs'), of('serveStallMs')),
      'proxy load': of('proxyLoadMs'),
      'proxy, longest stall': of('proxyStallMs'),
      'change of a pod': of('changeMs'),
      'proxy memory': (grown * 1024) / size.pods,
    },
    errors: 0,
  };
}

type Figures = ReadonlyMap<string, number>;

/** A process for each load: nothing of one is left for the next, and the deadline can end it. */
async function load({ services, pods }: Size, signal: AbortSignal): Promise<Figures> {
  using here = NetworkNamespace.current();
  const words = [process.execPath, program, `${services}`, `${pods}`] as const;
  return parseFigures(await runTool(here, [...words], signal));
}

/** Reads lines `name: 12.3` and `name: median 12.3, slowest 45.6`. */
export function parseFigures(text: string): Figures {
  const lines = [...text.matchAll(/^(\w+): (?:median )?([\d.]+)/gm)];
  return new Map(lines.map(([, name = '', figure]) => [name, Number(figure)]));
}
