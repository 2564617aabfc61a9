// Every traffic policy within a DestinationRule, with its place, for checks that do not depend on layers.

import type {
  DestinationRule,
  PortTrafficPolicySpec,
  TrafficPolicySpec,
} from '../kinds/networking.ts';

/** A policy, and where it stands in the object. Those of ports have the four blocks that they can. */
export interface PlacedPolicy {
  readonly policy: TrafficPolicySpec;
  readonly path: string;
  /** The blocks that hold where the policy has none of its own. */
  readonly beneath?: TrafficPolicySpec;
}

/** The policy of the whole, those of subsets, and those of the ports of each. */
export function policiesIn({ spec }: DestinationRule): PlacedPolicy[] {
  const places: readonly (readonly [TrafficPolicySpec | undefined, string])[] = [
    [spec?.trafficPolicy, 'spec.trafficPolicy'],
    ...(spec?.subsets ?? []).map(
      (subset, index) => [subset?.trafficPolicy, `spec.subsets[${index}].trafficPolicy`] as const,
    ),
  ];
  return places.flatMap(([policy, path]) => {
    if (policy === undefined || policy === null) return [];
    const ports = (policy.portLevelSettings ?? []).map((entry, index) => ({
      policy: withoutPort(entry),
      path: `${path}.portLevelSettings[${index}]`,
    }));
    const whole = spec?.trafficPolicy;
    const beneath = whole && policy !== whole ? { beneath: whole } : {};
    return [{ policy, path, ...beneath }, ...ports];
  });
}

function withoutPort(
  entry: NonNullable<TrafficPolicySpec['portLevelSettings']>[number],
): PortTrafficPolicySpec {
  const { port: _, ...rest } = entry;
  return rest;
}
