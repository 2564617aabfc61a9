// What a workload is: a pod, or an endpoint of another kind, as the node proxies see it. The fields
// follow `istio.workload.Workload` (protocol section 4.5).

import type { IpAddress } from './address.ts';
import { type Identity, identityOf } from './identity.ts';

/** `NAMESPACE/HOSTNAME`, the key of a service. */
export type ServiceKey = `${string}/${string}`;

/** A pair of service port and the port on the endpoint; `targetPort` 0 means a named port whose
 * number each endpoint gives. */
export interface PortMapping {
  readonly servicePort: number;
  readonly targetPort: number;
}

/** Where a gateway (waypoint or network gateway) is found. */
export interface GatewayAddress {
  readonly destination:
    | { readonly kind: 'hostname'; readonly namespace: string; readonly hostname: string }
    | { readonly kind: 'address'; readonly network: string; readonly address: IpAddress };
  /** The port of its tunnel; 15008. */
  readonly hbonePort: number;
}

/** Where a workload runs; empty texts where unknown. */
export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

export type WorkloadType = 'deployment' | 'cronjob' | 'pod' | 'job';

/** A workload as published to proxies. */
export interface Workload {
  /** `CLUSTER//Pod/NAMESPACE/NAME` for pods; opaque otherwise. */
  readonly uid: string;
  /** The pod's name. */
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly IpAddress[];
  /** Resolved by DNS on demand when there is no address; empty when unused. */
  readonly hostname: string;
  readonly network: string;
  readonly tunnelProtocol: 'none' | 'hbone';
  readonly trustDomain: string;
  readonly serviceAccount: string;
  readonly waypoint?: GatewayAddress;
  readonly networkGateway?: GatewayAddress;
  readonly node: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly workloadType: WorkloadType;
  /** The owning controller's name. */
  readonly workloadName: string;
  /** Terminates the tunnel itself, as waypoints do. */
  readonly nativeTunnel: boolean;
  /** `NAMESPACE/NAME` of policies that select this workload. */
  readonly authorizationPolicies: readonly string[];
  readonly status: 'healthy' | 'unhealthy';
  readonly clusterId: string;
  /** The services it is an endpoint of, with its own port mappings. */
  readonly services: ReadonlyMap<ServiceKey, readonly PortMapping[]>;
  readonly applicationTunnel?: { readonly protocol: 'none' | 'proxy'; readonly port: number };
  readonly locality: Locality;
  readonly networkMode: 'standard' | 'host';
  /** Load-balancing weight, at least 1. */
  readonly capacity: number;
  /** With `registry-only`, its connections to what the mesh does not know are denied; absent, they are
   * passed on. An extension of ours, which Istio's proxy skips. */
  readonly outboundPolicy?: 'registry-only';
  /** As of a service: the waypoint that is gone around, as `NAMESPACE/NAME`. */
  readonly bypassedWaypoint?: string;
}

/** The identity a workload proves with its certificate. */
export function identityOfWorkload(workload: Workload): Identity {
  const { trustDomain, namespace, serviceAccount } = workload;
  return identityOf({ trustDomain, namespace, serviceAccount });
}

/** The key of a service. */
export function serviceKey(namespace: string, hostname: string): ServiceKey {
  return `${namespace}/${hostname}`;
}
