// What a node proxy does with a connection that leaves a pod: refuse, pass on in plain text, tunnel to
// the workload, or tunnel to a waypoint (protocol section 3.7). A plan names its reason, and everything
// it rests on comes in as an argument.

import { type Endpoint, formatEndpoint, type IpAddress, isLoopback, isV6 } from './address.ts';
import type { Code } from './catalogue.ts';
import { chooseEndpoint, type EndpointChoice } from './choose-endpoint.ts';
import { type Identity, parseIdentity } from './identity.ts';
import type { MeshView } from './mesh-view.ts';
import { keyOfService, type Service } from './service.ts';
import { type GatewayAddress, identityOfWorkload, serviceKey, type Workload } from './workload.ts';

/** Ports on which the node proxy itself listens in every pod (protocol section 1.1). */
export const meshPorts: readonly number[] = [15_001, 15_006, 15_008];

/** The port at which tunnels arrive. */
const tunnelPort = 15_008;

export interface OutboundFacts {
  readonly source: Workload;
  /** Where the application meant to go. */
  readonly destination: Endpoint;
  /** The proxy's own network. */
  readonly network: string;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Next hops, by uid, that were tried in vain. */
  readonly tried?: ReadonlySet<string>;
  /** Connections open to a next hop, by uid. */
  readonly openTo?: (uid: string) => number;
  /** The addresses behind the host name of an endpoint, undefined while they are not known. Without it,
   * such endpoints have no address. */
  readonly addressesOf?: (hostname: string) => readonly IpAddress[] | undefined;
}

interface Planned {
  /** A sentence part. */
  readonly reason: string;
  /** The service that was addressed. */
  readonly service?: Service;
}

/** What to do. `workload` is the next hop: on the way to a waypoint, the waypoint. */
export type OutboundPlan =
  | (Planned & { readonly kind: 'deny'; readonly code: Code })
  /** The host name of the endpoint is to be resolved; then plan again. */
  | (Planned & { readonly kind: 'resolve'; readonly hostname: string; readonly workload: Workload })
  | (Planned & { readonly kind: 'plain'; readonly peer: Endpoint; readonly workload?: Workload })
  | (Planned & {
      readonly kind: 'tunnel' | 'waypoint';
      /** Where the tunnel leads. */
      readonly peer: Endpoint;
      /** What to ask for there: the endpoint itself, or the destination as dialled at a waypoint. */
      readonly authority: string;
      readonly expectedIdentities: readonly Identity[];
      readonly workload: Workload;
    });

/** Plans. */
export function planOutbound(view: MeshView, facts: OutboundFacts): OutboundPlan {
  const { destination, network, source } = facts;
  if (isLoopback(destination.address) && meshPorts.includes(destination.port)) {
    const reason = `${formatEndpoint(destination)} is a port of the mesh itself`;
    return { kind: 'deny', code: 'AMB1408', reason };
  }
  const workload = view.workloadByAddress(network, destination.address);
  const service = view.serviceByAddress(network, destination.address, source.namespace);
  if (service !== undefined && workload === undefined) {
    const waypoint = waypointOf(service, facts.random);
    if (waypoint !== undefined) return toWaypoint(view, facts, waypoint, service);
  }
  if (service !== undefined) return toService(view, facts, service);
  if (workload !== undefined) return toWorkload(view, facts, workload);
  if (source.outboundPolicy === 'registry-only') {
    const reason = `${formatEndpoint(destination)} is not registered, and outboundTrafficPolicy is REGISTRY_ONLY`;
    return { kind: 'deny', code: 'AMB1431', reason };
  }
  return { kind: 'plain', peer: destination, reason: 'the destination is not part of the mesh' };
}

function toService(view: MeshView, facts: OutboundFacts, service: Service): OutboundPlan {
  const { destination } = facts;
  if (service.loadBalancing?.mode === 'passthrough') {
    const reason = 'the service passes connections on as they are';
    return { kind: 'plain', peer: destination, reason, service };
  }
  const choice = chooseEndpoint(service, view.endpointsOf(keyOfService(service)), {
    ...facts,
    port: destination.port,
    requested: destination.address,
  });
  if (choice.kind === 'none') {
    return { kind: 'deny', code: choice.code, reason: choice.reason, service };
  }
  const { workload, targetPort, among } = choice;
  const reason = `endpoint of ${keyOfService(service)}, one of ${among}`;
  if (choice.address !== undefined) {
    const peer = { address: choice.address, port: targetPort };
    return direct(facts, { workload, peer, reason, service });
  }
  const { hostname, network } = workload;
  if (hostname === '' || network !== facts.network || facts.addressesOf === undefined) {
    return unreachable(facts, workload, service);
  }
  const addresses = facts.addressesOf(hostname);
  if (addresses === undefined) return { kind: 'resolve', hostname, workload, reason, service };
  const address = addressAmong(service, addresses, facts);
  if (address === undefined) return unreachable(facts, workload, service);
  const peer = { address, port: targetPort };
  return direct(facts, { workload, peer, reason: `${reason}, at ${hostname}`, service });
}

/** Any address of an allowed family, preferably the one that was dialled (protocol section 9.4). */
function addressAmong(
  { ipFamilies }: Service,
  addresses: readonly IpAddress[],
  { destination, random }: OutboundFacts,
): IpAddress | undefined {
  const allowed = addresses.filter((address) => {
    if (ipFamilies === 'ipv4') return !isV6(address);
    return ipFamilies === 'ipv6' ? isV6(address) : true;
  });
  const same = allowed.filter((address) => isV6(address) === isV6(destination.address));
  const candidates = same.length > 0 ? same : allowed;
  return candidates[Math.floor(random() * candidates.length)];
}

function toWorkload(view: MeshView, facts: OutboundFacts, workload: Workload): OutboundPlan {
  const { waypoint } = workload;
  if (waypoint !== undefined && !isWaypoint(view, facts, waypoint)) {
    return toWaypoint(view, facts, waypoint, undefined);
  }
  const reason = `addressed to pod ${workload.namespace}/${workload.name}`;
  return direct(facts, { workload, peer: facts.destination, reason });
}

/** To the endpoint itself: by tunnel if it can, in plain text otherwise. */
function direct(
  facts: OutboundFacts,
  hop: { workload: Workload; peer: Endpoint; reason: string; service?: Service },
): OutboundPlan {
  const { workload, peer, reason, service } = hop;
  const planned = { workload, ...(service && { service }) };
  if (workload.network !== facts.network) return unreachable(facts, workload, service);
  if (workload.tunnelProtocol === 'none') {
    return { kind: 'plain', peer, reason: `${reason}, which is not in the mesh`, ...planned };
  }
  return {
    kind: 'tunnel',
    peer: { address: peer.address, port: tunnelPort },
    authority: formatEndpoint(peer),
    expectedIdentities: expectedOf(workload, service),
    reason,
    ...planned,
  };
}

/** To a waypoint, which receives the destination as it was dialled. */
function toWaypoint(
  view: MeshView,
  facts: OutboundFacts,
  gateway: GatewayAddress,
  service: Service | undefined,
): OutboundPlan {
  const addressed = service && { service };
  const found = findGateway(view, facts, gateway);
  const name = nameOfGateway(gateway);
  if (found === undefined || found.choice.kind === 'none') {
    const why = found?.choice.kind === 'none' ? found.choice.reason : 'it is not known';
    const reason = `bound to waypoint ${name}, but ${why}`;
    return { kind: 'deny', code: 'AMB1407', reason, ...addressed };
  }
  const { workload, address, targetPort } = found.choice;
  if (address === undefined || workload.network !== facts.network) {
    return unreachable(facts, workload, service);
  }
  return {
    kind: 'waypoint',
    peer: { address, port: targetPort },
    authority: formatEndpoint(facts.destination),
    expectedIdentities: expectedOf(workload, found.service),
    workload,
    reason: `bound to waypoint ${name}`,
    ...addressed,
  };
}

function findGateway(
  view: MeshView,
  facts: OutboundFacts,
  { destination, hbonePort }: GatewayAddress,
): { choice: EndpointChoice; service?: Service } | undefined {
  if (destination.kind === 'address') {
    const { network, address } = destination;
    const workload = view.workloadByAddress(network, address);
    if (workload !== undefined) {
      const targetPort = hbonePort || tunnelPort;
      return { choice: { kind: 'chosen', workload, address, targetPort, among: 1 } };
    }
  }
  const service =
    destination.kind === 'hostname'
      ? view.serviceByKey(serviceKey(destination.namespace, destination.hostname))
      : view.serviceByAddress(destination.network, destination.address, facts.source.namespace);
  if (service === undefined) return undefined;
  const choice = chooseEndpoint(service, view.endpointsOf(keyOfService(service)), {
    ...facts,
    port: hbonePort || tunnelPort,
    requested: facts.destination.address,
    forWaypoint: true,
  });
  return { choice, service };
}

/** Whether the source is the waypoint in question, whose own traffic must not return to it. */
function isWaypoint(view: MeshView, { source }: OutboundFacts, gateway: GatewayAddress): boolean {
  const { destination } = gateway;
  if (destination.kind === 'address') {
    const { network, address } = destination;
    if (source.network === network && source.addresses.includes(address)) return true;
  }
  const key =
    destination.kind === 'hostname'
      ? serviceKey(destination.namespace, destination.hostname)
      : keyAt(view, destination.network, destination.address, source.namespace);
  return key !== undefined && source.services.has(key);
}

function keyAt(view: MeshView, network: string, address: IpAddress, namespace: string) {
  const service = view.serviceByAddress(network, address, namespace);
  return service && keyOfService(service);
}

/** The waypoint of a service; among weighted ones, one by chance. */
function waypointOf(service: Service, random: () => number): GatewayAddress | undefined {
  let total = 0;
  for (const { weight } of service.weightedWaypoints) total += weight;
  let rest = random() * total;
  for (const { waypoint, weight } of service.weightedWaypoints) {
    rest -= weight;
    if (rest < 0) return waypoint;
  }
  return service.waypoint;
}

/** Names in the service's list that are no SPIFFE identities say nothing to a tunnel. */
function expectedOf(workload: Workload, service: Service | undefined): readonly Identity[] {
  const named = (service?.subjectAltNames ?? []).map(parseIdentity);
  return [...named.filter((identity) => identity !== undefined), identityOfWorkload(workload)];
}

function unreachable(
  facts: OutboundFacts,
  workload: Workload,
  service: Service | undefined,
): OutboundPlan {
  const name = `${workload.namespace}/${workload.name}`;
  const addressed = service && { service };
  if (workload.network !== facts.network) {
    const reason = `${name} is on network ${workload.network || '(none)'}`;
    return { kind: 'deny', code: 'AMB1413', reason, ...addressed };
  }
  return { kind: 'deny', code: 'AMB1417', reason: `${name} has no address`, ...addressed };
}

function nameOfGateway({ destination }: GatewayAddress): string {
  return destination.kind === 'hostname'
    ? `${destination.namespace}/${destination.hostname}`
    : `${destination.network}/${destination.address}`;
}
