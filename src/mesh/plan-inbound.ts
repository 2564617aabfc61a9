// Where a tunnel request that reached a pod is to be delivered (protocol section 3.6), before any
// policy is asked. The target is always the pod itself: a request can not be used to go elsewhere.

import {
  type Endpoint,
  formatEndpoint,
  type IpAddress,
  isV6,
  parseIp,
  splitHostPort,
} from './address.ts';
import type { Code } from './catalogue.ts';
import { isEndpointOf } from './find-gateway.ts';
import type { MeshView } from './mesh-view.ts';
import { meshPorts } from './plan-outbound.ts';
import { keyOfService, type Service } from './service.ts';
import type { PortMapping, Workload } from './workload.ts';

/** What is known when the request arrives. */
export interface InboundFacts {
  /** `HOST:PORT` as requested. */
  readonly authority: string;
  /** Where the tunnel arrived: the pod's address. */
  readonly local: Endpoint;
  readonly workload: Workload;
  readonly network: string;
  /** The service that the client says it addressed (`forwarded`, host); only a hint for labels. */
  readonly claimedHost?: string;
}

/** Lookups that inbound planning needs beyond the common ones. */
export interface InboundView extends MeshView {
  serviceByHostname(hostname: string, namespace?: string): Service | undefined;
}

/** Deliver to the application, or refuse with a status. */
export type InboundPlan =
  | {
      readonly kind: 'deliver';
      readonly destination: Endpoint;
      readonly service?: Service;
      /** The application is to be told by the PROXY protocol what was asked for: this. */
      readonly announced?: Endpoint;
    }
  | {
      readonly kind: 'refuse';
      readonly status: 400 | 503;
      readonly code: Code;
      readonly reason: string;
    };

/** Plans. */
export function planInbound(view: InboundView, facts: InboundFacts): InboundPlan {
  const { authority, local, workload } = facts;
  const target = splitHostPort(authority);
  if (target === undefined) {
    const reason = `authority "${authority.slice(0, 200)}" is not HOST:PORT`;
    return { kind: 'refuse', status: 400, code: 'AMB1414', reason };
  }
  const address = parseIp(target.host);
  if (address !== undefined && !serves(view, facts, address)) {
    const reason = `${authority} is not served by pod ${workload.namespace}/${workload.name}`;
    return { kind: 'refuse', status: 400, code: 'AMB1415', reason };
  }
  const named =
    address === undefined ? view.serviceByHostname(target.host, workload.namespace) : undefined;
  const port = address === undefined ? targetPort(named, workload, target.port) : target.port;
  if (port === undefined) {
    const reason = `${authority} is no port of a service of this pod`;
    return { kind: 'refuse', status: 503, code: 'AMB1406', reason };
  }
  const own = workload.applicationTunnel?.port || port;
  for (const one of [port, own]) {
    if (!meshPorts.includes(one)) continue;
    const reason = `${formatEndpoint({ ...local, port: one })} is a port of the mesh itself`;
    return { kind: 'refuse', status: 503, code: 'AMB1408', reason };
  }
  const announced = address === undefined ? virtualAddress(named, facts) : address;
  const announces = workload.applicationTunnel?.protocol === 'proxy';
  if (announces && announced === undefined) {
    const reason = `${target.host} has no address by which the PROXY protocol could name it`;
    return { kind: 'refuse', status: 503, code: 'AMB1421', reason };
  }
  const service = named ?? guessService(view, workload, port, facts.claimedHost);
  return {
    kind: 'deliver',
    destination: { address: local.address, port: own },
    ...(service && { service }),
    ...(announces && announced && { announced: { address: announced, port: target.port } }),
  };
}

/** An address of a service for those who can not take its name: of this network rather than another,
 * of IPv4 rather than IPv6. */
function virtualAddress(
  service: Service | undefined,
  { network }: InboundFacts,
): IpAddress | undefined {
  const whole = (service?.addresses ?? []).filter(({ length }) => length === undefined);
  const own = whole.filter((one) => one.network === network);
  const among = own.length > 0 ? own : whole;
  return (among.find(({ address }) => !isV6(address)) ?? among[0])?.address;
}

/** Whether requests for an address may end at this pod: it is the pod's own, or that of something
 * whose waypoint the pod is. */
function serves(view: MeshView, facts: InboundFacts, address: IpAddress): boolean {
  const { local, workload, network } = facts;
  if (address === local.address) return true;
  // What runs behind a tunnel of its own decides for itself what to do with what was asked for.
  if (workload.applicationTunnel !== undefined) return true;
  const waypoint =
    view.workloadByAddress(network, address)?.waypoint ??
    view.serviceByAddress(network, address, workload.namespace)?.waypoint;
  return waypoint !== undefined && isEndpointOf(view, workload, waypoint);
}

/** The pod's own port for a service port, else the service's; undefined where there is none. */
function targetPort(
  service: Service | undefined,
  workload: Workload,
  port: number,
): number | undefined {
  if (service === undefined) return undefined;
  const own = workload.services.get(keyOfService(service));
  const mapped = own?.find(({ servicePort }) => servicePort === port)?.targetPort;
  const declared = service.ports.find(({ servicePort }) => servicePort === port)?.targetPort;
  return mapped || declared || undefined;
}

/** Which service the connection was probably for: what the client says if the pod belongs to it, else
 * the first of the pod's that maps to the port. For labels only. */
function guessService(
  view: InboundView,
  workload: Workload,
  port: number,
  claimedHost: string | undefined,
): Service | undefined {
  const claimed =
    claimedHost === undefined ? undefined : view.serviceByHostname(claimedHost, workload.namespace);
  if (claimed !== undefined && workload.services.has(keyOfService(claimed))) return claimed;
  return serviceAtPort(view, workload, port);
}

/** The service that a connection to a port of a workload was probably for: the first that leads there.
 * For labels only. */
export function serviceAtPort(
  view: MeshView,
  workload: Workload,
  port: number,
): Service | undefined {
  const leads = ({ targetPort: mapped }: PortMapping): boolean => mapped === port;
  for (const [key, ports] of workload.services) {
    const service = view.serviceByKey(key);
    if (service !== undefined && (ports.some(leads) || service.ports.some(leads))) return service;
  }
  return undefined;
}
