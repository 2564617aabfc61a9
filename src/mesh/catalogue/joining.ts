// Codes of the commands by which namespaces join the mesh and its waypoints.

import type { CatalogueEntry } from './entry.ts';

export const joiningCodes = {
  AMB1857: {
    title: 'the Gateway API is not installed',
    cause: 'Waypoints are Gateways, and the cluster has no CustomResourceDefinition of that kind.',
    remedy:
      'ambit install brings the definitions that it needs; or apply those of the Gateway API project, v1.1 or newer.',
  },
  AMB1858: {
    title: 'the namespace uses another waypoint',
    cause: 'Its label istio.io/use-waypoint names another waypoint than the one that was applied.',
    remedy: 'Give --overwrite to replace it, or leave --enroll-namespace out.',
  },
  AMB1859: {
    title: 'a waypoint did not become ready in time',
    cause:
      'Its pod does not start or is not ready, or no controller serves Gateways of its class and revision.',
    remedy:
      'ambit waypoint status and kubectl describe pod tell why; a longer --waypoint-timeout waits longer.',
  },
  AMB1860: {
    title: 'there is no such namespace',
    cause: 'The namespace that was given, or that of the context, does not exist.',
    remedy: 'kubectl get namespaces lists them; -n chooses one.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
