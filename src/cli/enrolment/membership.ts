// Which pods are in the mesh, now or once a namespace is enrolled, as the node agents decide it (protocol
// section 1.10; a test compares with theirs). Pure.

import { dataplaneModeLabel } from '../waypoint/gateways.ts';
import type { EnrolmentFacts, PodObject } from './facts.ts';

/** A pod's place, with what decides it where it stays outside. */
export type Membership =
  | { readonly kind: 'member' }
  | {
      readonly kind: 'outside';
      readonly because:
        | 'host-network'
        | 'excluded'
        | 'sidecar'
        | 'ended'
        | 'opted-out'
        | 'unlabelled';
    };

export const sidecarAnnotation = 'sidecar.istio.io/status';
const managedLabel = 'gateway.istio.io/managed';
const waypointController = 'istio.io-mesh-controller';

/** Where a pod is once the facts' namespace is enrolled. */
export function membershipAfter(
  { metadata, spec, status }: PodObject,
  { namespace, namespaces, excluded }: EnrolmentFacts,
): Membership {
  const { labels = {}, annotations = {}, namespace: own = '' } = metadata;
  const phase = status?.phase ?? '';
  if (spec?.hostNetwork === true) return { kind: 'outside', because: 'host-network' };
  if (excluded.has(own)) return { kind: 'outside', because: 'excluded' };
  if (annotations[sidecarAnnotation] !== undefined) return { kind: 'outside', because: 'sidecar' };
  if (phase === 'Succeeded' || phase === 'Failed') return { kind: 'outside', because: 'ended' };
  const mode = labels[dataplaneModeLabel];
  if (mode === 'ambient') return { kind: 'member' };
  if (mode === 'none') return { kind: 'outside', because: 'opted-out' };
  const isLabelled = namespaces.get(own)?.[dataplaneModeLabel] === 'ambient';
  return own === namespace || isLabelled
    ? { kind: 'member' }
    : { kind: 'outside', because: 'unlabelled' };
}

/** Whether a pod is that of a waypoint, which ends and begins tunnels by itself. */
export function isWaypoint({ metadata }: PodObject): boolean {
  return metadata.labels?.[managedLabel] === waypointController;
}

/** `NAMESPACE/NAME`. */
export function nameOf({ metadata }: { readonly metadata: PodObject['metadata'] }): string {
  return `${metadata.namespace}/${metadata.name}`;
}
