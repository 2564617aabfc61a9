// How long the configuration of a large mesh takes, and what it costs a node proxy to hold it.

import { measureConfigLoad } from '../config-load.ts';
import type { Measurement, Sample } from '../measurement.ts';
import { median } from '../statistics.ts';

const sizes = new Map([
  ['1,000 services, 5,000 pods', { services: 1_000, pods: 5_000 }],
  ['10,000 services, 50,000 pods', { services: 10_000, pods: 50_000 }],
]);
/** What a proxy holds without a mesh to speak of is no cost of workloads. */
const smallest = { services: 10, pods: 10 };
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
    const { proxyRssMiB: emptyMiB } = await measureConfigLoad(smallest);
    return {
      paths,
      sample: async (path) => await look(path, emptyMiB),
      [Symbol.asyncDispose]: async () => {},
    };
  },
};

async function look(path: string, emptyMiB: number): Promise<Sample> {
  const size = sizes.get(path) ?? smallest;
  const seen = await measureConfigLoad(size);
  return {
    figures: {
      translate: seen.translateMs,
      'controller, longest stall': Math.max(seen.translateStall.longestMs, seen.serveStall.longestMs),
      'proxy load': seen.proxyLoadMs,
      'proxy, longest stall': seen.proxyStall.longestMs,
      'change of a pod': median(seen.changeMs),
      'proxy memory': ((seen.proxyRssMiB - emptyMiB) * 1024) / size.pods,
    },
    errors: 0,
  };
}
