// Codes of the commands that work on a cluster.

import type { CatalogueEntry } from './entry.ts';

export const clusterCommandCodes = {
  AMB1832: {
    title: 'The cluster did not take an object',
    cause: 'The API server, or a webhook that it asks, refused what the command wrote.',
    remedy:
      'Read the reason: a missing permission, a field that this version does not know, or a policy of the cluster.',
  },
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
