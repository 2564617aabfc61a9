// The waypoint that a namespace will use once it is in the mesh. Pure.

import { useWaypointLabel } from '../waypoint/gateways.ts';
import type { EnrolmentFacts, PodObject } from './facts.ts';
import { isWaypoint } from './membership.ts';

const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

export interface WaypointInUse {
  /** `NAMESPACE/NAME` of its Gateway; undefined where none is named. */
  readonly name: string | undefined;
  readonly pods: readonly PodObject[];
}

/** What the namespace's own labels say. */
export function waypointOf({ namespace, namespaces, pods }: EnrolmentFacts): WaypointInUse {
  const labels = namespaces.get(namespace) ?? {};
  const name = labels[useWaypointLabel];
  if (name === undefined || name === 'none') return { name: undefined, pods: [] };
  const from = labels[`${useWaypointLabel}-namespace`] ?? namespace;
  const own = pods.filter(
    (pod) =>
      isWaypoint(pod) &&
      pod.metadata.namespace === from &&
      pod.metadata.labels?.[gatewayNameLabel] === name,
  );
  return { name: `${from}/${name}`, pods: own };
}
