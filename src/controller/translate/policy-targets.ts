// Which services of which waypoints the targets of an AuthorizationPolicy mean (features sections
// 2.2.6 and 2.2.10).

import type { AuthorizationPolicy } from '../../mesh/request-policy.ts';
import { type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import { objectKey } from '../kinds/object.ts';
import type { AuthorizationPolicyObject, TargetReference } from '../kinds/security.ts';
import type { ObjectSource } from '../objects.ts';
import type { Finding } from './finding.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { translateRequestPolicy } from './request-policies.ts';
import { isWaypointClass, type Waypoint } from './waypoints.ts';

/** Where services are bound, for finding targets. */
export interface BoundServices {
  readonly waypoints: ReadonlyMap<string, Waypoint>;
  /** The keys of the waypoints of each bound service. */
  readonly waypointsOf: ReadonlyMap<ServiceKey, readonly string[]>;
  /** The services of each ServiceEntry, by its key. */
  readonly keysOfEntry: ReadonlyMap<string, readonly ServiceKey[]>;
}

/** Where a policy applies: everything of a waypoint, or one service of it. */
interface Place {
  readonly waypoint: string;
  readonly service?: ServiceKey;
}

/** Policies by place, ready to be asked per service. */
export interface TargetedPolicies {
  policiesFor(waypoint: string, service: ServiceKey): readonly AuthorizationPolicy[];
  readonly findings: readonly Finding[];
}

/** Resolves the targets of all valid policies that have some. */
export function resolveTargets(
  policies: readonly AuthorizationPolicyObject[],
  bound: BoundServices,
  objects: ObjectSource,
  mesh: MeshOptions,
): TargetedPolicies {
  const placed: { policy: AuthorizationPolicy; places: readonly Place[] }[] = [];
  const findings: Finding[] = [];
  for (const object of policies) {
    const translation = translateRequestPolicy(object);
    if (translation.kind === 'unsupported') {
      const text = `AMB1610 ${translation.field} is not enforced by waypoints; the policy has no effect`;
      findings.push(finding(object, 'False', 'UnsupportedValue', text, 'AMB1610'));
      continue;
    }
    const outcomes = targetsOf(object).map((target) =>
      placesOf(target, object.metadata.namespace ?? '', bound, objects, mesh),
    );
    placed.push({ policy: translation.policy, places: outcomes.flatMap(({ places }) => places) });
    findings.push(outcome(object, outcomes, translation.dropped));
  }
  return {
    findings,
    policiesFor: (waypoint, service) =>
      placed
        .filter(({ places }) =>
          places.some(
            (place) =>
              place.waypoint === waypoint &&
              (place.service === undefined || place.service === service),
          ),
        )
        .map(({ policy }) => policy),
  };
}

/** All targets of a policy, the deprecated single one included. */
export function targetsOf(object: AuthorizationPolicyObject): readonly TargetReference[] {
  const { targetRef, targetRefs = [] } = object.spec ?? {};
  return targetRef === undefined ? targetRefs : [targetRef, ...targetRefs];
}

interface TargetOutcome {
  readonly places: readonly Place[];
  readonly problem?: { readonly reason: string; readonly text: string };
}

function placesOf(
  target: TargetReference,
  namespace: string,
  bound: BoundServices,
  objects: ObjectSource,
  mesh: MeshOptions,
): TargetOutcome {
  const label = `${target.kind} ${namespace}/${target.name}`;
  const refuse = (reason: string, text: string): TargetOutcome => ({
    places: [],
    problem: { reason, text },
  });
  switch (target.kind) {
    case 'Gateway': {
      const waypoint = objectKey(namespace, target.name);
      if (bound.waypoints.has(waypoint)) return { places: [{ waypoint }] };
      return refuse('TargetNotFound', `${label} is no waypoint`);
    }
    case 'GatewayClass': {
      if (namespace !== mesh.rootNamespace) {
        return refuse('Invalid', `a GatewayClass is a target only in ${mesh.rootNamespace}`);
      }
      const gatewayClass = objects.get('GatewayClass', undefined, target.name);
      if (!isWaypointClass(target.name, gatewayClass)) {
        return refuse('TargetNotFound', `GatewayClass ${target.name} makes no waypoints`);
      }
      const all = [...bound.waypoints].filter(
        ([, { gateway }]) => gateway.spec?.gatewayClassName === target.name,
      );
      return { places: all.map(([waypoint]) => ({ waypoint })) };
    }
    case 'Service': {
      if (objects.get('Service', namespace, target.name) === undefined) {
        return refuse('TargetNotFound', `${label} does not exist`);
      }
      const service = serviceKey(namespace, serviceHostname(namespace, target.name, mesh));
      const waypoints = bound.waypointsOf.get(service);
      if (waypoints !== undefined) {
        return { places: waypoints.map((waypoint) => ({ waypoint, service })) };
      }
      return refuse('AncestorNotBound', `${label} has no waypoint, so nothing enforces the policy`);
    }
    case 'ServiceEntry': {
      const services = bound.keysOfEntry.get(objectKey(namespace, target.name));
      if (services === undefined) return refuse('TargetNotFound', `${label} does not exist`);
      const places = services.flatMap((service): Place[] =>
        (bound.waypointsOf.get(service) ?? []).map((waypoint) => ({ waypoint, service })),
      );
      if (places.length > 0) return { places };
      return refuse('AncestorNotBound', `${label} has no waypoint, so nothing enforces the policy`);
    }
    default:
      return refuse('Invalid', `${target.kind} is not supported as a target yet`);
  }
}

function outcome(
  object: AuthorizationPolicyObject,
  outcomes: readonly TargetOutcome[],
  dropped: readonly string[],
): Finding {
  const problems = outcomes.flatMap(({ problem }) => problem ?? []);
  const waypoints = new Set(outcomes.flatMap(({ places }) => places.map((one) => one.waypoint)));
  const [first] = problems;
  if (first !== undefined) {
    const text = `AMB1616 ${problems.map((problem) => problem.text).join('; ')}`;
    const partly = problems.length < outcomes.length;
    const status = partly ? 'True' : 'False';
    return finding(object, status, partly ? 'PartiallyInvalid' : first.reason, text, 'AMB1616');
  }
  const where = waypoints.size === 0 ? 'no waypoint yet' : [...waypoints].sort().join(', ');
  if (dropped.length === 0) return finding(object, 'True', 'Accepted', `bound to ${where}`);
  const text = `AMB1610 bound to ${where}; not evaluated: ${dropped.join(', ')}; ALLOW rules that use them are left out, DENY rules lose them`;
  return finding(object, 'True', 'UnsupportedValue', text, 'AMB1610');
}

function finding(
  object: AuthorizationPolicyObject,
  status: Finding['status'],
  reason: string,
  message: string,
  code?: 'AMB1610' | 'AMB1616',
): Finding {
  const { namespace = '', name } = object.metadata;
  return {
    object: { kind: 'AuthorizationPolicy', namespace, name },
    type: 'WaypointAccepted',
    status,
    reason,
    message,
    ...(code && { code }),
  };
}
