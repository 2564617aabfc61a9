// Which endpoint of a service a connection goes to: health, port, place, weight and load, in that order
// (protocol sections 9.2 to 9.4; the choice by load is ours).

import { type IpAddress, isV6 } from './address.ts';
import type { Code } from './catalogue.ts';
import type { ServiceEndpoint } from './mesh-view.ts';
import type { Scope, Service } from './service.ts';
import type { Workload } from './workload.ts';

/** For whom and to what the choice is made. */
export interface EndpointFacts {
  /** Where the connection comes from, for preferences by place. */
  readonly source?: Workload;
  /** The chooser's own network. */
  readonly network: string;
  /** The service's port. */
  readonly port: number;
  /** The address that was dialled; its family is preferred. */
  readonly requested?: IpAddress;
  /** The choice is for a waypoint of the service's, not for the service itself. */
  readonly forWaypoint?: boolean;
  /** Workloads, by uid, that are not to be chosen: those that were tried in vain. */
  readonly tried?: ReadonlySet<string>;
  /** Connections open to a workload, by uid. With it, the less busy of two drawn endpoints is taken;
   * without it, the first drawn. */
  readonly openTo?: (uid: string) => number;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/** An endpoint, or why there is none. */
export type EndpointChoice =
  | {
      readonly kind: 'chosen';
      readonly workload: Workload;
      /** Absent when the endpoint must be resolved by its host name, or reached by a gateway. */
      readonly address?: IpAddress;
      readonly targetPort: number;
      /** How many were as good. */
      readonly among: number;
    }
  | { readonly kind: 'none'; readonly code: Code; readonly reason: string };

/** An endpoint that may be chosen. */
export interface Candidate {
  readonly workload: Workload;
  readonly targetPort: number;
}

/** Who may be chosen, or why there is nobody. */
export type Candidates =
  | { readonly kind: 'some'; readonly candidates: readonly Candidate[] }
  | Extract<EndpointChoice, { kind: 'none' }>;

/** Chooses. */
export function chooseEndpoint(
  service: Service,
  endpoints: readonly ServiceEndpoint[],
  facts: EndpointFacts,
): EndpointChoice {
  const found = candidatesFor(service, endpoints, facts);
  if (found.kind === 'none') return found;
  const best = preferred(service, found.candidates, facts);
  const chosen = lessBusyOfTwo(best, facts);
  if (chosen === undefined) return notThere(service);
  const address = addressOf(service, chosen.workload, facts.requested);
  return {
    kind: 'chosen',
    ...chosen,
    ...(address !== undefined && { address }),
    among: best.length,
  };
}

/** Finds those that are healthy, reachable and have the port, wherever they are. */
export function candidatesFor(
  service: Service,
  endpoints: readonly ServiceEndpoint[],
  facts: Omit<EndpointFacts, 'random'>,
): Candidates {
  const name = `${service.namespace}/${service.hostname}`;
  if (!facts.forWaypoint && !declaresPort(service, facts.port)) {
    return { kind: 'none', code: 'AMB1406', reason: `${name} has no port ${facts.port}` };
  }
  const healthy = endpoints.filter(({ workload }) => isUsable(service, workload, facts));
  const untried = healthy.filter(({ workload }) => facts.tried?.has(workload.uid) !== true);
  const candidates: Candidate[] = [];
  for (const endpoint of untried) {
    const targetPort = targetPortOf(service, endpoint, facts.port);
    if (targetPort !== undefined) candidates.push({ workload: endpoint.workload, targetPort });
  }
  if (candidates.length > 0) return { kind: 'some', candidates };
  return { kind: 'none', ...whyNone(name, { endpoints, healthy, untried, facts }) };
}

/** Those that are where a service demands them to be, as its strict balancing has it. */
export function strictly(
  service: Service,
  candidates: readonly Candidate[],
  facts: Pick<EndpointFacts, 'source' | 'network'>,
): Candidates {
  if (service.loadBalancing?.mode !== 'strict') return { kind: 'some', candidates };
  const there = preferred(service, candidates, facts);
  return there.length > 0 ? { kind: 'some', candidates: there } : notThere(service);
}

function notThere({ namespace, hostname }: Service): Extract<EndpointChoice, { kind: 'none' }> {
  const reason = `no endpoint of ${namespace}/${hostname} is where its balancing demands`;
  return { kind: 'none', code: 'AMB1405', reason };
}

function whyNone(
  name: string,
  seen: {
    readonly endpoints: readonly unknown[];
    readonly healthy: readonly unknown[];
    readonly untried: readonly unknown[];
    readonly facts: Pick<EndpointFacts, 'port'>;
  },
): { code: Code; reason: string } {
  const { endpoints, healthy, untried, facts } = seen;
  if (endpoints.length === 0) return { code: 'AMB1405', reason: `${name} has no endpoints` };
  if (healthy.length === 0) {
    return {
      code: 'AMB1405',
      reason: `none of ${endpoints.length} endpoints of ${name} is healthy`,
    };
  }
  if (untried.length === 0) {
    return { code: 'AMB1405', reason: `${name} has no endpoint that was not tried` };
  }
  return { code: 'AMB1406', reason: `no endpoint of ${name} maps port ${facts.port}` };
}

function isUsable(
  service: Service,
  workload: Workload,
  facts: Pick<EndpointFacts, 'network'>,
): boolean {
  const anyHealth = service.loadBalancing?.healthPolicy === 'allow-all';
  if (workload.status === 'unhealthy' && !anyHealth) return false;
  if (workload.addresses.length > 0 || workload.hostname !== '') return true;
  return workload.network !== facts.network && workload.networkGateway !== undefined;
}

function declaresPort(service: Service, port: number): boolean {
  return service.ports.some(({ servicePort }) => servicePort === port);
}

/** The endpoint's own mapping, the service's target, the port that its tunnel demands. */
function targetPortOf(
  service: Service,
  { workload, ports }: ServiceEndpoint,
  port: number,
): number | undefined {
  // Of waypoints only those that have a tunnel of their own may be asked for what is not declared.
  if (!declaresPort(service, port) && workload.applicationTunnel === undefined) return undefined;
  const own = ports.find(({ servicePort }) => servicePort === port)?.targetPort ?? 0;
  if (own > 0) return own;
  const target = service.ports.find(({ servicePort }) => servicePort === port)?.targetPort ?? 0;
  if (target > 0) return target;
  return (workload.applicationTunnel?.port ?? 0) > 0 ? port : undefined;
}

function preferred(
  service: Service,
  candidates: readonly Candidate[],
  facts: Pick<EndpointFacts, 'source' | 'network'>,
): readonly Candidate[] {
  const { mode = 'standard', routingPreference = [] } = service.loadBalancing ?? {};
  const sharesScope = ({ workload }: Candidate, scope: Scope) => shares(scope, workload, facts);
  switch (mode) {
    case 'standard':
    case 'passthrough':
      return candidates;
    case 'strict':
      return candidates.filter((one) =>
        routingPreference.every((scope) => sharesScope(one, scope)),
      );
    case 'failover': {
      const ranks = candidates.map((one) =>
        rankOf(routingPreference, (scope) => sharesScope(one, scope)),
      );
      const best = Math.max(...ranks);
      return candidates.filter((_, index) => ranks[index] === best);
    }
  }
}

/** How many leading scopes are shared. The network as the first scope outweighs all others, and
 * missing it does not end the comparison: endpoints elsewhere are still told apart. */
function rankOf(scopes: readonly Scope[], isShared: (scope: Scope) => boolean): number {
  const networkFirst = scopes[0] === 'network';
  const rest = networkFirst ? scopes.slice(1) : scopes;
  const firstMiss = rest.findIndex((scope) => !isShared(scope));
  const leading = firstMiss === -1 ? rest.length : firstMiss;
  return networkFirst && isShared('network') ? leading + scopes.length : leading;
}

function shares(
  scope: Scope,
  workload: Workload,
  { source, network }: Pick<EndpointFacts, 'source' | 'network'>,
): boolean {
  switch (scope) {
    case 'network':
      return workload.network === network;
    case 'cluster':
      return workload.clusterId === source?.clusterId;
    case 'node':
      return workload.node === source?.node;
    case 'region':
    case 'zone':
    case 'subzone':
      return workload.locality[scope] === source?.locality[scope];
  }
}

/** Two are drawn by weight; the one with fewer connections for its weight is taken. Drawing two rather
 * than comparing all keeps proxies, which do not see each other's connections, from all rushing to the
 * same endpoint (Mitzenmacher, "The power of two choices in randomized load balancing"). */
function lessBusyOfTwo(
  candidates: readonly Candidate[],
  { random, openTo }: EndpointFacts,
): Candidate | undefined {
  const first = pickWeighted(candidates, random);
  if (first === undefined || openTo === undefined || candidates.length === 1) return first;
  const others = candidates.filter((candidate) => candidate !== first);
  const second = pickWeighted(others, random);
  const load = ({ workload }: Candidate): number => openTo(workload.uid) / workload.capacity;
  return second !== undefined && load(second) < load(first) ? second : first;
}

function pickWeighted(
  candidates: readonly Candidate[],
  random: () => number,
): Candidate | undefined {
  let total = 0;
  for (const { workload } of candidates) total += workload.capacity;
  let rest = random() * total;
  for (const candidate of candidates) {
    rest -= candidate.workload.capacity;
    if (rest < 0) return candidate;
  }
  return candidates.at(-1);
}

/** The requested address if it is the workload's; else one of an allowed family, preferably the
 * requested one. */
export function addressOf(
  service: Service,
  workload: Workload,
  requested: IpAddress | undefined,
): IpAddress | undefined {
  if (requested !== undefined && workload.addresses.includes(requested)) return requested;
  const allowed = workload.addresses.filter((address) => {
    if (service.ipFamilies === 'ipv4') return !isV6(address);
    return service.ipFamilies === 'ipv6' ? isV6(address) : true;
  });
  const wantsV6 = requested !== undefined && isV6(requested);
  return allowed.find((address) => isV6(address) === wantsV6) ?? allowed[0];
}
