// Writes docs/metrics.md from what the processes register. Run it after adding a metric.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { agentMetrics } from '../src/cni/agent/agent-metrics.ts';
import { admissionMetrics } from '../src/controller/admission/metrics.ts';
import { authorityMetrics } from '../src/controller/ca/live-authority.ts';
import { controllerMetrics } from '../src/controller/metrics.ts';
import { revocationMetrics } from '../src/dataplane/certificates/revocations.ts';
import { dryRunMetrics } from '../src/dataplane/dry-run-metrics.ts';
import { subscriptionMetrics } from '../src/dataplane/subscription-metrics.ts';
import { refusalMetric } from '../src/dataplane/tunnel/refusal-metric.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { createLogger } from '../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../src/runtime/metrics.ts';
import { buildMetric, processMetrics } from '../src/runtime/process-metrics.ts';
import { readSettings } from '../src/runtime/settings.ts';
import { mirrorMetrics } from '../src/waypoint/mirror-metrics.ts';
import { requestMetrics } from '../src/waypoint/request-metrics.ts';
import { settingsTable } from '../src/ztunnel/settings.ts';
import { Ztunnel } from '../src/ztunnel/ztunnel.ts';

/** One process's metrics, and where they are read. */
export interface MetricsChapter {
  readonly title: string;
  readonly where: string;
  readonly metrics: MetricsRegistry['registered'];
}

/** What every process registers, as it does when it starts. */
export async function metricsChapters(): Promise<readonly MetricsChapter[]> {
  return [
    {
      title: 'ztunnel',
      where: 'Port 15020 of the node, paths `/metrics` and `/stats/prometheus`.',
      metrics: await ofZtunnel(),
    },
    {
      title: 'waypoint',
      where: 'Port 15020 of the pod, paths `/metrics` and `/stats/prometheus`.',
      metrics: registered((registry) => {
        buildMetric(registry, 'proxy', 'unknown');
        processMetrics(registry, 0);
        subscriptionMetrics(registry);
        dryRunMetrics(registry);
        revocationMetrics(registry);
        requestMetrics(registry);
        mirrorMetrics(registry);
        refusalMetric(registry);
      }),
    },
    {
      title: 'controller',
      where: 'Port 15014 of the pod, path `/metrics`.',
      metrics: registered((registry) => {
        controllerMetrics(registry);
        admissionMetrics(registry);
        authorityMetrics(registry);
        processMetrics(registry, 0);
      }),
    },
    {
      title: 'node agent',
      where: 'The metrics port of the agent, paths `/metrics` and `/stats/prometheus`.',
      metrics: registered(agentMetrics),
    },
  ];
}

/** A node proxy registers everything when it is made, before it opens anything. */
async function ofZtunnel(): Promise<MetricsRegistry['registered']> {
  const settings = readSettings(settingsTable, { NODE_NAME: 'node', POD_NAME: 'pod' });
  const log = createLogger('page', 'silent');
  await using ztunnel = new Ztunnel(settings, { clock: systemClock, log });
  return ztunnel.registry.registered;
}

function registered(register: (registry: MetricsRegistry) => void): MetricsRegistry['registered'] {
  const registry = createRegistry();
  register(registry);
  return registry.registered;
}

/** What each label says. Labels of the traffic of two sides are explained once. */
const labelMeanings: readonly (readonly [labels: string, meaning: string])[] = [
  ['reporter', '`source` where traffic left, `destination` where it arrived, `waypoint` between'],
  ['source_*, destination_*', 'the two ends; what is not known is `unknown`'],
  ['*_workload, *_workload_namespace', 'name of the Deployment or the like, and its namespace'],
  ['*_canonical_service, *_app', 'the application: app.kubernetes.io/name, app, or the workload'],
  ['*_canonical_revision, *_version', 'its version: app.kubernetes.io/version or version'],
  ['*_principal', 'the SPIFFE identity; of the source only when mutual TLS proved it'],
  ['*_cluster, *_region, *_zone', 'where the workload runs'],
  [
    'destination_service, destination_service_name, destination_service_namespace',
    'what was asked for, which stays the same behind a waypoint',
  ],
  ['request_protocol', '`tcp`, `http` or `grpc`'],
  ['response_code, grpc_response_status', 'status answered; 0 or empty where there was none'],
  [
    'response_flags',
    '`-` when nothing went wrong, else a short word: DENY, CONNECT, TLS_FAILURE, IDENTITY_ERROR, H2_HANDSHAKE_FAILURE, NETWORK_POLICY at a node, the flags of Envoy at a waypoint',
  ],
  ['connection_security_policy', '`mutual_tls`, or `unknown` for plain text'],
  ['component, tag', 'the program and its version'],
  ['url, type', 'the type of the resources'],
  ['code', 'the error code; `ambit explain CODE` says more'],
  ['policy', 'NAMESPACE/NAME of the AuthorizationPolicy'],
  ['reason', 'ConnectionError, Error, Reconnect or Complete'],
  ['verdict', '`deny` or `allow`: what the decision would have been'],
  ['result', '`loaded` or `failed`'],
  [
    'request_query_type, request_protocol of DNS metrics',
    'the record type asked for, and udp or tcp',
  ],
];

/** The page as text. */
export function metricsPage(chapters: readonly MetricsChapter[]): string {
  const head =
    '# Metrics\n\nNames, types and labels are those of Istio where Istio has the metric. A scraper that asks for OpenMetrics gets it.\n' +
    'This page is made from the code by `node tools/metrics-page.ts`.\n';
  const labels = labelMeanings.map(([names, meaning]) => `- ${code(names)}: ${meaning}\n`).join('');
  const sections = chapters.map(({ title, where, metrics }) => {
    const items = metrics.map(
      ({ name, type, help, labels: own = [] }) =>
        `### \`${name}\`\n\n${type}. ${sentence(help)}\n\n` +
        `Labels: ${own.length === 0 ? 'none' : own.map((label) => `\`${label}\``).join(', ')}.\n`,
    );
    return [`## ${title}\n\n${where}\n`, ...items].join('\n');
  });
  return `${[head, ...sections].join('\n')}\n## What the labels say\n\n${labels}`;
}

function code(names: string): string {
  return names
    .split(', ')
    .map((name) => (name.includes(' ') ? name : `\`${name}\``))
    .join(', ');
}

function sentence(help: string): string {
  const text = help.charAt(0).toUpperCase() + help.slice(1);
  return text.endsWith('.') ? text : `${text}.`;
}

if (import.meta.main) {
  const page = metricsPage(await metricsChapters());
  writeFileSync(path.join(import.meta.dirname, '..', 'docs', 'metrics.md'), page);
}
