// What a service is, as the node proxies see it. The fields follow `istio.workload.Service`
// (protocol section 4.5).

import type { IpAddress } from './address.ts';
import { type GatewayAddress, type PortMapping, type ServiceKey, serviceKey } from './workload.ts';

/** How alike two places must be, from far to near. */
export type Scope = 'region' | 'zone' | 'subzone' | 'node' | 'cluster' | 'network';

/** How endpoints are preferred (protocol section 9.3). */
export interface LoadBalancing {
  readonly mode: 'standard' | 'strict' | 'failover' | 'passthrough';
  readonly routingPreference: readonly Scope[];
  readonly healthPolicy: 'only-healthy' | 'allow-all';
}

/** A virtual address; shorter than full length when it is a network. */
export interface VirtualAddress {
  readonly network: string;
  readonly address: IpAddress;
  readonly length?: number;
}

/** A port of a service with the protocol its declaration gives. */
export interface ServicePort extends PortMapping {
  readonly appProtocol: 'unknown' | 'http11' | 'http2' | 'grpc' | 'tcp' | 'tls';
}

/** A service as published to proxies. */
export interface Service {
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly addresses: readonly VirtualAddress[];
  readonly ports: readonly ServicePort[];
  /** Identities accepted beside those of the chosen workload. */
  readonly subjectAltNames: readonly string[];
  readonly waypoint?: GatewayAddress;
  readonly weightedWaypoints: readonly {
    readonly waypoint: GatewayAddress;
    readonly weight: number;
  }[];
  /** The waypoint that is gone around, as `NAMESPACE/NAME`: it cannot be used, and its operator has
   * chosen to do without. An extension of ours, which Istio's proxy skips. */
  readonly bypassedWaypoint?: string;
  readonly loadBalancing?: LoadBalancing;
  readonly ipFamilies: 'automatic' | 'ipv4' | 'ipv6' | 'dual';
  /** The one to take among several of one hostname. */
  readonly canonical: boolean;
  readonly ingressUseWaypoint: boolean;
  readonly visibility: 'public' | 'namespace';
}

/** The key of a service. */
export function keyOfService(service: Service): ServiceKey {
  return serviceKey(service.namespace, service.hostname);
}
