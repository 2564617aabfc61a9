// The decision record of one request.

import { formatEndpoint } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type {
  Attempt,
  DecisionRecord,
  HttpFacts,
  Party,
  ShadowVerdict,
} from '../../mesh/decision.ts';
import type { Service } from '../../mesh/service.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import type { UpstreamEndpoint } from '../upstream/endpoints.ts';
import type { Exchange } from './exchange.ts';
import { isGrpc, type MessageCounts } from './grpc-messages.ts';
import { headerIn } from './hop-headers.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';

/** How one request, or one connection without HTTP, ended. */
export interface Ending {
  readonly outcome: 'forwarded' | 'denied' | 'failed';
  readonly reason: string;
  readonly code?: Code;
  readonly policy?: string;
  readonly rule?: number;
  readonly shadow?: ShadowVerdict;
  readonly route?: string;
  readonly endpoint?: UpstreamEndpoint;
  /** The status answered; 0 when none was. */
  readonly status: number;
  readonly grpcStatus?: string;
  /** Envoy's short flag; `-` for none. */
  readonly flag: string;
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  readonly attempts?: readonly Attempt[];
}

export interface Finished {
  readonly id: string;
  /** Absent for connections without HTTP. */
  readonly exchange?: Pick<Exchange, 'head'>;
  readonly connection: ClientConnection;
  readonly parts: PipelineParts;
  readonly ending: Ending;
  readonly durationMs: number;
  /** Messages of a gRPC call. */
  readonly messages?: MessageCounts;
  /** Absent for connections without HTTP. */
  readonly requestId?: string;
}

/** Makes the record and hands it on with what metrics need. */
export function recordRequest(finished: Finished): void {
  const { exchange, connection, parts, ending, messages } = finished;
  const { endpoint, grpcStatus, flag } = ending;
  const head = exchange?.head;
  const service = serviceOf(connection, endpoint);
  parts.decided({
    record: recordOf(finished),
    connection,
    responseFlag: flag,
    protocol: head === undefined ? 'tcp' : isGrpc(head.headers) ? 'grpc' : 'http',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(service === undefined ? {} : { service }),
    ...(grpcStatus === undefined ? {} : { grpcStatus }),
    ...(messages === undefined ? {} : { messages }),
  });
}

/** The service that an endpoint was chosen for; the one asked for where none was. */
export function serviceOf(
  { target }: ClientConnection,
  endpoint: UpstreamEndpoint | undefined,
): Service | undefined {
  return endpoint?.service ?? (target.kind === 'service' ? target.service : undefined);
}

function recordOf({
  id,
  exchange,
  connection,
  parts,
  ending,
  durationMs,
  requestId,
}: Finished): DecisionRecord {
  const { outcome, reason, code, policy, rule, route, shadow, endpoint } = ending;
  const tunnelled = endpoint?.workload.tunnelProtocol === 'hbone';
  return {
    id,
    traceId: connection.traceId,
    time: new Date(parts.clock.now()).toISOString(),
    by: parts.by,
    direction: 'request',
    source: sourceParty(connection),
    destination: destinationParty(connection, endpoint),
    transport: endpoint === undefined ? 'none' : tunnelled ? 'tunnel' : 'plain',
    verdict: {
      outcome,
      reason,
      ...(code === undefined || outcome === 'forwarded' ? {} : { code }),
      ...(policy === undefined ? {} : { policy }),
      ...(rule === undefined ? {} : { rule }),
      ...(route === undefined ? {} : { route }),
      ...(shadow === undefined ? {} : { shadow }),
    },
    configVersion: parts.configVersion(),
    bytesSent: ending.bytesSent ?? 0,
    bytesReceived: ending.bytesReceived ?? 0,
    durationMs,
    ...(exchange === undefined ? {} : { http: httpFacts(exchange, ending, requestId, connection) }),
  };
}

function httpFacts(
  { head }: Pick<Exchange, 'head'>,
  { status, flag, grpcStatus, attempts = [], endpoint }: Ending,
  requestId: string | undefined,
  { target: { destination } }: ClientConnection,
): HttpFacts {
  const { method, authority, target, version, headers } = head;
  const userAgent = headerIn(headers, 'user-agent');
  const forwardedFor = headerIn(headers, 'x-forwarded-for');
  return {
    method,
    authority,
    path: target,
    status,
    protocol: `HTTP/${version}`,
    flags: flag,
    addressed: formatEndpoint(destination),
    ...(endpoint?.cluster !== undefined && { upstreamCluster: endpoint.cluster }),
    ...(requestId !== undefined && { requestId }),
    ...(userAgent !== undefined && { userAgent }),
    ...(forwardedFor !== undefined && { forwardedFor }),
    ...(grpcStatus !== undefined && { grpcStatus }),
    ...(attempts.length > 0 && { attempts }),
  };
}

function sourceParty({ peer, identity, sourceWorkload }: ClientConnection): Party {
  return {
    address: formatEndpoint(peer),
    identity,
    ...(sourceWorkload === undefined
      ? {}
      : { workload: sourceWorkload.name, namespace: sourceWorkload.namespace }),
  };
}

function destinationParty({ target }: ClientConnection, endpoint?: UpstreamEndpoint): Party {
  const asked = target.kind === 'service' ? target.service : undefined;
  const service = endpoint?.service ?? asked;
  const named =
    service === undefined ? {} : { service: `${service.namespace}/${service.hostname}` };
  if (endpoint === undefined) {
    const namespace = service === undefined ? {} : { namespace: service.namespace };
    return { address: formatEndpoint(target.destination), ...named, ...namespace };
  }
  const { workload } = endpoint;
  const identity =
    workload.tunnelProtocol === 'hbone' ? { identity: identityOfWorkload(workload) } : {};
  return {
    address: formatEndpoint(endpoint),
    workload: workload.name,
    namespace: workload.namespace,
    ...identity,
    ...named,
  };
}
