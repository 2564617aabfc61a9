// A request as a span, by OpenTelemetry's semantic conventions for HTTP, plus our decision.

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
    name: method,
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
      'ambit.source.identity': identity,
      'ambit.connection.trace_id': traceId,
    },
  });
}

/** Ends it with the decision. Failures of the server's side make the span an error, those that are the
 * client's own do not. */
export function endSpan(span: RequestSpan, decisionId: string, ending: Ending): void {
  const { outcome, code, policy, route, status, endpoint, reason } = ending;
  const isError = status === 0 || status >= 500;
  span.end({
    attributes: {
      ...(status > 0 && { 'http.response.status_code': status }),
      ...(isError && { 'error.type': code ?? String(status) }),
      ...(endpoint && {
        'network.peer.address': endpoint.address,
        'network.peer.port': endpoint.port,
        'ambit.destination.workload': endpoint.workload.name,
      }),
      'ambit.decision.id': decisionId,
      'ambit.decision.outcome': outcome,
      'ambit.decision.reason': reason,
      ...(code !== undefined && { 'ambit.decision.code': code }),
      ...(policy !== undefined && { 'ambit.decision.policy': policy }),
      ...(route !== undefined && { 'ambit.decision.route': route }),
    },
    ...(isError && { failure: reason }),
  });
}
