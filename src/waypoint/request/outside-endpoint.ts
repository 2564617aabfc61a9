// Endpoints that no configuration names: where the client wanted to go itself (resolution NONE), and the
// host that a request names (resolution DYNAMIC_DNS).

import { type IpAddress, splitHostPort } from '../../mesh/address.ts';
import type { Service } from '../../mesh/service.ts';
import type { Workload } from '../../mesh/workload.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import { unlessAborted } from '../../runtime/unless-aborted.ts';
import { refusalOf } from '../dns/outside-address.ts';
import type { UpstreamChoice } from './choose-upstream.ts';
import type { UpstreamQuery, Wanted } from './upstream-query.ts';

/** An address as the endpoint of a service; what the mesh knows of it holds. */
export function outsideEndpoint(
  { service, port }: Wanted,
  address: IpAddress,
  { parts }: UpstreamQuery,
): UpstreamChoice {
  const declared = service.ports.find(({ servicePort }) => servicePort === port);
  if (declared === undefined) {
    const reason = `${service.hostname} has no port ${port}`;
    return { kind: 'none', code: 'AMB1406', reason, flag: 'UH' };
  }
  const workload =
    parts.mesh.workloadByAddress(parts.network, address) ??
    placeholder(service, address, parts.network);
  const endpoint = { workload, address, port: declared.targetPort || port, service };
  return { kind: 'endpoint', endpoint, appProtocol: declared.appProtocol };
}

/** The host of a request as the endpoint of a service with a wildcard. */
export async function resolveRequested(
  wanted: Wanted,
  query: UpstreamQuery,
): Promise<UpstreamChoice> {
  const { parts, connection, request } = query;
  const { hostname } = wanted.service;
  if (request === undefined) {
    const reason = `${hostname} is found by the host of each request, and this is no request`;
    return { kind: 'none', code: 'AMB1741', reason, flag: 'UH' };
  }
  const host = hostOf(request.authority());
  if (!covers(hostname, host)) {
    const reason = `the request names "${host}", which ${hostname} does not cover`;
    return { kind: 'none', code: 'AMB1735', reason, flag: 'NR' };
  }
  let found: readonly IpAddress[];
  try {
    found = await unlessAborted(parts.hosts.addressesOf(host), query.signal);
  } catch (error) {
    query.signal.throwIfAborted();
    return { kind: 'none', code: codeOf(error), reason: causeChain(error), flag: 'UH' };
  }
  const { network } = parts;
  const judged = found.map((address) => ({
    address,
    refusal: refusalOf(address, parts.mesh, { network, client: connection.identity }),
  }));
  const allowed = judged.filter(({ refusal }) => refusal === undefined);
  const isV6 = connection.target.destination.address.includes(':');
  const alike = allowed.filter(({ address }) => address.includes(':') === isV6);
  const among = alike.length > 0 ? alike : allowed;
  const chosen = among[Math.floor(parts.random() * among.length)];
  if (chosen === undefined) {
    const list = judged.map(({ address, refusal }) => `${address}: ${refusal}`).join('; ');
    const reason = `${host} leads to no address outside of the mesh (${list})`;
    return { kind: 'none', code: 'AMB1736', reason, flag: 'UH' };
  }
  return outsideEndpoint(wanted, chosen.address, query);
}

/** The host of an authority, in lower case and without a port. */
export function hostOf(authority: string): string {
  const host = splitHostPort(authority)?.host ?? authority.replace(/^\[(.*)\]$/, '$1');
  return host.toLowerCase().replace(/\.$/, '');
}

/** Whether a host is below a wildcard. */
function covers(wildcard: string, host: string): boolean {
  const suffix = wildcard.slice(1).toLowerCase();
  return host.length > suffix.length && host.endsWith(suffix) && /^[a-z0-9_.-]+$/.test(host);
}

/** Stands for whatever is at an address of which nothing is known. */
function placeholder({ name, namespace }: Service, address: IpAddress, network: string): Workload {
  return {
    uid: `outside ${namespace}/${name} ${address}`,
    name,
    namespace,
    addresses: [address],
    hostname: '',
    network,
    tunnelProtocol: 'none',
    trustDomain: '',
    serviceAccount: '',
    node: '',
    canonicalName: name,
    canonicalRevision: 'latest',
    workloadType: 'pod',
    workloadName: name,
    nativeTunnel: false,
    authorizationPolicies: [],
    status: 'healthy',
    clusterId: '',
    services: new Map(),
    locality: { region: '', zone: '', subzone: '' },
    networkMode: 'standard',
    capacity: 1,
  };
}
