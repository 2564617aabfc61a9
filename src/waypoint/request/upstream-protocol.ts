// Which version of HTTP an endpoint is spoken to.

import type { UpstreamProtocol } from '../upstream/upstream-pool.ts';
import type { RequestHead } from './exchange.ts';
import type { FoundUpstream } from './find-upstream.ts';

type Found = Extract<FoundUpstream, { kind: 'endpoint' }>;

/** What was agreed with the endpoint by TLS, else what its destination rule says, else what the port
 * declares. */
export function protocolTowards(found: Found, head: RequestHead): UpstreamProtocol {
  const { appProtocol, endpoint, destination } = found;
  const { useClientProtocol, upgradeToHttp2 } = destination?.policy.connectionPool ?? {};
  if (endpoint.negotiated !== undefined) return protocolFor(appProtocol, head);
  if (useClientProtocol === true) return protocolFor('unknown', head);
  const isUpgraded = upgradeToHttp2 === true && appProtocol === 'http11';
  return protocolFor(isUpgraded ? 'http2' : appProtocol, head);
}

/** What the port declares, otherwise what the client speaks, but for changes to another protocol, which every
 * HTTP/1.1 endpoint may take. */
function protocolFor(declared: string, head: RequestHead): UpstreamProtocol {
  if (declared === 'http2' || declared === 'grpc') return 'http2';
  if (head.upgrade !== undefined || declared === 'http11') return 'http1';
  return head.version === '2' ? 'http2' : 'http1';
}
