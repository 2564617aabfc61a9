// What proxies are told about the waypoint of a service or workload: where it is, which share goes to a canary, and
// what happens where it cannot be used. Then connections are refused, unless the operator has chosen otherwise:
// Istio goes around such a waypoint without a word (features section 0.6), and has no setting for it.

import type { Service } from '../../mesh/service.ts';
import type { GatewayAddress } from '../../mesh/workload.ts';
import { type KubernetesObject, objectKey } from '../kinds/object.ts';
import type { ObjectSource } from '../objects.ts';
import { type Canary, canaryOf } from './waypoint-canary.ts';
import type { WaypointPolicies } from './waypoint-policies.ts';
import { type Bound, bindWaypoint, hbonePort, type Refused, type Waypoint } from './waypoints.ts';

/** On a Service, ServiceEntry, Pod or WorkloadEntry, its Namespace, or the waypoint's Gateway; the first of them that has it counts. */
export const failureModeAnnotation = 'ambit.io/waypoint-failure-mode';

/** What to do without a usable waypoint: refuse; go directly unless a policy counts on the waypoint; go
 * directly in any case. */
export const failureModes = ['closed', 'open', 'open-without-policies'] as const;
export type FailureMode = (typeof failureModes)[number];

/** Why a waypoint cannot be used, and what comes of it. */
export interface Trouble {
  readonly reason: Refused['reason'] | 'NoReadyPod';
  readonly message: string;
  readonly effect: 'refused' | 'bypassed' | 'refused for a policy' | 'direct';
  /** The annotation's value where it is none of ours. */
  readonly unknownMode?: string;
}

/** The part that proxies see. */
export type PublishedWay = Pick<Service, 'waypoint' | 'weightedWaypoints' | 'bypassedWaypoint'>;

export interface Way {
  readonly published: PublishedWay;
  readonly trouble?: Trouble;
  readonly canary: Canary;
}

export interface WaySources {
  readonly objects: ObjectSource;
  readonly waypoints: ReadonlyMap<string, Waypoint>;
  readonly policies: WaypointPolicies;
}

const noCanary = { kind: 'none' } as const;
const straight: PublishedWay = { weightedWaypoints: [] };

/** The way to a workload that is addressed itself. */
export function wayToWorkload(
  object: KubernetesObject,
  sources: WaySources,
): Omit<PublishedWay, 'weightedWaypoints'> {
  const binding = bindWaypoint(object, 'workload', sources.objects, sources.waypoints);
  if (binding.kind === 'none') return {};
  const { weightedWaypoints: _, ...published } = wayTo(object, binding, sources).published;
  return published;
}

/** The way to a service. */
export function wayToService(
  object: KubernetesObject,
  binding: Bound | Refused,
  sources: WaySources,
): Way {
  const way = wayTo(object, binding, sources);
  if (binding.kind === 'refused') return way;
  const canary = canaryOf(object, binding.waypoint, sources);
  if (canary.kind !== 'bound' || way.published.waypoint === undefined) return { ...way, canary };
  const weightedWaypoints = [
    { waypoint: binding.address, weight: 100 - canary.weight },
    { waypoint: canary.address, weight: canary.weight },
  ];
  return { ...way, canary, published: { ...way.published, weightedWaypoints } };
}

function wayTo(object: KubernetesObject, binding: Bound | Refused, sources: WaySources): Way {
  const problem = problemOf(binding);
  if (problem === undefined && binding.kind === 'bound') {
    const published = { ...straight, waypoint: binding.address };
    return { published, canary: noCanary };
  }
  const reason = problem?.reason ?? 'WaypointNotFound';
  const message = problem?.message ?? '';
  // What the waypoint's owner says it is not for was never to go through it.
  if (reason === 'UnsupportedTrafficType') {
    return {
      published: straight,
      trouble: { reason, message, effect: 'direct' },
      canary: noCanary,
    };
  }
  const asked = binding.kind === 'bound' ? binding.waypoint : binding.asked;
  const key = objectKey(asked.namespace, asked.name);
  const gateway = sources.waypoints.get(key)?.gateway;
  const { mode, unknown } = failureModeOf(object, gateway, sources.objects);
  const unknownMode = unknown === undefined ? {} : { unknownMode: unknown };
  const needed = mode === 'open' && sources.policies.concern(object, asked, gateway);
  if (mode !== 'closed' && !needed) {
    const published = { ...straight, bypassedWaypoint: key };
    return {
      published,
      trouble: { reason, message, effect: 'bypassed', ...unknownMode },
      canary: noCanary,
    };
  }
  const effect = needed ? 'refused for a policy' : 'refused';
  const waypoint = binding.kind === 'bound' ? binding.address : nowhere(binding);
  return {
    published: { ...straight, waypoint },
    trouble: { reason, message, effect, ...unknownMode },
    canary: noCanary,
  };
}

function problemOf(binding: Bound | Refused): Pick<Trouble, 'reason' | 'message'> | undefined {
  if (binding.kind === 'refused') return binding;
  const { namespace, name, gateway } = binding.waypoint;
  const programmed = gateway.status?.conditions?.find(({ type }) => type === 'Programmed');
  if (programmed?.status !== 'False') return undefined;
  return { reason: 'NoReadyPod', message: `no pod of waypoint ${namespace}/${name} is ready` };
}

/** An address that no proxy, Istio's included, will find, so that it refuses; the name tells why in its log. */
function nowhere({ asked: { namespace, name }, reason }: Refused): GatewayAddress {
  const words = reason.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
  const hostname = `${name}.${namespace}.${words}.invalid`;
  return { destination: { kind: 'hostname', namespace, hostname }, hbonePort };
}

function failureModeOf(
  object: KubernetesObject,
  gateway: KubernetesObject | undefined,
  objects: ObjectSource,
): { readonly mode: FailureMode; readonly unknown?: string } {
  const namespace = objects.get('Namespace', undefined, object.metadata.namespace ?? '');
  const value = [object, namespace, gateway]
    .map((one) => one?.metadata.annotations?.[failureModeAnnotation])
    .find((one) => one !== undefined);
  if (value === undefined) return { mode: 'closed' };
  const mode = failureModes.find((one) => one === value);
  return mode === undefined ? { mode: 'closed', unknown: value } : { mode };
}
