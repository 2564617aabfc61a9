import type { AddressRanges } from './cidr.ts';

/** What the whole mesh has in common. */
export interface MeshOptions {
  readonly clusterId: string;
  readonly trustDomain: string;
  /** The DNS suffix of services: `cluster.local`. */
  readonly clusterDomain: string;
  /** Policies here concern the whole mesh. */
  readonly rootNamespace: string;
  /** The network of its own workloads; empty in a mesh of one network. */
  readonly network: string;
  /** Where the addresses come from that ServiceEntries are given. */
  readonly addressRanges: AddressRanges;
}

/** The DNS name of a Kubernetes service. */
export function serviceHostname(namespace: string, name: string, mesh: MeshOptions): string {
  return `${name}.${namespace}.svc.${mesh.clusterDomain}`;
}
