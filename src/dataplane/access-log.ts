// One line per decision, with the field names of Istio's access log (protocol section 7.3) and our
// own for the decision itself.

import type { DecisionRecord } from '../mesh/decision.ts';
import type { Logger } from '../runtime/log.ts';

/** Writes the line: info when it went well, warn when refused, error when it failed on the way. */
export function writeAccessLog(log: Logger, record: DecisionRecord): void {
  const { outcome } = record.verdict;
  const fields = fieldsOf(record);
  if (outcome === 'forwarded') log.info(fields, 'connection complete');
  else if (outcome === 'denied') log.warn(fields, 'connection denied');
  else log.error(fields, 'connection failed');
}

/** Absent values are left out. Bytes are as the logging side sees them: an outbound side has sent what
 * the client sent, an inbound one what the server sent. */
function fieldsOf(record: DecisionRecord): object {
  const { source, destination, verdict, http } = record;
  const inbound = record.direction === 'inbound';
  return {
    'src.addr': source.address,
    'src.workload': source.workload,
    'src.namespace': source.namespace,
    'src.identity': source.identity,
    'dst.addr': destination.address,
    'dst.service': destination.service,
    'dst.workload': destination.workload,
    'dst.namespace': destination.namespace,
    'dst.identity': destination.identity,
    direction: record.direction,
    bytes_sent: inbound ? record.bytesReceived : record.bytesSent,
    bytes_recv: inbound ? record.bytesSent : record.bytesReceived,
    duration: `${Math.round(record.durationMs)}ms`,
    error: verdict.outcome === 'forwarded' ? undefined : verdict.reason,
    code: verdict.code,
    policy: verdict.policy,
    rule: verdict.rule,
    route: verdict.route,
    reason: verdict.outcome === 'forwarded' ? verdict.reason : undefined,
    transport: record.transport,
    method: http?.method,
    authority: http?.authority,
    path: http?.path,
    response_code: http?.status,
    id: record.id,
    trace_id: record.traceId,
    config: record.configVersion,
  };
}
