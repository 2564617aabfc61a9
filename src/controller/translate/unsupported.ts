// Fields that are valid but not implemented yet. They are named to the author, never skipped in
// silence.

import type {
  DestinationRule,
  HttpRouteSpec,
  TrafficPolicySpec,
  VirtualService,
} from '../kinds/networking.ts';

/** Paths of the fields of a VirtualService that have no effect. */
export function unsupportedInVirtualService(object: VirtualService): string[] {
  const spec = object.spec ?? {};
  const paths = (spec.http ?? []).flatMap((route, index) => inRoute(route, `spec.http[${index}]`));
  if ((spec.hosts ?? []).length === 0) paths.push('spec.hosts (empty: a delegate)');
  for (const field of ['tls', 'tcp'] as const) {
    if ((spec[field] ?? []).length > 0) paths.push(`spec.${field}`);
  }
  return paths;
}

/** Paths of the fields of a DestinationRule that have no effect. */
export function unsupportedInDestinationRule(object: DestinationRule): string[] {
  const spec = object.spec ?? {};
  const paths = inTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy');
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    if (subset.trafficPolicy !== undefined) paths.push(`spec.subsets[${index}].trafficPolicy`);
  }
  if (spec.workloadSelector !== undefined) paths.push('spec.workloadSelector');
  return paths;
}

function inRoute(route: HttpRouteSpec, path: string): string[] {
  const present: readonly (readonly [string, unknown])[] = [
    ['delegate', route.delegate],
    ['mirror', route.mirror],
    ['mirrors', route.mirrors],
    ['corsPolicy', route.corsPolicy],
    ['rewrite.uriRegexRewrite', route.rewrite?.uriRegexRewrite],
    ['redirect.prefixRewrite', route.redirect?.prefixRewrite],
    ['redirect.derivePort', route.redirect?.derivePort],
    ['fault.abort.grpcStatus', route.fault?.abort?.grpcStatus],
    ['retries.backoff', route.retries?.backoff],
    ['retries.retryRemoteLocalities', route.retries?.retryRemoteLocalities],
    ['retries.retryIgnorePreviousHosts', route.retries?.retryIgnorePreviousHosts],
  ];
  return present.flatMap(([field, value]) => (value === undefined ? [] : [`${path}.${field}`]));
}

const simpleBalancers = new Set([
  'UNSPECIFIED',
  'LEAST_REQUEST',
  'LEAST_CONN',
  'ROUND_ROBIN',
  'RANDOM',
]);

function inTrafficPolicy(policy: TrafficPolicySpec | undefined, path: string): string[] {
  return Object.entries(policy ?? {}).flatMap(([field, value]) => {
    if (field !== 'loadBalancer') return [`${path}.${field}`];
    return Object.entries((value ?? {}) as Record<string, unknown>).flatMap(([name, choice]) =>
      name === 'simple' && simpleBalancers.has(String(choice)) ? [] : [`${path}.${field}.${name}`],
    );
  });
}
