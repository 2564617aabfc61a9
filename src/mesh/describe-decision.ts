// A decision record in words, for people.

import { catalogue } from './catalogue.ts';
import type { DecisionRecord, Party, ShadowVerdict } from './decision.ts';

const transports: Readonly<Record<DecisionRecord['transport'], string>> = {
  tunnel: 'by mutual TLS to',
  waypoint: 'by mutual TLS through the waypoint',
  gateway: 'by mutual TLS across networks to',
  plain: 'as plain TCP to',
  local: 'within the node to',
  none: 'no further than',
};

/** One hop in one line: who decided, what, and why. */
export function describeHop(record: DecisionRecord): string {
  const { verdict } = record;
  const what =
    record.http === undefined
      ? `${record.direction} connection`
      : `${record.http.method} ${record.http.authority}${record.http.path}`;
  const code = verdict.code === undefined ? '' : ` ${verdict.code}`;
  const by = [
    verdict.policy === undefined ? '' : `policy ${verdict.policy}${ruleOf(verdict.rule)}`,
    verdict.route === undefined ? '' : `route ${verdict.route}`,
  ].filter((part) => part !== '');
  const where = `${transports[record.transport]} ${partyName(record.destination)}`;
  const passed = verdict.outcome === 'forwarded' ? ` ${where}` : '';
  const status = record.http === undefined ? '' : `, answered ${record.http.status}`;
  const because = by.length === 0 ? '' : ` [${by.join(', ')}]`;
  const line = `${record.by}: ${what} ${verdict.outcome}${code}${passed}${status}: ${verdict.reason}${because}`;
  return verdict.shadow === undefined ? line : `${line}; ${describeShadow(verdict.shadow)}`;
}

function describeShadow({ outcome, reason, policy, rule }: ShadowVerdict): string {
  const because = policy === undefined ? '' : ` [policy ${policy}${ruleOf(rule)}]`;
  const would = outcome === 'allow' ? 'allow' : 'deny';
  return `with the dry-run policies it would ${would} it: ${reason}${because}`;
}

/** All records of one trace as a paragraph, in the order in which traffic passed. */
export function describeTrace(records: readonly DecisionRecord[]): string {
  const hops = records.toSorted((a, b) => orderOf(a) - orderOf(b));
  const first = hops[0];
  if (first === undefined) return 'no decision was recorded';
  const worst = hops.findLast((hop) => hop.verdict.outcome !== 'forwarded');
  const last = hops.at(-1) ?? first;
  const lines = [
    `${partyName(first.source)} -> ${first.destination.service ?? partyName(first.destination)}: ` +
      `${worst?.verdict.outcome ?? 'forwarded'}${worst?.verdict.code === undefined ? '' : ` (${worst.verdict.code})`}`,
    `  at ${first.time}, configuration ${first.configVersion || 'unknown'}, trace ${first.traceId}`,
    ...hops.map((hop, index) => `  ${index + 1}. [${hop.id}] ${describeHop(hop)}`),
    `  proved identities: ${first.source.identity ?? last.source.identity ?? 'none'} -> ` +
      `${last.destination.identity ?? first.destination.identity ?? 'none'}`,
    `  ${first.bytesSent} bytes sent, ${first.bytesReceived} received in ${Math.round(first.durationMs)} ms`,
  ];
  const code = worst?.verdict.code;
  if (code !== undefined) lines.push(`  remedy: ${catalogue[code].remedy}`);
  return lines.join('\n');
}

function ruleOf(rule: number | undefined): string {
  return rule === undefined ? '' : ` rule ${rule}`;
}

/** Outbound decisions come first, then waypoints, then the node of the destination; several of a
 * kind by time. */
function orderOf(record: DecisionRecord): number {
  const stage = { outbound: 0, request: 1, inbound: 2 }[record.direction];
  return stage * 1e15 + Date.parse(record.time);
}

function partyName(party: Party): string {
  if (party.workload === undefined) return party.address;
  return `${party.namespace === undefined ? '' : `${party.namespace}/`}${party.workload} (${party.address})`;
}
