// What a waypoint does with one request: authorize, route, draw faults, choose a backend. A function
// of configuration, facts and drawn numbers alone, so that it can be replayed.

import {
  authorizeRequest,
  type CompiledPolicies,
  type RequestVerdict,
} from './authorize-request.ts';
import { chooseBackend } from './choose-backend.ts';
import {
  chooseRoute,
  explainRoutes,
  type RouteExplanation,
  type RouteTable,
} from './choose-route.ts';
import { type DrawnFault, drawFault } from './draw-fault.ts';
import type { HttpRequestFacts, RequestFacts } from './request-facts.ts';
import type { HttpRoute, RequestMatch, RouteBackend } from './route.ts';
import type { ServiceKey } from './workload.ts';

/** The compiled configuration of one service. */
export interface ServiceRules {
  readonly service: ServiceKey;
  readonly routes: RouteTable;
  readonly policies: CompiledPolicies;
}

/** Independent numbers in [0, 1), one for each draw. */
export interface Draws {
  readonly delay: number;
  readonly abort: number;
  readonly backend: number;
}

/** What to do, and why. */
export type RequestPlan =
  | { readonly kind: 'deny'; readonly verdict: RequestVerdict }
  | { readonly kind: 'no-route'; readonly verdict: RequestVerdict; readonly reason: string }
  /** The route redirects or answers by itself. */
  | {
      readonly kind: 'answer';
      readonly verdict: RequestVerdict;
      readonly reason: string;
      readonly route: HttpRoute;
      readonly match?: RequestMatch;
    }
  | {
      readonly kind: 'forward';
      readonly verdict: RequestVerdict;
      readonly reason: string;
      readonly backend: RouteBackend;
      /** How many the route has. */
      readonly backends: number;
      /** Absent when the service has no routes. */
      readonly route?: HttpRoute;
      readonly match?: RequestMatch;
      readonly fault: DrawnFault;
    };

/** Routes whose failure to match is told when none matched. */
const maxExplained = 5;

/** Plans one request. */
export function planRequest(
  rules: ServiceRules,
  facts: RequestFacts,
  http: HttpRequestFacts,
  draws: Draws,
): RequestPlan {
  const verdict = authorizeRequest(rules.policies, facts);
  if (!verdict.allowed) return { kind: 'deny', verdict };
  const choice = chooseRoute(rules.routes, facts, http);
  if (choice.kind === 'none') {
    const why = explainRoutes(rules.routes, facts, http).slice(0, maxExplained).map(inWords);
    return { kind: 'no-route', verdict, reason: [choice.reason, ...why].join('; ') };
  }
  if (choice.kind === 'unrouted') {
    const backend: RouteBackend = { service: rules.service, weight: 1 };
    return {
      kind: 'forward',
      verdict,
      reason: choice.reason,
      backend,
      backends: 1,
      fault: {},
    };
  }
  const { route, match } = choice;
  const matched = match === undefined ? {} : { match };
  if (route.redirect !== undefined || route.directResponse !== undefined) {
    return { kind: 'answer', verdict, reason: choice.reason, route, ...matched };
  }
  const drawn = chooseBackend(route.backends ?? [], draws.backend);
  if (drawn === undefined) {
    const reason = `${choice.reason}, but none of its backends has a weight`;
    return { kind: 'no-route', verdict, reason };
  }
  const fault = route.fault === undefined ? {} : drawFault(route.fault, draws.delay, draws.abort);
  const backends = route.backends?.length ?? 1;
  const reason = backends > 1 ? `${choice.reason}; ${drawn.reason}` : choice.reason;
  return {
    kind: 'forward',
    verdict,
    reason,
    backend: drawn.backend,
    backends,
    route,
    ...matched,
    fault,
  };
}

function inWords({ origin, reasons }: RouteExplanation): string {
  return `${origin}: ${reasons.join(', or ')}`;
}
