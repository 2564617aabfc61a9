// What the destination rules have a connection to an endpoint begin with (features sections 1.2.5 and
// 1.2.6), and the protocol in it where TLS decides.

import { parseIp } from '../../mesh/address.ts';
import type { ClientTls } from '../../mesh/destination.ts';
import type { ServicePort } from '../../mesh/service.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import type { Opening, UpstreamEndpoint, UpstreamTls } from '../upstream/endpoints.ts';
import type { UpstreamChoice } from './choose-upstream.ts';
import { hostOf } from './outside-endpoint.ts';
import type { UpstreamQuery, Wanted } from './upstream-query.ts';

type Chosen = Extract<UpstreamChoice, { kind: 'endpoint' }>;

/** Completes a choice. Rejects only with the signal's reason. */
export async function withOpening(
  choice: Chosen,
  wanted: Wanted,
  query: UpstreamQuery,
): Promise<Chosen> {
  const { tls: settings, tunnel, proxyProtocol } = wanted.policy;
  const { connection, request, parts, signal } = query;
  const tls = settings && tlsFor(choice, settings, wanted, query);
  const opening: Opening = {
    ...(proxyProtocol && {
      proxyHeader: {
        version: proxyProtocol,
        source: connection.peer,
        destination: connection.target.destination,
      },
    }),
    ...(tls && { tls }),
    // Requests name their destinations themselves.
    ...(tunnel && request === undefined && { tunnel }),
  };
  if (Object.keys(opening).length === 0) return choice;
  const endpoint: UpstreamEndpoint = { ...choice.endpoint, opening };
  if (tls === undefined || request === undefined) return { ...choice, endpoint };
  if (request.isUpgrade || isDeclaredHttp2(choice.appProtocol) || settings?.mode === 'ISTIO_MUTUAL')
    return { ...choice, endpoint };
  const caller = {
    traceId: connection.traceId,
    spanId: parts.hex(16),
    client: connection.peer,
  };
  const negotiated = await parts.negotiate(endpoint, tls, caller, signal);
  return { ...choice, endpoint: negotiated.endpoint, appProtocol: negotiated.protocol };
}

/** The TLS of a connection; undefined for none, and where the mesh's own tunnel already is what is asked
 * for. */
function tlsFor(
  { endpoint, appProtocol }: Chosen,
  settings: ClientTls,
  wanted: Wanted,
  { request }: UpstreamQuery,
): UpstreamTls | undefined {
  const { service, port, subset } = wanted;
  switch (settings.mode) {
    case 'DISABLE':
      return undefined;
    case 'ISTIO_MUTUAL': {
      if (endpoint.workload.tunnelProtocol === 'hbone') return undefined;
      const known = [...(settings.subjectAltNames ?? []), ...service.subjectAltNames];
      const names = known.length > 0 ? known : [identityOfWorkload(endpoint.workload)];
      const serverName = settings.sni ?? `outbound_.${port}_.${subset}_.${service.hostname}`;
      return { settings, serverName, names, alpn: meshAlpn(appProtocol, request !== undefined) };
    }
    case 'SIMPLE':
    case 'MUTUAL': {
      const host = request === undefined ? service.hostname : hostOf(request.authority());
      const serverName = settings.sni ?? (isServerName(host) ? host : undefined);
      const known = settings.subjectAltNames ?? [];
      const names = known.length > 0 ? known : service.subjectAltNames;
      return {
        settings,
        ...(serverName !== undefined && { serverName }),
        names: names.length > 0 ? names : [settings.sni ?? host],
        alpn: alpnFor(appProtocol, request),
      };
    }
  }
}

/** SNI carries DNS names only (RFC 6066 section 3). */
function isServerName(host: string): boolean {
  return parseIp(host) === undefined && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host);
}

function isDeclaredHttp2(protocol: ServicePort['appProtocol']): boolean {
  return protocol === 'http2' || protocol === 'grpc';
}

/** What is offered where nothing is left to be negotiated. */
function alpnFor(
  protocol: ServicePort['appProtocol'],
  request: UpstreamQuery['request'],
): readonly string[] {
  if (request === undefined) return [];
  return isDeclaredHttp2(protocol) && !request.isUpgrade ? ['h2'] : ['http/1.1'];
}

/** What Istio's proxies tell each other by (their names for what is inside). */
function meshAlpn(protocol: ServicePort['appProtocol'], isHttp: boolean): readonly string[] {
  if (!isHttp) return ['istio'];
  return isDeclaredHttp2(protocol)
    ? ['istio-h2', 'istio', 'h2']
    : ['istio-http/1.1', 'istio', 'http/1.1'];
}
