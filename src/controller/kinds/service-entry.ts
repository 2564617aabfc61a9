// networking.istio.io: ServiceEntry and WorkloadEntry (features sections 1.4 and 1.5).

import type { KubernetesObject, StatusWithConditions } from './object.ts';

export interface WorkloadEntrySpec {
  /** An IP address or a DNS name. */
  readonly address?: string;
  /** Port numbers by the port names of services. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly network?: string;
  /** `REGION/ZONE/SUBZONE`. */
  readonly locality?: string;
  readonly weight?: number;
  readonly serviceAccount?: string;
}

export type WorkloadEntry = KubernetesObject<WorkloadEntrySpec>;

export interface ServiceEntryPort {
  readonly number: number;
  readonly name: string;
  readonly protocol?: string;
  readonly targetPort?: number;
}

export type Resolution = 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';

export interface ServiceEntrySpec {
  readonly hosts?: readonly string[];
  /** Addresses or networks. */
  readonly addresses?: readonly string[];
  readonly ports?: readonly ServiceEntryPort[];
  readonly location?: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  /** `NONE` when absent. */
  readonly resolution?: Resolution;
  readonly endpoints?: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
  readonly exportTo?: readonly string[];
  readonly subjectAltNames?: readonly string[];
}

/** An address that the controller has given to one host. */
export interface AllocatedAddress {
  readonly value: string;
  readonly host: string;
}

export interface ServiceEntryStatus extends StatusWithConditions {
  readonly addresses?: readonly AllocatedAddress[];
}

export type ServiceEntry = KubernetesObject<ServiceEntrySpec, ServiceEntryStatus>;

/** Whether a host stands for many. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** How connections are made to the addresses of a name. */
export const connectStrategyAnnotation = 'istio.io/connect-strategy';

/** Whether connections are to be opened to several addresses at once, which takes a waypoint. */
export function racesConnections({ metadata }: ServiceEntry): boolean {
  return metadata.annotations?.[connectStrategyAnnotation] === 'RACE_FIRST_TCP_CONNECT';
}
