// What a tunnel's CONNECT asks for: a service by its virtual address or hostname, or a workload by its
// address (protocol sections 3.7 and 3.8). Only what this waypoint serves is accepted.

import { type IpAddress, parseIp, splitHostPort } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { Service } from '../../mesh/service.ts';
import { keyOfService } from '../../mesh/service.ts';
import { type GatewayAddress, type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import type { Target } from '../request/parts.ts';
import type { WaypointMeshView } from '../upstream/endpoints.ts';

export interface TargetQuery {
  readonly authority: string;
  readonly clientNamespace: string;
  readonly network: string;
  readonly mesh: WaypointMeshView;
  /** Whether configuration for a service has arrived. */
  readonly isServed: (key: ServiceKey) => boolean;
  /** Whose policies apply to traffic that is addressed to workloads: the waypoint's own service. */
  readonly ownService: ServiceKey;
}

export type TargetResult =
  | { readonly kind: 'target'; readonly target: Target }
  | {
      readonly kind: 'problem';
      readonly status: 400 | 503;
      readonly code: Code;
      readonly reason: string;
    };

/** Finds the target of a CONNECT. */
export function findTarget(query: TargetQuery): TargetResult {
  const { authority, network, mesh, clientNamespace } = query;
  const split = splitHostPort(authority);
  if (split === undefined) {
    return problem(400, 'AMB1414', `the authority "${authority}" is no host and port`);
  }
  const { host, port } = split;
  const address = parseIp(host);
  if (address === undefined) {
    const service = mesh.serviceByHostname(host, clientNamespace);
    const own = service?.addresses.find((one) => one.network === network)?.address;
    if (service === undefined || own === undefined) return notServed(authority);
    return serviceTarget(query, service, own, port);
  }
  // A workload's own address is meant for itself, even where a service has the same.
  const workload = mesh.workloadByAddress(network, address);
  if (workload !== undefined) {
    const isOurs = leadsHere(query, workload.waypoint) && query.isServed(query.ownService);
    if (!isOurs) return notServed(authority);
    const destination = { address, port };
    const target = { kind: 'workload', destination, workload, rules: query.ownService } as const;
    return { kind: 'target', target };
  }
  const service = mesh.serviceByAddress(network, address, clientNamespace);
  if (service === undefined) return notServed(authority);
  return serviceTarget(query, service, address, port);
}

function serviceTarget(
  query: TargetQuery,
  service: Service,
  address: IpAddress,
  number: number,
): TargetResult {
  const rules = keyOfService(service);
  const waypoints = [service.waypoint, ...service.weightedWaypoints.map((one) => one.waypoint)];
  // Configuration comes for services that routes lead to as well; those have policies elsewhere.
  const isOurs = waypoints.some((one) => leadsHere(query, one)) && query.isServed(rules);
  if (!isOurs) return notServed(rules);
  const port = service.ports.find((one) => one.servicePort === number);
  if (port === undefined) {
    return problem(503, 'AMB1406', `${service.hostname} has no port ${number}`);
  }
  const destination = { address, port: number };
  return { kind: 'target', target: { kind: 'service', destination, service, port, rules } };
}

/** Whether a reference to a waypoint means this one. */
function leadsHere(query: TargetQuery, reference: GatewayAddress | undefined): boolean {
  if (reference === undefined) return false;
  const { destination } = reference;
  if (destination.kind === 'hostname') {
    return serviceKey(destination.namespace, destination.hostname) === query.ownService;
  }
  const { network, address } = destination;
  const service = query.mesh.serviceByAddress(network, address, query.clientNamespace);
  return service !== undefined && keyOfService(service) === query.ownService;
}

function notServed(what: string): TargetResult {
  return problem(503, 'AMB1710', `${what} is not served by this waypoint`);
}

function problem(status: 400 | 503, code: Code, reason: string): TargetResult {
  return { kind: 'problem', status, code, reason };
}
