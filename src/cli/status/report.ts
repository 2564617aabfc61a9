// The report of `ambit status` on a cluster, and its words. Pure.

import { tableOf } from '../table.ts';
import { countedVersions, type Versions, versionLines } from '../versions.ts';
import type { Told } from './collect.ts';
import { memberRow, membersOf } from './members.ts';
import { configurationRows } from './negative.ts';
import type { ClusterFacts } from './objects.ts';
import { keyOf, labelOf } from './objects.ts';
import { partRows } from './parts.ts';
import { rowOf, type StatusRow } from './row.ts';

export interface ClusterReport {
  readonly server: string;
  readonly namespace: string;
  readonly versions: Versions;
  readonly isReady: boolean;
  readonly rows: readonly StatusRow[];
}

/** Judges everything. */
export function reportOf(facts: ClusterFacts, told: Told): ClusterReport {
  const rows = [
    ...partRows(facts),
    proxyRow(facts, told),
    ...membersOf(facts).map(memberRow),
    ...configurationRows(facts),
  ];
  const { server, namespace } = facts;
  const isReady = rows.every((row) => row.isReady);
  return { server, namespace, versions: told.versions, isReady, rows };
}

/** How many of the proxies that run have the newest configuration. */
function proxyRow(facts: ClusterFacts, { proxies, silences, versions }: Told): StatusRow {
  const running = facts.pods.filter(
    (pod) =>
      pod.status?.['phase'] === 'Running' &&
      (labelOf(pod, 'app') === 'ztunnel' ||
        labelOf(pod, 'gateway.istio.io/managed') === 'istio.io-mesh-controller'),
  );
  const known = new Map(proxies.map((one) => [`${one.proxy.namespace}/${one.proxy.name}`, one]));
  const refusing = [...known].flatMap(([key, { types }]) =>
    types.flatMap(({ type, state, reason }) =>
      state === 'ERROR'
        ? [
            {
              why: `${key} refuses ${type}: ${reason}`,
              remedy: 'ambit proxy-status, ambit analyze',
            },
          ]
        : [],
    ),
  );
  // Whoever did not answer may know those that seem lost.
  const lost = silences.length > 0 ? [] : running.filter((pod) => !known.has(keyOf(pod)));
  const troubles = [
    ...silences.map((why) => ({ why, remedy: `kubectl logs -n ${facts.namespace} -l app=istiod` })),
    ...refusing,
    ...lost.map((pod) => ({
      why: `pod ${keyOf(pod)} runs and is connected to no controller (AMB1838)`,
      remedy: `kubectl logs -n ${pod.metadata.namespace} ${pod.metadata.name}`,
    })),
  ];
  const ready = `${known.size - new Set(refusing.map(({ why }) => why.split(' ')[0])).size}/${Math.max(running.length, known.size)}`;
  return rowOf('proxies', ready, countedVersions(versions.dataPlane), troubles);
}

/** The report in words; `mark` colours what is not ready. */
export function reportLines(
  report: ClusterReport,
  mark: (text: string, isReady: boolean) => string,
): string[] {
  const table = tableOf([
    ['PART', 'READY', 'STATE'],
    ...report.rows.map(({ part, ready, note }) => [part, ready, note]),
  ]);
  const lines = report.rows.flatMap((row, index) => {
    const line = mark(table[index + 1] ?? '', row.isReady);
    return [
      line,
      ...row.troubles.flatMap(({ why, remedy }) => [`  why: ${why}`, `  do:  ${remedy}`]),
    ];
  });
  return [
    `cluster ${report.server}, mesh in ${report.namespace}`,
    ...versionLines(report.versions),
    '',
    table[0] ?? '',
    ...lines,
  ];
}
