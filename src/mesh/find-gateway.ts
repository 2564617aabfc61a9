// Where a gateway that a destination refers to is found: a waypoint, or the gateway of another network
// (protocol sections 3.7 and 3.9).

import type { Endpoint } from './address.ts';
import { chooseEndpoint, type EndpointChoice, type EndpointFacts } from './choose-endpoint.ts';
import type { MeshView } from './mesh-view.ts';
import { keyOfService, type Service } from './service.ts';
import { type GatewayAddress, serviceKey, type Workload } from './workload.ts';

/** The port at which tunnels arrive. */
export const tunnelPort = 15_008;

/** Lookups that finding a gateway needs beyond the common ones. */
export interface GatewayView extends MeshView {
  /** A workload that is known by a host name of its own, such as an endpoint that DNS resolves. */
  workloadByHostname(namespace: string, hostname: string): Workload | undefined;
}

/** For whom it is looked for. */
export interface GatewayFacts extends Omit<EndpointFacts, 'port' | 'requested' | 'forWaypoint'> {
  readonly source: Workload;
  /** Where the application meant to go. */
  readonly destination: Endpoint;
}

/** What was found: an endpoint of the gateway, or why there is none. */
export interface FoundGateway {
  readonly choice: EndpointChoice;
  /** Absent when the gateway is named by the address of a workload. */
  readonly service?: Service;
}

/** Finds a gateway; undefined when nothing is known of it. A waypoint need not declare the port of
 * its tunnel if it has one of its own (protocol section 9.2). */
export function findGateway(
  view: GatewayView,
  facts: GatewayFacts,
  gateway: GatewayAddress,
  role: 'waypoint' | 'network gateway',
): FoundGateway | undefined {
  const { destination, hbonePort } = gateway;
  const port = hbonePort || tunnelPort;
  const service = serviceOf(view, facts, gateway);
  const workload = workloadOf(view, gateway);
  // An address means a workload rather than a service, but for the gateway of a network, which is looked
  // up as the destination of any connection is.
  const servedFirst = destination.kind === 'hostname' || role === 'network gateway';
  if (service !== undefined && (servedFirst || workload === undefined)) {
    const requested =
      destination.kind === 'address' && role === 'network gateway'
        ? destination.address
        : facts.destination.address;
    const choice = chooseEndpoint(service, view.endpointsOf(keyOfService(service)), {
      ...facts,
      port,
      requested,
      forWaypoint: role === 'waypoint',
    });
    return { choice, service };
  }
  if (workload === undefined) return undefined;
  const address = destination.kind === 'address' ? destination.address : workload.addresses[0];
  const chosen = { kind: 'chosen', workload, targetPort: port, among: 1 } as const;
  return { choice: { ...chosen, ...(address !== undefined && { address }) } };
}

/** Whether a workload is an endpoint of the gateway. */
export function isEndpointOf(view: MeshView, workload: Workload, gateway: GatewayAddress): boolean {
  const { destination } = gateway;
  if (destination.kind === 'address') {
    const { network, address } = destination;
    if (workload.network === network && workload.addresses.includes(address)) return true;
  }
  const service = serviceOf(view, { source: workload }, gateway);
  const key =
    destination.kind === 'hostname'
      ? serviceKey(destination.namespace, destination.hostname)
      : service && keyOfService(service);
  return key !== undefined && workload.services.has(key);
}

/** How a gateway is called in a sentence. */
export function nameOfGateway({ destination }: GatewayAddress): string {
  return destination.kind === 'hostname'
    ? `${destination.namespace}/${destination.hostname}`
    : `${destination.network}/${destination.address}`;
}

function serviceOf(
  view: MeshView,
  { source }: Pick<GatewayFacts, 'source'>,
  { destination }: GatewayAddress,
): Service | undefined {
  return destination.kind === 'hostname'
    ? view.serviceByKey(serviceKey(destination.namespace, destination.hostname))
    : view.serviceByAddress(destination.network, destination.address, source.namespace);
}

function workloadOf(view: GatewayView, { destination }: GatewayAddress): Workload | undefined {
  return destination.kind === 'hostname'
    ? view.workloadByHostname(destination.namespace, destination.hostname)
    : view.workloadByAddress(destination.network, destination.address);
}
