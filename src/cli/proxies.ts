// Which pods are proxies of the mesh.

import type { ClusterObject } from './cluster.ts';

/** Whether a pod is a node proxy or a waypoint, which have the admin endpoints that commands read. */
export function isProxy(pod: ClusterObject): boolean {
  const labels = pod.metadata.labels ?? {};
  return (
    labels['app'] === 'ztunnel' || labels['gateway.istio.io/managed'] === 'istio.io-mesh-controller'
  );
}
