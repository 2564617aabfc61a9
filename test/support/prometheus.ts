// A real Prometheus inside a node's network. Debian builds it without discovery by the Kubernetes API, so
// its targets are found here as that would find them: by the annotations of pods.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';

/** What a query answered: the labels and the value of each series. */
export type Series = readonly { readonly labels: Record<string, string>; readonly value: number }[];

export interface Prometheus {
  /** Asks an instant query (PromQL). */
  query(expression: string): Promise<Series>;
}

export interface PrometheusOptions {
  /** Path of the network namespace to run in. */
  readonly namespace: string;
  /** `HOST:PORT/PATH` of what is scraped. */
  readonly targets: readonly string[];
}

interface AnnotatedPod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: { readonly podIP?: string };
}

/** The targets among the pods of a list in JSON, as kubectl gives it. */
export function scrapeTargets(podList: string): readonly string[] {
  const { items } = JSON.parse(podList) as { items: readonly AnnotatedPod[] };
  return items.flatMap(({ metadata: { annotations = {} }, status }) => {
    const { podIP } = status ?? {};
    if (annotations['prometheus.io/scrape'] !== 'true' || podIP === undefined) return [];
    const where = annotations['prometheus.io/path'] ?? '/metrics';
    return [`${podIP}:${annotations['prometheus.io/port']}${where}`];
  });
}

const port = 19_090;

/** Starts it; the stack ends it. */
export async function startPrometheus(
  stack: AsyncDisposableStack,
  options: PrometheusOptions,
): Promise<Prometheus> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-prometheus-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const config = path.join(folder, 'prometheus.yml');
  writeFileSync(config, configuration(options.targets));
  const child = spawn('nsenter', [
    `--net=${options.namespace}`,
    programPath(),
    `--config.file=${config}`,
    `--storage.tsdb.path=${path.join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ]);
  child.stderr.pipe(process.stderr);
  stack.defer(() => end(child));
  const namespace = stack.use(NetworkNamespace.open(options.namespace));
  return { query: (expression) => query(namespace, expression) };
}

function configuration(targets: readonly string[]): string {
  // JSON is YAML.
  return JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: targets.map((target) => ({
      job_name: target,
      metrics_path: target.slice(target.indexOf('/')),
      static_configs: [{ targets: [target.slice(0, target.indexOf('/'))] }],
    })),
  });
}

function programPath(): string {
  const fetched = '../../node_modules/.ambit-programs/prometheus/usr/bin/prometheus';
  const own = path.resolve(import.meta.dirname, fetched);
  return existsSync(own) ? own : 'prometheus';
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function query(namespace: NetworkNamespace, expression: string): Promise<Series> {
  const socket = await connectTcp({ host: '127.0.0.1', port, namespace, timeoutMs: 5_000 });
  const request = http.get({
    createConnection: () => socket,
    path: `/api/v1/query?query=${encodeURIComponent(expression)}`,
    headers: { connection: 'close' },
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  const answer = JSON.parse(body) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return answer.data.result.map(({ metric, value }) => ({
    labels: metric,
    value: Number(value[1]),
  }));
}
