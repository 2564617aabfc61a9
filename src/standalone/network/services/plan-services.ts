// Where a node sends what its pods address to services: a pure function of services and endpoints.

import type { AddressPair } from '../address-plan.ts';
import { dnsAddress } from '../address-plan.ts';
import type { Services } from './service-table.ts';
import type { EndpointView, ServicePort, ServiceView } from './service-view.ts';

/** One virtual address and port, and where it leads from this node. */
export interface ServiceRule {
  /** `namespace/name:port`, for readers. */
  readonly label: string;
  readonly address: string;
  readonly port: ServicePort;
  /** Never empty: without an endpoint there is no rule, and the connection is refused. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
  readonly affinitySeconds: number | undefined;
}

/** The node for which is planned. */
export interface PlanningNode {
  readonly name: string;
  readonly addresses: AddressPair;
}

/** The rules of one node, in a stable order. */
export function planServices(services: Services, node: PlanningNode): ServiceRule[] {
  const virtual = [...services.all()].filter(({ kind }) => kind === 'virtual');
  return virtual
    .toSorted((left, right) => (left.key < right.key ? -1 : 1))
    .flatMap((service) => rulesOf(service, services.endpointsOf(service.key), node));
}

function rulesOf(
  service: ServiceView,
  endpoints: readonly EndpointView[],
  node: PlanningNode,
): ServiceRule[] {
  return service.addresses.filter(isTranslated).flatMap((address) =>
    service.ports.flatMap((port) => {
      const chosen = chooseEndpoints(service, offering(endpoints, address, port), node);
      if (chosen.length === 0) return [];
      const label = `${service.key}:${port.port}`;
      const targets = chosen.flatMap((endpoint) => targetsOf(endpoint, port));
      const { affinitySeconds } = service;
      return [{ label, address, port, endpoints: distinct(targets), affinitySeconds }];
    }),
  );
}

/** The node's own name server listens on the address itself. */
function isTranslated(address: string): boolean {
  return address !== dnsAddress.ipv4 && address !== dnsAddress.ipv6;
}

function offering(
  endpoints: readonly EndpointView[],
  address: string,
  port: ServicePort,
): EndpointView[] {
  const sameFamily = (other: string): boolean => other.includes(':') === address.includes(':');
  return endpoints.filter(
    (endpoint) => sameFamily(endpoint.address) && targetsOf(endpoint, port).length > 0,
  );
}

function targetsOf(endpoint: EndpointView, port: ServicePort): { address: string; port: number }[] {
  return endpoint.ports
    .filter((one) => one.name === port.name && one.protocol === port.protocol)
    .map((one) => ({ address: endpoint.address, port: one.port }));
}

/** Ready ones; while there are none, those that still serve while they end. */
function chooseEndpoints(
  service: ServiceView,
  endpoints: readonly EndpointView[],
  node: PlanningNode,
): readonly EndpointView[] {
  const here = endpoints.filter((endpoint) => isHere(endpoint, node));
  if (service.localOnly) return usable(here);
  const local = usable(here);
  // A node that is cut off from the others keeps its way to the API server.
  const prefersLocal = service.preferLocal || service.key === 'default/kubernetes';
  return prefersLocal && local.length > 0 ? local : usable(endpoints);
}

function usable(endpoints: readonly EndpointView[]): readonly EndpointView[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  if (ready.length > 0) return ready;
  return endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

function isHere(endpoint: EndpointView, node: PlanningNode): boolean {
  const { ipv4, ipv6 } = node.addresses;
  return endpoint.nodeName === node.name || endpoint.address === ipv4 || endpoint.address === ipv6;
}

function distinct(
  targets: readonly { address: string; port: number }[],
): { address: string; port: number }[] {
  const byText = new Map(targets.map((target) => [`${target.address} ${target.port}`, target]));
  return [...byText.entries()]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([, target]) => target);
}
