// For which services a waypoint has policies to enforce that nobody else would: such a waypoint is not gone around.

import type { KubernetesObject } from '../kinds/object.ts';
import type { TargetReference } from '../kinds/security.ts';
import type { ObjectSource } from '../objects.ts';
import type { WaypointName } from './waypoints.ts';

const policyKinds = ['AuthorizationPolicy', 'RequestAuthentication'] as const;

interface Targets {
  readonly targetRef?: TargetReference;
  readonly targetRefs?: readonly TargetReference[];
}

/** The targets of all policies for waypoints, valid or not. */
export class WaypointPolicies {
  readonly #targets = new Set<string>();

  constructor(objects: ObjectSource, rootNamespace: string) {
    for (const policy of policyKinds.flatMap((kind) =>
      objects.list<'AuthorizationPolicy' | 'RequestAuthentication'>(kind),
    )) {
      const { namespace = '' } = policy.metadata;
      const { targetRef, targetRefs = [] } = (policy.spec ?? {}) as Targets;
      for (const { kind, name } of targetRef === undefined
        ? targetRefs
        : [targetRef, ...targetRefs]) {
        if (kind !== 'GatewayClass') this.#targets.add(`${kind} ${namespace}/${name}`);
        else if (namespace === rootNamespace) this.#targets.add(`${kind} ${name}`);
      }
    }
  }

  /** Whether a policy counts on a waypoint for what is sent to an object. */
  concern(
    { kind, metadata }: KubernetesObject,
    waypoint: WaypointName,
    gateway: KubernetesObject<{ readonly gatewayClassName?: string }> | undefined,
  ): boolean {
    return [
      `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
      `Gateway ${waypoint.namespace}/${waypoint.name}`,
      `GatewayClass ${gateway?.spec?.gatewayClassName ?? 'istio-waypoint'}`,
    ].some((target) => this.#targets.has(target));
  }
}
