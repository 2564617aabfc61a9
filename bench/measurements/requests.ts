// Requests: latency at a fixed rate (h2load), the rate of 64 busy connections, and a connection for each
// request (wrk).

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import type { Measurement, Metric, Sample, Turn } from '../measurement.ts';
import { trafficPaths } from '../names.ts';
import { ports } from '../stage/manifests.ts';
import { runTool } from '../stage/tools.ts';
import { percentile } from '../statistics.ts';
import { parseWrk } from './parse-wrk.ts';
import { countCpu } from './proxies.ts';
import { overPaths, type Route } from './traffic.ts';

const latencyMetrics = [
  { name: 'p50', unit: 'ms', better: 'lower' },
  { name: 'p99', unit: 'ms', better: 'lower' },
] as const satisfies readonly Metric[];
const proxyCpu: Metric = { name: 'CPU, proxies', unit: 'cores', better: 'lower' };

const fixedClients = 10;
const fixedRatePerClient = 100;
/** A run that sends less than this share of the fixed rate did not measure the fixed rate. */
const sentShareMin = 0.95;

/** 1,000 requests/s, whatever the path. */
export const latency: Measurement = {
  name: 'latency',
  summary: 'h2load, HTTP/1.1, 10 connections, 1,000 requests/s in all: how long a request takes',
  metrics: [...latencyMetrics, proxyCpu],
  paths: trafficPaths,
  tools: ['h2load'],
  needsMesh: true,
  warmUp: true,
  prepare: async (stage) => await overPaths(stage, trafficPaths, lookAtLatency),
};

/** As many requests as 64 connections get through. */
export const rate: Measurement = wrkMeasurement({
  name: 'rate',
  summary: 'wrk, HTTP/1.1, 64 connections kept alive: requests in all',
  metric: 'requests',
  connections: 64,
  headers: [],
});

/** A connection for each request: a new stream of the tunnel that stands. */
export const tunnels: Measurement = wrkMeasurement({
  name: 'tunnels',
  summary: 'wrk, 16 at once, a TCP connection for each request: new streams of a pooled tunnel',
  metric: 'connections',
  connections: 16,
  headers: ['-H', 'Connection: close'],
});

interface WrkOptions {
  readonly name: string;
  readonly summary: string;
  readonly metric: string;
  readonly connections: number;
  readonly headers: readonly string[];
}

function wrkMeasurement({ name, summary, metric, connections, headers }: WrkOptions): Measurement {
  const look = async ({ place, proxies }: Route, turn: Turn): Promise<Sample> => {
    const used = countCpu(proxies);
    const load = ['-t', '1', '-c', `${connections}`, '-d', `${turn.seconds}s`, '--latency'];
    const url = `http://${place.serviceAddress}:${ports.http}/`;
    const { namespace } = place.client;
    const output = await runTool(namespace, ['wrk', ...load, ...headers, url], turn.signal);
    const seen = parseWrk(output);
    if (seen === undefined) return { figures: {}, errors: 1, note: 'wrk printed no rate' };
    const cpu = used().reduce((sum, one) => sum + one, 0);
    return {
      figures: {
        [metric]: seen.perSecond,
        p50: seen.p50Ms,
        p99: seen.p99Ms,
        ...(proxies.length > 0 && { 'CPU, proxies': cpu / turn.seconds }),
      },
      errors: seen.errors,
      ...(seen.errors > 0 && { note: seen.complaints.join('; ') }),
    };
  };
  return {
    name,
    summary,
    metrics: [{ name: metric, unit: '/s', better: 'higher' }, ...latencyMetrics, proxyCpu],
    paths: trafficPaths,
    tools: ['wrk'],
    needsMesh: true,
    warmUp: true,
    prepare: async (stage) => await overPaths(stage, trafficPaths, look),
  };
}

async function lookAtLatency({ place, proxies }: Route, turn: Turn): Promise<Sample> {
  const used = countCpu(proxies);
  const url = `http://${place.serviceAddress}:${ports.http}/`;
  const sample = await fixedRateLook(place.client.namespace, url, turn);
  const cpu = used().reduce((sum, one) => sum + one, 0);
  const figures = {
    ...sample.figures,
    ...(proxies.length > 0 && { 'CPU, proxies': cpu / turn.seconds }),
  };
  return { ...sample, figures };
}

/** Latencies at the fixed rate. */
export async function fixedRateLook(
  namespace: NetworkNamespace,
  url: string,
  turn: Turn,
  headers: readonly string[] = [],
): Promise<Sample> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-bench-h2load-'));
  try {
    const log = path.join(folder, 'requests');
    const load = ['-c', `${fixedClients}`, `--rps=${fixedRatePerClient}`, '-D', `${turn.seconds}`];
    const words = ['h2load', '--h1', ...load, ...headers, `--log-file=${log}`, url] as const;
    await runTool(namespace, [...words], turn.signal);
    const { times, errors } = parseH2loadLog(readFileSync(log, 'utf8'));
    const expected = fixedClients * fixedRatePerClient * turn.seconds;
    if (times.length < expected * sentShareMin) {
      const note = `${times.length} of ${expected} requests were answered: not the fixed rate`;
      return { figures: {}, errors: Math.max(errors, 1), note };
    }
    return {
      figures: {
        p50: percentile(times, 0.5),
        p99: percentile(times, 0.99),
      },
      errors,
      ...(errors > 0 && { note: `${errors} requests failed` }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads h2load's --log-file: start in microseconds since the epoch, status, microseconds until the end. */
export function parseH2loadLog(text: string): { times: readonly number[]; errors: number } {
  const times: number[] = [];
  let errors = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, status, microseconds] = line.split('\t');
    if (status === '200') times.push(Number(microseconds) / 1000);
    else errors++;
  }
  return { times, errors };
}
