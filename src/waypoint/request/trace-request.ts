// A request as a span: OpenTelemetry's semantic conventions for HTTP, the tags that Istio's proxies set (features
// section 8.5), and our decision.

import type { RequestSpan, RequestTracer } from '../../runtime/tracing.ts';
import type { Exchange } from './exchange.ts';
import { headerIn } from './hop-headers.ts';
import type { ClientConnection } from './parts.ts';
import type { Ending } from './record-request.ts';

/** Starts the span of a request. */
export function startSpan(
  tracer: RequestTracer,
  { head }: Exchange,
  { peer, identity, target, traceId }: ClientConnection,
): RequestSpan {
  const { method, scheme, authority, version, headers } = head;
  const [path = '/', query] = head.target.split('?', 2);
  const agent = headerIn(headers, 'user-agent');
  return tracer.start({
    name: operationOf(target) ?? method,
    headers,
    attributes: {
      'http.request.method': method,
      'url.scheme': scheme,
      'url.path': path,
      ...(query !== undefined && { 'url.query': query }),
      'server.address': authority.replace(/:\d+$/, ''),
      'server.port': target.destination.port,
      'client.address': peer.address,
      'network.protocol.version': version,
      ...(agent !== undefined && { 'user_agent.original': agent }),
      component: 'proxy',
      'http.method': method,
      'http.url': `${scheme}://${authority}${head.target}`,
      'http.protocol': `HTTP/${version}`,
      'peer.address': peer.address,
      ...(agent !== undefined && { user_agent: agent }),
      'ambit.source.identity': identity,
      'ambit.connection.trace_id': traceId,
    },
  });
}

/** The name that Istio's proxies give to spans of a service. */
function operationOf(target: ClientConnection['target']): string | undefined {
  if (target.kind === 'workload') return undefined;
  return `${target.service.hostname}:${target.destination.port}/*`;
}

/** What is known at the end. */
export interface SpanEnding {
  /** The decision's. */
  readonly id: string;
  readonly requestId: string;
  /** Of the proxy. */
  readonly nodeId: string;
  readonly ending: Ending;
}

/** Ends it with the decision. Failures of the server's side make the span an error, those that are the
 * client's own do not. */
export function endSpan(span: RequestSpan, { id, requestId, nodeId, ending }: SpanEnding): void {
  const { outcome, code, policy, route, status, endpoint, reason, flag, grpcStatus } = ending;
  const { bytesSent = 0, bytesReceived = 0 } = ending;
  const isError = status === 0 || status >= 500;
  span.end({
    attributes: {
      ...(status > 0 && { 'http.response.status_code': status }),
      ...(isError && { 'error.type': code ?? String(status) }),
      ...(endpoint && {
        'network.peer.address': endpoint.address,
        'network.peer.port': endpoint.port,
        'ambit.destination.workload': endpoint.workload.name,
        ...(endpoint.cluster !== undefined && {
          upstream_cluster: endpoint.cluster,
          'upstream_cluster.name': endpoint.cluster,
        }),
      }),
      'http.status_code': String(status),
      response_flags: flag,
      request_size: String(bytesSent),
      response_size: String(bytesReceived),
      'guid:x-request-id': requestId,
      node_id: nodeId,
      ...(isError && { error: true }),
      ...(grpcStatus !== undefined && { 'grpc.status_code': grpcStatus }),
      ...(endpoint && {
        'istio.canonical_service': endpoint.workload.canonicalName,
        'istio.canonical_revision': endpoint.workload.canonicalRevision || 'latest',
        'istio.namespace': endpoint.workload.namespace,
      }),
      'ambit.decision.id': id,
      'ambit.decision.outcome': outcome,
      'ambit.decision.reason': reason,
      ...(code !== undefined && { 'ambit.decision.code': code }),
      ...(policy !== undefined && { 'ambit.decision.policy': policy }),
      ...(route !== undefined && { 'ambit.decision.route': route }),
    },
    ...(isError && { failure: reason }),
  });
}
