// Endpoints that an EndpointSlice names and that are no pods, such as the API server's (protocol section
// 4.7).

import { parseIp } from '../../mesh/address.ts';
import type { PortMapping, Workload } from '../../mesh/workload.ts';
import type { EndpointSlice, ServiceObject } from '../kinds/core.ts';
import type { EndpointRule } from './endpoint-rules.ts';
import type { MeshOptions } from './mesh-options.ts';

/** Translates a slice of a Service. Its endpoints are kept out of the index by address, so that a shared
 * address does not shadow others. */
export function translateSlice(
  slice: EndpointSlice,
  service: ServiceObject,
  { key }: EndpointRule,
  mesh: MeshOptions,
): readonly Workload[] {
  const namespace = slice.metadata.namespace ?? '';
  const services = new Map([[key, portsOf(slice, service)]]);
  return (slice.endpoints ?? []).flatMap(({ targetRef, addresses, conditions, nodeName }) => {
    if (targetRef?.kind === 'Pod') return [];
    return addresses.flatMap((text): readonly Workload[] => {
      const address = parseIp(text);
      if (address === undefined) return [];
      return [
        {
          uid: `${mesh.clusterId}/discovery.k8s.io/EndpointSlice/${namespace}/${slice.metadata.name}/${address}`,
          name: slice.metadata.name,
          namespace,
          addresses: [address],
          hostname: '',
          network: mesh.network,
          tunnelProtocol: 'none',
          trustDomain: mesh.trustDomain,
          serviceAccount: 'default',
          node: nodeName ?? '',
          canonicalName: service.metadata.name,
          canonicalRevision: 'latest',
          workloadType: 'pod',
          workloadName: slice.metadata.name,
          nativeTunnel: false,
          authorizationPolicies: [],
          status: conditions?.ready === false ? 'unhealthy' : 'healthy',
          clusterId: mesh.clusterId,
          services,
          locality: { region: '', zone: '', subzone: '' },
          networkMode: 'host',
          capacity: 1,
        },
      ];
    });
  });
}

/** A slice names the service's ports; only TCP is carried. */
function portsOf(slice: EndpointSlice, service: ServiceObject): readonly PortMapping[] {
  return (service.spec?.ports ?? []).flatMap(({ name, port }): readonly PortMapping[] => {
    const found = slice.ports?.find(
      (entry) => (entry.name ?? '') === (name ?? '') && (entry.protocol ?? 'TCP') === 'TCP',
    );
    return found?.port === undefined ? [] : [{ servicePort: port, targetPort: found.port }];
  });
}
