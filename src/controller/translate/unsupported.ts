// Fields that are valid but not implemented yet. They are named to the author, never skipped in
// silence.

import type { RouteObject } from '../kinds/gateway-routes.ts';
import type {
  DestinationRule,
  HttpRouteSpec,
  TrafficPolicySpec,
  VirtualService,
} from '../kinds/networking.ts';
import { policiesIn } from './policies-in.ts';

/** Paths of the fields of a VirtualService that have no effect. */
export function unsupportedInVirtualService(object: VirtualService): string[] {
  return (object.spec?.http ?? []).flatMap((route, index) => inRoute(route, `spec.http[${index}]`));
}

/** Paths of the fields of a Gateway API route that have no effect. */
export function unsupportedInRoute({ kind, spec }: RouteObject): string[] {
  const paths: string[] = [];
  if (kind !== 'TLSRoute' && (spec?.hostnames ?? []).length > 0) {
    paths.push('spec.hostnames (requests are matched by the service that they are addressed to)');
  }
  return paths;
}

/** Paths of the fields of a DestinationRule that have no effect. */
export function unsupportedInDestinationRule(object: DestinationRule): string[] {
  return policiesIn(object).flatMap(({ policy, path }) => inTrafficPolicy(policy, path));
}

function inRoute(route: HttpRouteSpec, path: string): string[] {
  const paths: string[] = [];
  const conditions = (route.retries?.retryOn ?? '').split(',');
  for (const condition of ['retriable-headers', 'http3-post-connect-failure']) {
    if (conditions.includes(condition)) paths.push(`${path}.retries.retryOn ${condition}`);
  }
  for (const [index, match] of (route.match ?? []).entries()) {
    if (match.statPrefix !== undefined) paths.push(`${path}.match[${index}].statPrefix`);
  }
  return paths;
}

/** What is translated and not carried out yet. */
function inTrafficPolicy(policy: TrafficPolicySpec, path: string): string[] {
  const paths: string[] = [];
  if (policy.retryBudget?.budgetInterval !== undefined) paths.push('retryBudget.budgetInterval');
  return paths.map((field) => `${path}.${field}`);
}
