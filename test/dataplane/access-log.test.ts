// The lines that Istio's tools and people's habits read.

import * as assert from 'uvu/assert';
import { DecisionLog } from '../../src/dataplane/decisions.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { describeHop } from '../../src/mesh/describe-decision.ts';
import type { Logger } from '../../src/runtime/log.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { suite } from '../support/suite.ts';

const test = suite('access log');

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function logInto(lines: Line[]): Logger {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({
      level,
      message,
      fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
    });
  const log: Logger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: () => log,
  };
  return log;
}

const inbound: DecisionRecord = {
  id: '0123456789abcdef',
  traceId: '0123456789abcdef0123456789abcdef',
  time: '2026-01-01T00:00:00.000Z',
  by: 'ztunnel/node1',
  direction: 'inbound',
  source: {
    address: '10.0.0.1:40000',
    workload: 'client',
    namespace: 'a',
    identity: 'spiffe://cluster.local/ns/a/sa/client',
    cluster: 'Kubernetes',
  },
  destination: {
    address: '10.0.0.2:8080',
    workload: 'server',
    namespace: 'b',
    identity: 'spiffe://cluster.local/ns/b/sa/server',
    cluster: 'Kubernetes',
    service: 'b/server.b.svc.cluster.local',
  },
  transport: 'tunnel',
  verdict: { outcome: 'forwarded', reason: 'no ALLOW policy applies' },
  hop: { address: '10.0.0.2:15008', authority: '10.0.0.2:8080' },
  configVersion: 'c0ffee',
  bytesSent: 10,
  bytesReceived: 2_000,
  durationMs: 12.4,
};

function written(record: DecisionRecord): {
  line: Line;
  registry: ReturnType<typeof createRegistry>;
} {
  const lines: Line[] = [];
  const registry = createRegistry();
  new DecisionLog({ log: logInto(lines), registry }).record(record);
  assert.is(lines.length, 1);
  return { line: lines[0]!, registry };
}

const istioFields = [
  'src.addr',
  'src.workload',
  'src.namespace',
  'src.identity',
  'src.cluster',
  'dst.addr',
  'dst.hbone_addr',
  'dst.service',
  'dst.workload',
  'dst.namespace',
  'dst.identity',
  'dst.cluster',
  'direction',
  'bytes_sent',
  'bytes_recv',
  'duration',
];

test('a connection that went well has the fields of Istio in its order', () => {
  const { line } = written(inbound);
  assert.is(`${line.level} ${line.message}`, 'info connection complete');
  assert.equal(Object.keys(line.fields).slice(0, istioFields.length), istioFields);
  assert.is(line.fields['dst.addr'], '10.0.0.2:15008');
  assert.is(line.fields['dst.hbone_addr'], '10.0.0.2:8080');
  assert.is(line.fields['dst.service'], 'server.b.svc.cluster.local');
  assert.is(line.fields['duration'], '12ms');
  assert.is(line.fields['error'], undefined);
});

test('bytes are as the logging side sees them', () => {
  const { fields } = written(inbound).line;
  assert.equal([fields['bytes_sent'], fields['bytes_recv']], [2_000, 10]);
  const outbound = written({ ...inbound, direction: 'outbound' }).line.fields;
  assert.equal([outbound['bytes_sent'], outbound['bytes_recv']], [10, 2_000]);
});

test('a connection that was refused after both ends were known is complete with an error', () => {
  const verdict = { outcome: 'denied', code: 'AMB1401', reason: 'denied by policy b/p' } as const;
  const { level, message, fields } = written({ ...inbound, verdict }).line;
  assert.is(`${level} ${message}`, 'error connection complete');
  assert.is(Object.keys(fields)[istioFields.length], 'error');
  assert.is(fields['error'], 'denied by policy b/p');
  assert.is(fields['code'], 'AMB1401');
});

test('a connection that was rejected early has failed, with its addresses alone', () => {
  const { hop: _, ...early } = inbound;
  const verdict = { outcome: 'failed', code: 'AMB1404', reason: 'who is it' } as const;
  const { level, message, fields } = written({ ...early, verdict }).line;
  assert.is(`${level} ${message}`, 'warn connection failed');
  assert.equal(Object.keys(fields).slice(0, 4), ['src.addr', 'dst.addr', 'direction', 'error']);
  assert.is(fields['src.workload'], undefined);
});

test('a shadow verdict is counted, logged and told', async () => {
  const shadow = {
    outcome: 'deny',
    reason: 'denied by policy b/trial',
    policy: 'b/trial',
    rule: 1,
  } as const;
  const record = { ...inbound, verdict: { ...inbound.verdict, shadow } };
  const { line, registry } = written(record);
  assert.is(line.fields['dry_run'], 'deny');
  assert.is(line.fields['dry_run_policy'], 'b/trial');
  const text = await registry.text();
  assert.match(text, 'ambit_dry_run_verdicts_total{verdict="deny",policy="b/trial"} 1');
  assert.match(
    describeHop(record),
    'with the dry-run policies it would deny it: denied by policy b/trial [policy b/trial rule 1]',
  );
});

test.run();
