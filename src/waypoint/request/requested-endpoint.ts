// The endpoint that the client itself asked for, where the balancer PASSTHROUGH says so.

import { addressOf, candidatesFor } from '../../mesh/choose-endpoint.ts';
import type { ServiceEndpoint } from '../../mesh/mesh-view.ts';
import type { UpstreamChoice } from './choose-upstream.ts';
import { outsideEndpoint } from './outside-endpoint.ts';
import type { UpstreamQuery, Wanted } from './upstream-query.ts';

/** The endpoint that has the address asked for, or that address itself where the service's endpoints are
 * not of the mesh, or are none. Undefined under another balancer; and where endpoints are of the mesh and
 * the address is a virtual one, behind which nobody could prove who they are: one of them is drawn. */
export function requestedEndpoint(
  wanted: Wanted,
  endpoints: readonly ServiceEndpoint[],
  query: UpstreamQuery,
): UpstreamChoice | undefined {
  if (wanted.policy.loadBalancer?.simple !== 'PASSTHROUGH') return undefined;
  const { service, port } = wanted;
  const { address } = query.connection.target.destination;
  const asked = endpoints.filter(({ workload }) => workload.addresses.includes(address));
  const found = candidatesFor(service, asked, { network: query.parts.network, port });
  const [candidate] = found.kind === 'some' ? found.candidates : [];
  if (candidate !== undefined && addressOf(service, candidate.workload, address) === address) {
    const { workload, targetPort } = candidate;
    const declared = service.ports.find(({ servicePort }) => servicePort === port);
    const endpoint = { workload, address, port: targetPort, service };
    return { kind: 'endpoint', endpoint, appProtocol: declared?.appProtocol ?? 'unknown' };
  }
  if (endpoints.some(({ workload }) => workload.tunnelProtocol === 'hbone')) return undefined;
  return outsideEndpoint(wanted, address, query);
}
