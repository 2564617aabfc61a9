// Bulk transfer with iperf3: throughput, and what a gigabyte costs in CPU time.

import type { Measurement, Sample, Turn } from '../measurement.ts';
import { trafficPaths } from '../names.ts';
import { ports } from '../stage/manifests.ts';
import { runTool } from '../stage/tools.ts';
import { countCpu } from './proxies.ts';
import { overPaths, type Route } from './traffic.ts';

/** What is read of iperf3's report. */
interface IperfReport {
  readonly error?: string;
  readonly end?: {
    readonly sum_received?: { readonly bytes: number; readonly seconds: number };
    readonly cpu_utilization_percent?: {
      readonly host_total: number;
      readonly remote_total: number;
    };
  };
}

/** Client to server, `streams` connections at once. */
export function bulk(streams: number): Measurement {
  return {
    name: `bulk-${streams}`,
    summary: `iperf3, ${streams} stream${streams === 1 ? '' : 's'}, client to server; CPU time per GB`,
    metrics: [
      { name: 'throughput', unit: 'Gbit/s', better: 'higher' },
      { name: 'CPU, all', unit: 's/GB', better: 'lower' },
      { name: 'CPU, proxies', unit: 's/GB', better: 'lower' },
      { name: 'CPU, client proxy', unit: 's/GB', better: 'lower' },
      { name: 'CPU, waypoint', unit: 's/GB', better: 'lower' },
      { name: 'CPU, server proxy', unit: 's/GB', better: 'lower' },
    ],
    paths: trafficPaths,
    tools: ['iperf3'],
    needsMesh: true,
    warmUp: true,
    prepare: async (stage) =>
      await overPaths(stage, trafficPaths, async (route, turn) => await look(route, turn, streams)),
  };
}

async function look({ place, proxies }: Route, turn: Turn, streams: number): Promise<Sample> {
  const { client, serviceAddress } = place;
  const used = countCpu(proxies);
  const target = ['-c', serviceAddress, '-p', `${ports.iperf}`];
  const amount = ['-t', `${turn.seconds}`, '-P', `${streams}`, '-J'];
  const report = await runTool(client.namespace, ['iperf3', ...target, ...amount], turn.signal);
  const { error, end } = JSON.parse(report) as IperfReport;
  const bytes = end?.sum_received?.bytes ?? 0;
  const seconds = end?.sum_received?.seconds ?? 0;
  if (error !== undefined || bytes === 0 || seconds === 0) {
    return { figures: {}, errors: 1, note: `iperf3: ${error ?? 'nothing arrived'}` };
  }
  const perGb = (cpu: number): number => cpu / (bytes / 1e9);
  const each = used();
  const inProxies = each.reduce((sum, one) => sum + one, 0);
  const { host_total: host = 0, remote_total: remote = 0 } = end?.cpu_utilization_percent ?? {};
  const inEnds = ((host + remote) / 100) * seconds;
  const ofProxies = proxies.map(({ name }, index) => [`CPU, ${name}`, perGb(each[index] ?? 0)]);
  return {
    figures: {
      throughput: (bytes * 8) / seconds / 1e9,
      'CPU, all': perGb(inEnds + inProxies),
      ...(proxies.length > 0 && { 'CPU, proxies': perGb(inProxies) }),
      ...(Object.fromEntries(ofProxies) as Record<string, number>),
    },
    errors: 0,
  };
}
