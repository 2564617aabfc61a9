// Which addresses a name that a client gave may lead to. A host with a wildcard lets clients choose the
// name, and whoever owns a name chooses its address: without this check the waypoint would be a way
// around the policies of everything that it can reach itself.

import { type Cidr, cidrContains, type IpAddress, parseCidr } from '../../mesh/address.ts';
import { type Identity, identityParts } from '../../mesh/identity.ts';
import type { WaypointMeshView } from '../upstream/endpoints.ts';

/** Special addresses (RFC 6890, RFC 4291), and the ranges that the mesh gives to hosts by default. */
const refusedRanges: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'of this host'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/127', 'loopback or unspecified'],
  ['64:ff9b::/96', 'an IPv4 address in disguise'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
  ['2001:2::/48', 'reserved'],
];

const ranges: readonly (readonly [Cidr, string])[] = refusedRanges.flatMap(([text, what]) => {
  const cidr = parseCidr(text);
  return cidr === undefined ? [] : [[cidr, what] as const];
});

/** Workloads whose addresses only stand in the configuration; what is there is no part of the mesh. */
const declaredOnly = /\/(?:ServiceEntry|EndpointSlice)\//;

/** Why an address is not to be connected to; undefined when it may be. */
export function refusalOf(
  address: IpAddress,
  mesh: WaypointMeshView,
  { network, client }: { readonly network: string; readonly client: Identity },
): string | undefined {
  const special = ranges.find(([cidr]) => cidrContains(cidr, address));
  if (special !== undefined) return `it is ${special[1]}`;
  const workload = mesh.workloadByAddress(network, address);
  if (workload !== undefined && !declaredOnly.test(workload.uid)) {
    return `it is that of ${workload.namespace}/${workload.name}`;
  }
  if (mesh.isNodeAddress(network, address)) return 'it is that of a node';
  const service = mesh.serviceByAddress(network, address, identityParts(client).namespace);
  // What only lies within a declared network is outside.
  if (service?.addresses.some((own) => own.address === address) === true) {
    return `it is that of ${service.namespace}/${service.hostname}`;
  }
  return undefined;
}
