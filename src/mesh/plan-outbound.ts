// What a node proxy does with a connection that leaves a pod: refuse, pass on in plain text, tunnel to
// the workload, to a waypoint, or through the gateway of another network (protocol sections 3.7 and 3.9).
// A plan names its reason, and everything it rests on comes in as an argument.

import { type Endpoint, formatEndpoint, type IpAddress, isLoopback } from './address.ts';
import type { Code } from './catalogue.ts';
import { chooseEndpoint } from './choose-endpoint.ts';
import {
  findGateway,
  type GatewayView,
  isEndpointOf,
  nameOfGateway,
  tunnelPort,
} from './find-gateway.ts';
import { type Identity, parseIdentity } from './identity.ts';
import { keyOfService, type Service } from './service.ts';
import { type GatewayAddress, identityOfWorkload, type Workload } from './workload.ts';

/** Ports on which the node proxy itself listens in every pod (protocol section 1.1). */
export const meshPorts: readonly number[] = [15_001, 15_006, 15_008];

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
}

interface Planned {
  /** A sentence part. */
  readonly reason: string;
  /** The service that was addressed. */
  readonly service?: Service;
}

/** What to do. `workload` is the next hop: on the way to a waypoint, the waypoint; to another network,
 * its gateway. */
export type OutboundPlan =
  | (Planned & { readonly kind: 'deny'; readonly code: Code })
  | PassingPlan
  | (Planned & {
      /** The next hop has only a name; what to do with an address of it. */
      readonly kind: 'unresolved';
      readonly hostname: string;
      readonly workload: Workload;
      readonly at: (address: IpAddress) => PassingPlan;
    });

interface Tunnelled extends Planned {
  /** Where the tunnel leads. */
  readonly peer: Endpoint;
  /** What to ask for there: the endpoint itself, the destination as dialled at a waypoint, the service
   * at a gateway. */
  readonly authority: string;
  readonly expectedIdentities: readonly Identity[];
  readonly workload: Workload;
}

/** A plan that can be tried. */
export type PassingPlan =
  | (Planned & { readonly kind: 'plain'; readonly peer: Endpoint; readonly workload?: Workload })
  | (Tunnelled & { readonly kind: 'tunnel' | 'waypoint' })
  | (Tunnelled & {
      /** A tunnel to the gateway, and another one inside it. */
      readonly kind: 'gateway';
      readonly service: Service;
      /** Who may end the inner tunnel: the gateway chooses the endpoint, so it is known by its service. */
      readonly innerIdentities: readonly Identity[];
    });

/** Plans. */
export function planOutbound(view: GatewayView, facts: OutboundFacts): OutboundPlan {
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

function toService(view: GatewayView, facts: OutboundFacts, service: Service): OutboundPlan {
  const { destination } = facts;
  if (service.loadBalancing?.mode === 'passthrough') {
    const reason = 'the service passes connections on as they are';
    return { kind: 'plain', peer: destination, reason, service };
  }
  const endpoints = view.endpointsOf(keyOfService(service));
  const wanted = { ...facts, port: destination.port, requested: destination.address };
  const choose = (among: typeof endpoints): OutboundPlan => {
    const choice = chooseEndpoint(service, among, wanted);
    if (choice.kind === 'none') {
      return { kind: 'deny', code: choice.code, reason: choice.reason, service };
    }
    const { workload, address, targetPort: port } = choice;
    if (workload.network !== facts.network) {
      return throughGateway(view, facts, { workload, identities: namedOf(service), service });
    }
    const reason = `endpoint of ${keyOfService(service)}, one of ${choice.among}${bypassOf(service)}`;
    return direct({ workload, address, port, reason, service });
  };
  const plan = choose(endpoints);
  if (plan.kind !== 'deny') return plan;
  // Where the way to another network is closed, an endpoint of this one may still do.
  const here = choose(endpoints.filter(({ workload }) => workload.network === facts.network));
  return here.kind === 'deny' ? plan : here;
}

function toWorkload(view: GatewayView, facts: OutboundFacts, workload: Workload): OutboundPlan {
  const { waypoint } = workload;
  if (waypoint !== undefined && !isEndpointOf(view, facts.source, waypoint)) {
    return toWaypoint(view, facts, waypoint, undefined);
  }
  const { address, port } = facts.destination;
  const reason = `addressed to pod ${workload.namespace}/${workload.name}${bypassOf(workload)}`;
  return direct({ workload, address, port, reason });
}

interface Hop extends Planned {
  readonly workload: Workload;
  readonly address: IpAddress | undefined;
  readonly port: number;
}

/** To the endpoint itself: by tunnel if it can, in plain text otherwise. */
function direct(hop: Hop): OutboundPlan {
  const { workload, reason, port } = hop;
  const planned = { workload, ...(hop.service && { service: hop.service }) };
  return located(hop, (address) => {
    const peer = { address, port };
    if (workload.tunnelProtocol === 'none') {
      return { kind: 'plain', peer, reason: `${reason}, which is not in the mesh`, ...planned };
    }
    return {
      kind: 'tunnel',
      peer: { address, port: tunnelPort },
      authority: formatEndpoint(peer),
      expectedIdentities: expectedOf(workload, hop.service),
      reason,
      ...planned,
    };
  });
}

/** To a waypoint, which receives the destination as it was dialled. */
function toWaypoint(
  view: GatewayView,
  facts: OutboundFacts,
  gateway: GatewayAddress,
  service: Service | undefined,
): OutboundPlan {
  const addressed = service && { service };
  const found = findGateway(view, facts, gateway, 'waypoint');
  const name = nameOfGateway(gateway);
  if (found === undefined || found.choice.kind === 'none') {
    const why = found?.choice.kind === 'none' ? found.choice.reason : 'it is not known';
    const reason = `bound to waypoint ${name}, but ${why}`;
    return { kind: 'deny', code: 'AMB1407', reason, ...addressed };
  }
  const { workload, address, targetPort: port } = found.choice;
  if (workload.network !== facts.network) {
    const identities = namedOf(found.service);
    return throughGateway(view, facts, { workload, identities, ...addressed });
  }
  const reason = `bound to waypoint ${name}`;
  return located({ workload, address, port, reason, ...addressed }, (resolved) => ({
    kind: 'waypoint',
    peer: { address: resolved, port },
    authority: formatEndpoint(facts.destination),
    expectedIdentities: expectedOf(workload, found.service),
    workload,
    reason,
    ...addressed,
  }));
}

/** What is wanted on another network: an endpoint or waypoint there, who may prove to be it, and the
 * service that was addressed. */
interface Remote {
  readonly workload: Workload;
  readonly identities: readonly Identity[];
  readonly service?: Service;
}

/** To another network: its gateway is asked for the service, and so is whoever it leads to. */
function throughGateway(view: GatewayView, facts: OutboundFacts, remote: Remote): OutboundPlan {
  const { workload, identities, service } = remote;
  const addressed = service && { service };
  const where = `${workload.namespace}/${workload.name} is on network ${workload.network || '(none)'}`;
  const gateway = workload.networkGateway;
  if (gateway === undefined || service === undefined || identities.length === 0) {
    const lacks =
      gateway === undefined
        ? 'has no gateway'
        : service === undefined
          ? 'can only be reached by a service'
          : 'has no identities named by the service to expect there';
    return { kind: 'deny', code: 'AMB1413', reason: `${where}, which ${lacks}`, ...addressed };
  }
  const found = findGateway(view, facts, gateway, 'network gateway');
  const name = nameOfGateway(gateway);
  if (found === undefined || found.choice.kind === 'none') {
    const why = found?.choice.kind === 'none' ? found.choice.reason : 'it is not known';
    const reason = `${where} behind gateway ${name}, but ${why}`;
    return { kind: 'deny', code: 'AMB1423', reason, service };
  }
  const { choice, service: gatewayService } = found;
  const reason = `${where} behind gateway ${name}`;
  const hop = { ...choice, address: choice.address, port: choice.targetPort, reason, service };
  return located(hop, (address) => ({
    kind: 'gateway',
    peer: { address, port: hop.port },
    authority: `${service.hostname}:${facts.destination.port}`,
    expectedIdentities: expectedOf(choice.workload, gatewayService),
    innerIdentities: identities,
    workload: choice.workload,
    reason,
    service,
  }));
}

/** A plan for a hop whose address may yet have to be found. */
function located(hop: Hop, at: (address: IpAddress) => PassingPlan): OutboundPlan {
  const { workload, address, reason, service } = hop;
  if (address !== undefined) return at(address);
  const addressed = service && { service };
  const { hostname } = workload;
  if (hostname !== '') return { kind: 'unresolved', hostname, workload, at, reason, ...addressed };
  const nowhere = `${workload.namespace}/${workload.name} has no address`;
  return { kind: 'deny', code: 'AMB1417', reason: nowhere, ...addressed };
}

/** A part of the reason: that a waypoint is gone around. */
function bypassOf({ bypassedWaypoint }: Pick<Service, 'bypassedWaypoint'>): string {
  return bypassedWaypoint === undefined
    ? ''
    : `, around waypoint ${bypassedWaypoint}, which cannot be used and may be bypassed (ambit.io/waypoint-failure-mode)`;
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

/** The identities that a service names. Names that are none say nothing to a tunnel. */
function namedOf(service: Service | undefined): readonly Identity[] {
  const named = (service?.subjectAltNames ?? []).map(parseIdentity);
  return named.filter((identity) => identity !== undefined);
}

function expectedOf(workload: Workload, service: Service | undefined): readonly Identity[] {
  return [...namedOf(service), identityOfWorkload(workload)];
}
