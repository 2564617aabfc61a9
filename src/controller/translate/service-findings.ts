// What the authors of Services and ServiceEntries are told: their waypoints, and which hosts are in force
// (protocol section 1.11, features section 1.4.5).

import {
  connectStrategyAnnotation,
  racesConnections,
  type ServiceEntry,
} from '../kinds/service-entry.ts';
import { allocatedHosts } from './allocate-addresses.ts';
import type { Finding } from './finding.ts';
import type { MeshOptions } from './mesh-options.ts';
import { type BoundObject, type EntryOutcome, hasWildcard } from './register-services.ts';
import type { Canary } from './waypoint-canary.ts';
import { failureModeAnnotation, failureModes, type Trouble } from './waypoint-way.ts';

/** Conditions on what asks for a waypoint. */
export function waypointFindings(bindings: readonly BoundObject[]): Finding[] {
  return bindings.flatMap(({ object, binding, way }): Finding[] => {
    if (binding.kind === 'none') return [];
    const shared = { object: referenceTo(object), type: 'istio.io/WaypointBound' } as const;
    const said = (way?.trouble && troubleText(way.trouble)) ?? '';
    if (binding.kind === 'refused') {
      const { reason } = binding;
      const message = `AMB1615 ${said}`;
      // A waypoint that is starting needs nobody to act, so it is not announced; that it is gone around is.
      const starting = reason === 'WaypointIsNotReady' && way?.trouble?.effect !== 'bypassed';
      return [
        { ...shared, status: 'False', reason, message, ...(!starting && { code: 'AMB1615' }) },
      ];
    }
    const { waypoint } = binding;
    const canary = way?.canary ?? { kind: 'none' };
    const message = `bound to ${waypoint.namespace}/${waypoint.name}${canaryText(canary)}`;
    const bound = { ...shared, status: 'True', reason: 'WaypointAccepted', message } as const;
    return [bound, ...readyFinding(shared.object, said), ...canaryFindings(shared.object, canary)];
  });
}

/** A bound waypoint whose pods are all gone; nothing is said while it has some. */
function readyFinding(object: Finding['object'], said: string): Finding[] {
  if (said === '') return [];
  const shared = { object, type: 'ambit.io/WaypointReady', status: 'False' } as const;
  return [{ ...shared, reason: 'NoReadyPod', message: `AMB1652 ${said}`, code: 'AMB1652' }];
}

function canaryText(canary: Canary): string {
  if (canary.kind === 'none') return '';
  if (canary.kind === 'refused') return `, without its canary (${canary.reason})`;
  const { namespace, name } = canary.waypoint;
  return `, and for ${canary.weight} of 100 new connections to canary ${namespace}/${name}`;
}

function canaryFindings(object: Finding['object'], canary: Canary): Finding[] {
  if (canary.kind !== 'refused') return [];
  const { reason } = canary;
  const message = `AMB1650 ${canary.message}; the first waypoint takes every connection`;
  const type = 'ambit.io/CanaryBound';
  return [{ object, type, status: 'False', reason, message, code: 'AMB1650' }];
}

function troubleText({ message, effect, unknownMode }: Trouble): string {
  const mode =
    unknownMode === undefined
      ? ''
      : ` (${failureModeAnnotation} is "${unknownMode}"; write ${failureModes.join(', ')})`;
  return `${message}; ${effects[effect]}${mode}`;
}

const effects = {
  refused: `connections are refused (AMB1407) as long as it cannot be used; annotation ${failureModeAnnotation} can choose otherwise`,
  bypassed: `connections go around it, without its routes, as ${failureModeAnnotation} says; policies of node proxies hold`,
  'refused for a policy': `connections are refused (AMB1407), although ${failureModeAnnotation} is open: a policy counts on the waypoint, and only open-without-policies gives it up`,
  direct: 'connections go directly',
} as const;

/** Conditions on ServiceEntries. `visibilityConfigured` tells whether the mesh's administrators limit who
 * sees them. */
export function entryFindings(
  entries: readonly EntryOutcome[],
  visibilityConfigured: boolean,
  mesh: MeshOptions,
): Finding[] {
  return entries.flatMap((entry) => [
    programmed(entry, mesh),
    ...missingWaypoint(entry),
    ...(visibilityConfigured ? appliedVisibility(entry) : []),
  ]);
}

function programmed(
  { object, services, withheld, lost }: EntryOutcome,
  { clusterDomain }: MeshOptions,
): Finding {
  const shared = { object: referenceTo(object), type: 'ambit.io/Programmed' } as const;
  if (withheld === 'hidden') {
    const message = `AMB1662 serviceEntryVisibility of the mesh hides the entries of this namespace; the object has no effect`;
    return { ...shared, status: 'False', reason: 'Hidden', message, code: 'AMB1662' };
  }
  if (withheld === 'needs a waypoint') {
    const message = `AMB1663 resolution DYNAMIC_DNS works at a waypoint only, and none is bound (label istio.io/use-waypoint); the object has no effect`;
    return { ...shared, status: 'False', reason: 'NeedsWaypoint', message, code: 'AMB1663' };
  }
  if (lost.length > 0) {
    const list = lost.map(({ host, to }) => `${host} belongs to ${to}`).join('; ');
    const message = `AMB1664 ${list}`;
    const status = services.length > 0 ? 'True' : 'False';
    return { ...shared, status, reason: 'HostTaken', message, code: 'AMB1664' };
  }
  const unreachable = services.filter(
    ({ addresses, hostname }) =>
      addresses.length === 0 && !hostname.endsWith(`.svc.${clusterDomain}`),
  );
  if (unreachable.length > 0) {
    const list = unreachable.map(({ hostname }) => hostname).join(', ');
    if (unreachable.every(({ hostname }) => allocatedHosts(object).includes(hostname))) {
      const message = `to be given an address: ${list}`;
      return { ...shared, status: 'False', reason: 'AddressPending', message };
    }
    const message = `AMB1665 without an address proxies cannot tell connections to: ${list}; ${remedyFor(object)}`;
    return { ...shared, status: 'True', reason: 'NoAddress', message, code: 'AMB1665' };
  }
  const message = `in force: ${services.map(({ hostname }) => hostname).join(', ')}`;
  return { ...shared, status: 'True', reason: 'Programmed', message };
}

function remedyFor(object: ServiceEntry): string {
  const { resolution = 'NONE' } = object.spec ?? {};
  if (resolution === 'NONE') return 'set spec.addresses, which resolution NONE is matched by';
  if (hasWildcard(object)) return 'set spec.addresses: a wildcard is given none';
  return 'set spec.addresses, or take away the label networking.istio.io/enable-autoallocate-ip';
}

function missingWaypoint({ object, binding }: EntryOutcome): Finding[] {
  if (binding.kind === 'bound') return [];
  const shared = {
    object: referenceTo(object),
    type: 'istio.io/WaypointMissing',
    status: 'True',
  } as const;
  if (hasWildcard(object)) {
    const message = 'hosts with a wildcard need a waypoint, and none is bound';
    return [{ ...shared, reason: 'NoWaypointForWildcardService', message }];
  }
  if (!racesConnections(object)) return [];
  const message = `annotation ${connectStrategyAnnotation} needs a waypoint, and none is bound`;
  return [{ ...shared, reason: 'NoWaypointForRacingConnectStrategy', message }];
}

function appliedVisibility({ object, visibility }: EntryOutcome): Finding[] {
  if (visibility === 'none') return [];
  const reason = visibility === 'public' ? 'Public' : 'Namespace';
  const { namespace = '' } = object.metadata;
  const message =
    visibility === 'public' ? 'seen by all namespaces' : `seen in namespace ${namespace} only`;
  const type = 'istio.io/VisibilityApplied';
  return [{ object: referenceTo(object), type, status: 'True', reason, message }];
}

function referenceTo(object: BoundObject['object']): Finding['object'] {
  const { namespace = '', name } = object.metadata;
  const kind = object.kind === 'ServiceEntry' ? 'ServiceEntry' : 'Service';
  return { kind, namespace, name };
}
