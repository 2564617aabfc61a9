// Endpoints that are known by a host name, as endpoints with addresses: one for each address that the name
// has, so that health, load and retries tell them apart. Pure.

import { type IpAddress, isV6 } from '../../mesh/address.ts';
import type { ServiceEndpoint } from '../../mesh/mesh-view.ts';
import type { Service } from '../../mesh/service.ts';
import { resolvedUid } from '../upstream/endpoints.ts';

/** How the addresses of a name are used. */
export interface Resolving {
  readonly ipFamilies: Service['ipFamilies'];
  /** What the client dialled: where both families will do, addresses of its family are taken if there
   * are any, since a host may be out of reach by the other one. */
  readonly requested: IpAddress;
  /** Only the first address, as `DNS_ROUND_ROBIN` has it. */
  readonly oneAtATime: boolean;
}

/** Whether an endpoint has a name instead of an address. */
export function isNamed({ workload }: ServiceEndpoint): boolean {
  return workload.addresses.length === 0 && workload.hostname !== '';
}

/** One endpoint for each address that is to be used. */
export function resolvedEndpoints(
  endpoint: ServiceEndpoint,
  addresses: readonly IpAddress[],
  resolving: Resolving,
): ServiceEndpoint[] {
  const usable = usableOf(addresses, resolving);
  const taken = resolving.oneAtATime ? usable.slice(0, 1) : usable;
  return taken.map((address) => {
    const uid = resolvedUid(endpoint.workload.uid, address);
    return { ...endpoint, workload: { ...endpoint.workload, uid, addresses: [address] } };
  });
}

function usableOf(
  addresses: readonly IpAddress[],
  { ipFamilies, requested }: Resolving,
): readonly IpAddress[] {
  switch (ipFamilies) {
    case 'ipv4':
      return addresses.filter((address) => !isV6(address));
    case 'ipv6':
      return addresses.filter(isV6);
    case 'dual':
      return addresses;
    case 'automatic': {
      const alike = addresses.filter((address) => isV6(address) === isV6(requested));
      return alike.length > 0 ? alike : addresses;
    }
  }
}
