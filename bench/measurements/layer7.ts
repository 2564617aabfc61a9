// The waypoint beside nginx and HAProxy at the same work on each request: choose the route by a header, set a
// header. What a proxy costs is its requests per core second, its own process alone; node proxies are beside it.

import { setTimeout } from 'node:timers/promises';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import type { Measurement, Prepared, Sample, Turn } from '../measurement.ts';
import { ports } from '../stage/manifests.ts';
import {
  type PlainProxy,
  plainProxies,
  plainProxyPorts,
  startPlainProxy,
  work,
} from '../stage/plain-proxies.ts';
import { cpuSeconds } from '../stage/processes.ts';
import type { Stage } from '../stage/stage.ts';
import { missingTools, runTool } from '../stage/tools.ts';
import { parseWrk } from './parse-wrk.ts';
import { fixedRateLook } from './requests.ts';

const pollMs = 50;
const readyMs = 20_000;

/** A proxy that does the work. */
interface Worker {
  readonly namespace: NetworkNamespace;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
}

const latencies = [
  { name: 'p50', unit: 'ms', better: 'lower' },
  { name: 'p99', unit: 'ms', better: 'lower' },
] as const;
const paths = ['waypoint', ...plainProxies] as const;

/** As many requests as 64 connections get through. */
export const layer7Rate: Measurement = {
  name: 'layer7-rate',
  summary:
    'wrk, 64 connections: routing by a header, beside nginx and HAProxy where they are there',
  metrics: [
    { name: 'requests', unit: '/s', better: 'higher' },
    { name: 'per core of the proxy', unit: '/s', better: 'higher' },
    ...latencies,
  ],
  paths,
  tools: ['wrk'],
  needsMesh: true,
  warmUp: true,
  prepare: (stage) => overWorkers(stage, lookAtRate),
};

/** 1,000 requests/s, whatever the proxy. */
export const layer7Latency: Measurement = {
  name: 'layer7-latency',
  summary: 'h2load, 10 connections, 1,000 requests/s in all: the same work at a fixed rate',
  metrics: [...latencies, { name: 'CPU of the proxy', unit: 'cores', better: 'lower' }],
  paths,
  tools: ['h2load'],
  needsMesh: true,
  warmUp: true,
  prepare: (stage) => overWorkers(stage, lookAtLatency),
};

async function lookAtRate(worker: Worker, turn: Turn): Promise<Sample> {
  const { namespace, host, port, pid } = worker;
  const before = cpuSeconds(pid);
  const load = ['-t', '1', '-c', '64', '-d', `${turn.seconds}s`, '--latency'];
  const header = ['-H', `${work.route}: ${work.picked}`];
  const words = ['wrk', ...load, ...header, `http://${host}:${port}/`] as const;
  const seen = parseWrk(await runTool(namespace, [...words], turn.signal));
  if (seen === undefined) return { figures: {}, errors: 1, note: 'wrk printed no rate' };
  const cpu = cpuSeconds(pid) - before;
  return {
    figures: {
      requests: seen.perSecond,
      'per core of the proxy': (seen.perSecond * turn.seconds) / cpu,
      p50: seen.p50Ms,
      p99: seen.p99Ms,
    },
    errors: seen.errors,
    ...(seen.errors > 0 && { note: seen.complaints.join('; ') }),
  };
}

async function lookAtLatency(worker: Worker, turn: Turn): Promise<Sample> {
  const { namespace, host, port, pid } = worker;
  const before = cpuSeconds(pid);
  const header = ['-H', `${work.route}: ${work.picked}`];
  const sample = await fixedRateLook(namespace, `http://${host}:${port}/`, turn, header);
  const cpu = (cpuSeconds(pid) - before) / turn.seconds;
  return { ...sample, figures: { ...sample.figures, 'CPU of the proxy': cpu } };
}

async function overWorkers(
  stage: Stage | undefined,
  look: (worker: Worker, turn: Turn) => Promise<Sample>,
): Promise<Prepared> {
  if (stage === undefined) throw new TypeError('this measurement needs a mesh');
  await using stack = new AsyncDisposableStack();
  const workers = new Map<string, Worker>();
  const { client, serviceAddress, plan } = stage.place('waypoint');
  const route = routeByHeader(plan.namespace);
  await stage.api.apply(route);
  stack.defer(() => stage.api.delete(route));
  const pid = await stage.processOf('ambit/waypoint', { namespace: plan.namespace });
  const { namespace } = client;
  workers.set('waypoint', { namespace, host: serviceAddress, port: ports.http, pid });
  const direct = stage.place('direct');
  const absent = new Set<string>(missingTools(plainProxies, process.env['PATH'] ?? ''));
  for (const name of plainProxies.filter((one) => !absent.has(one))) {
    workers.set(name, startBeside(stack, name, direct));
  }
  for (const worker of workers.values()) await untilWorking(worker);
  const owned = stack.move();
  return {
    paths: [...workers.keys()],
    sample: async (path, turn) => {
      const worker = workers.get(path);
      if (worker === undefined) throw new TypeError(`no path ${path}`);
      return await look(worker, turn);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startBeside(
  stack: AsyncDisposableStack,
  name: PlainProxy,
  { client, serviceAddress }: ReturnType<Stage['place']>,
): Worker {
  const { namespace } = client;
  const pid = startPlainProxy(stack, name, namespace, `${serviceAddress}:${ports.http}`);
  return { namespace, host: '127.0.0.1', port: plainProxyPorts[name], pid };
}

function routeByHeader(namespace: string): object {
  const match = [{ headers: { [work.route]: { exact: work.picked } } }];
  const headers = { request: { set: { [work.set]: 'set' } } };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'layer7', namespace },
    spec: {
      hosts: ['server'],
      http: [
        { match, headers, route: [{ destination: { host: 'server' } }] },
        { directResponse: { status: 404 } },
      ],
    },
  };
}

/** Waits until it does its work: what is not picked does not get through. */
async function untilWorking(worker: Worker): Promise<void> {
  const deadline = performance.now() + readyMs;
  for (;;) {
    const picked = await statusOf(worker, work.picked).catch(() => 0);
    const other = await statusOf(worker, 'other').catch(() => 0);
    if (picked === 200 && other === 404) return;
    if (performance.now() > deadline) {
      const what = `port ${worker.port} answers ${picked} and ${other} instead of 200 and 404`;
      throw new AmbitError('AMB1830', what);
    }
    await setTimeout(pollMs);
  }
}

async function statusOf({ namespace, host, port }: Worker, value: string): Promise<number> {
  const socket = await connectTcp({ host, port, namespace, timeoutMs: 1_000 });
  const fields = `host: server\r\n${work.route}: ${value}\r\nconnection: close`;
  socket.write(`GET / HTTP/1.1\r\n${fields}\r\n\r\n`);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
}
