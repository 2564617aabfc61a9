// What a large cluster costs the controller's process, on an API server that is full from the start.

import path from 'node:path';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import type { Measurement, Sample, Turn } from '../measurement.ts';
import { runTool } from '../stage/tools.ts';
import { parseFigures } from './config-load.ts';

const program = path.resolve(import.meta.dirname, '../cluster-scale.ts');

const sizes = new Map([
  ['1,000 services, 5,000 pods', [1_000, 5_000]],
  ['10,000 services, 50,000 pods', [10_000, 50_000]],
]);
const paths = [...sizes.keys()];
/** What the figures of the program are called here. */
const names = {
  readyMs: 'time to serve',
  readyCpuMs: 'CPU to serve',
  readyStallMs: 'longest stall before it serves',
  peakRssMiB: 'largest resident memory',
  rssMiB: 'resident memory',
  heapMiB: 'heap in use',
  changeMs: 'change of a pod',
  changeCpuMs: 'CPU of a change',
  changeStallMs: 'longest stall during changes',
} as const;

export const clusterScale: Measurement = {
  name: 'cluster-scale',
  summary:
    'controller process on a full API server: time to serve, memory, longest stall, change of a pod; the ratio is ten times the cluster to one',
  metrics: Object.entries(names).map(([figure, name]) => ({
    name,
    unit: figure.endsWith('MiB') ? 'MiB' : 'ms',
    better: 'lower',
  })),
  paths,
  tools: [],
  needsMesh: false,
  maxRounds: 1,
  warmUp: false,
  prepare: () => Promise.resolve({ paths, sample: look, [Symbol.asyncDispose]: async () => {} }),
};

/** A process for each size: nothing of one is left for the next, and the deadline can end it. */
async function look(name: string, { signal }: Turn): Promise<Sample> {
  using here = NetworkNamespace.current();
  const size = (sizes.get(name) ?? []).map(String);
  const seen = parseFigures(await runTool(here, [process.execPath, program, ...size], signal));
  const figures = Object.entries(names).map(([figure, called]) => {
    return [called, seen.get(figure) ?? Number.NaN] as const;
  });
  return { figures: Object.fromEntries(figures), errors: 0 };
}
