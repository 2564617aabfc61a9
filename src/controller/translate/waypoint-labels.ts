// The labels of what is made for a waypoint, which is also what rules for some clients only are compared
// with.

import type { Gateway } from '../kinds/gateway.ts';
import { managedLabel, waypointManager } from '../kinds/kinds.ts';

/** Labels that lead from a waypoint's objects to its Gateway. */
export const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';
const gatewayClassLabel = 'gateway.networking.k8s.io/gateway-class-name';

type Labels = Readonly<Record<string, string>>;

/** Of all of a waypoint's objects. */
export function labelsForWaypoint({ metadata, spec }: Gateway): Labels {
  return {
    ...spec?.infrastructure?.labels,
    [gatewayNameLabel]: metadata.name,
    [gatewayClassLabel]: spec?.gatewayClassName ?? '',
    [managedLabel]: waypointManager,
  };
}

/** Of its pods. */
export function podLabelsForWaypoint(gateway: Gateway): Labels {
  return {
    ...labelsForWaypoint(gateway),
    'istio.io/dataplane-mode': 'none',
    // It ends tunnels itself, so node proxies send tunnels to it as they are.
    'networking.istio.io/tunnel': 'http',
    'service.istio.io/canonical-name': gateway.metadata.name,
    'service.istio.io/canonical-revision': 'latest',
    'sidecar.istio.io/inject': 'false',
  };
}
