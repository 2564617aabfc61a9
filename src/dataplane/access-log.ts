// One line per decision, with the field names of Istio's access log in its order (protocol section
// 7.3), then our own for the decision itself.

import type { DecisionRecord, Hop, Party } from '../mesh/decision.ts';
import { responseDetails } from '../mesh/response-details.ts';
import type { Logger } from '../runtime/log.ts';

/** A connection whose both ends are known, at its beginning. */
export type OpenedConnection = Pick<
  DecisionRecord,
  'id' | 'traceId' | 'direction' | 'source' | 'destination' | 'transport' | 'hop'
>;

/** Writes that a connection was opened, for those who look closely. */
export function writeOpened(log: Logger, opened: OpenedConnection): void {
  const { id, traceId, direction, transport } = opened;
  log.debug({ ...ends(opened), direction, transport, id, trace_id: traceId }, 'connection opened');
}

/** Writes the end: info when it went well, error when it was refused or failed on the way, warn when
 * it never got so far that both ends were known. */
export function writeAccessLog(log: Logger, record: DecisionRecord): void {
  const { outcome } = record.verdict;
  if (record.direction !== 'request' && record.hop === undefined && outcome !== 'forwarded') {
    log.warn(rejectionFields(record), 'connection failed');
    return;
  }
  const message = record.http === undefined ? 'connection complete' : 'request complete';
  const fields = { ...completeFields(record), ...requestFields(record) };
  if (outcome === 'forwarded') log.info(fields, message);
  else log.error(fields, message);
}

/** A request under the names of Istio's JSON encoding (features section 3.1.4); these are Envoy's, and so are their
 * meanings: bytes as the proxy received them from the client and sent them to it, durations in milliseconds. */
export function requestFields({
  http,
  time,
  durationMs,
  bytesSent,
  bytesReceived,
  source,
  destination,
  verdict,
  transport,
}: DecisionRecord): object {
  if (http === undefined) return {};
  const failed = http.attempts?.findLast(({ status }) => status === undefined);
  const isAnswered = http.attempts?.some(({ status }) => status !== undefined) === true;
  return {
    start_time: new Date(Date.parse(time) - durationMs).toISOString(),
    method: http.method,
    path: http.path,
    protocol: http.protocol,
    response_code: http.status,
    response_flags: http.flags,
    response_code_details: responseDetails({
      ...verdict,
      isUpstream: isAnswered,
      isDirect: verdict.route !== undefined,
    }),
    upstream_transport_failure_reason: isAnswered ? undefined : failed?.reason,
    bytes_received: bytesSent,
    bytes_sent: bytesReceived,
    bytes_recv: undefined,
    duration: Math.round(durationMs),
    x_forwarded_for: http.forwardedFor,
    user_agent: http.userAgent,
    request_id: http.requestId,
    authority: http.authority,
    upstream_host: transport === 'none' ? undefined : destination.address,
    upstream_cluster: http.upstreamCluster,
    downstream_local_address: http.addressed,
    downstream_remote_address: source.address,
    route_name: verdict.route,
    grpc_status: http.grpcStatus,
    attempts: http.attempts?.length,
  };
}

function rejectionFields(record: DecisionRecord): object {
  return {
    'src.addr': record.source.address,
    'dst.addr': record.destination.address,
    direction: record.direction,
    error: record.verdict.reason,
    ...ownFields(record),
  };
}

/** Bytes are as the logging side sees them: an outbound side has sent what the client sent, an
 * inbound one what the server sent. */
function completeFields(record: DecisionRecord): object {
  const { verdict, bytesSent, bytesReceived } = record;
  const inbound = record.direction === 'inbound';
  const isGood = verdict.outcome === 'forwarded';
  return {
    ...ends(record),
    direction: record.direction,
    bytes_sent: inbound ? bytesReceived : bytesSent,
    bytes_recv: inbound ? bytesSent : bytesReceived,
    duration: `${Math.round(record.durationMs)}ms`,
    error: isGood ? undefined : verdict.reason,
    reason: isGood ? verdict.reason : undefined,
    ...ownFields(record),
  };
}

/** Absent values are left out of the line. */
function ends({
  source,
  destination,
  hop,
}: {
  readonly source: Party;
  readonly destination: Party;
  readonly hop?: Hop;
}): object {
  const { service } = destination;
  return {
    'src.addr': source.address,
    'src.workload': source.workload,
    'src.namespace': source.namespace,
    'src.identity': source.identity,
    'src.cluster': source.cluster,
    'dst.addr': hop?.address ?? destination.address,
    'dst.hbone_addr': hop?.authority,
    'dst.service': service?.slice(service.indexOf('/') + 1),
    'dst.workload': destination.workload,
    'dst.namespace': destination.namespace,
    'dst.identity': destination.identity,
    'dst.cluster': destination.cluster,
  };
}

function ownFields({ id, traceId, configVersion, transport, verdict }: DecisionRecord): object {
  const { outcome, code, policy, rule, route, shadow } = verdict;
  return {
    outcome,
    code,
    policy,
    rule,
    route,
    dry_run: shadow?.outcome,
    dry_run_policy: shadow?.policy,
    transport,
    id,
    trace_id: traceId,
    config: configVersion,
  };
}
