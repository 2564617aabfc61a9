/** What the whole mesh has in common. */
export interface MeshOptions {
  readonly clusterId: string;
  readonly trustDomain: string;
  /** The DNS suffix of services: `cluster.local`. */
  readonly clusterDomain: string;
  /** Policies here concern the whole mesh. */
  readonly rootNamespace: string;
}

/** The DNS name of a Kubernetes service. */
export function serviceHostname(namespace: string, name: string, mesh: MeshOptions): string {
  return `${name}.${namespace}.svc.${mesh.clusterDomain}`;
}
