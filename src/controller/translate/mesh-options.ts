import { meshConfigName } from '../kinds/kinds.ts';
import type { AddressRanges } from './cidr.ts';
import { defaultRevision } from './scope.ts';

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
  /** The revision of this control plane, and tags that mean it. */
  readonly revisions: readonly string[];
  /** Where the addresses come from that ServiceEntries are given. */
  readonly addressRanges: AddressRanges;
}

/** The DNS name of a Kubernetes service. */
export function serviceHostname(namespace: string, name: string, mesh: MeshOptions): string {
  return `${name}.${namespace}.svc.${mesh.clusterDomain}`;
}

/** The name of the ConfigMap that configures the mesh of a revision, as Istio's. */
export function meshConfigNameOf({ revisions: [revision] }: MeshOptions): string {
  return withRevision(meshConfigName, revision);
}

/** A name as it is for the default revision, or with another. */
export function withRevision(name: string, revision: string | undefined): string {
  return revision === undefined || revision === defaultRevision ? name : `${name}-${revision}`;
}
