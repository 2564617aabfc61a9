// What a waypoint does with one request: authorize, route, share across origins, draw faults and
// mirrors, choose a backend. A function
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
  type RouteChoice,
  type RouteExplanation,
  type RouteTable,
} from './choose-route.ts';
import { judgeCors } from './cors.ts';
import { befalls, type DrawnFault, drawFault } from './draw-fault.ts';
import type { HeaderList } from './header-operations.ts';
import type { HttpRequestFacts, RequestFacts } from './request-facts.ts';
import { type RequestLimits, requestLimits } from './request-limits.ts';
import type { HttpRoute, Mirror, Redirect, RequestMatch, RouteBackend } from './route.ts';
import { backendOfSession, readSession } from './session.ts';
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
  /** As many as the table's `mostMirrors`; a mirror without a number is not sent to. */
  readonly mirrors: readonly number[];
  /** Milliseconds since the Unix epoch, by which sessions end. */
  readonly nowMs: number;
}

interface Routed {
  readonly verdict: RequestVerdict;
  readonly reason: string;
  readonly match?: RequestMatch;
}

/** What to do, and why. */
export type RequestPlan =
  | { readonly kind: 'deny'; readonly verdict: RequestVerdict }
  | { readonly kind: 'no-route'; readonly verdict: RequestVerdict; readonly reason: string }
  /** The share of a backend that nothing can be forwarded to: 500. */
  | (Routed & { readonly kind: 'unresolved'; readonly route: HttpRoute })
  /** The route, or the drawn backend, redirects or answers by itself. */
  | (Routed & {
      readonly kind: 'answer';
      readonly route: HttpRoute;
      readonly answer: PlannedAnswer;
      /** To be set in the answer. */
      readonly sharing: HeaderList;
    })
  | (Routed & {
      readonly kind: 'forward';
      readonly backend: RouteBackend;
      /** How many the route has. */
      readonly backends: number;
      /** Absent when the service has no routes. */
      readonly route?: HttpRoute;
      readonly fault: DrawnFault;
      readonly limits: RequestLimits;
      /** Those that were drawn. */
      readonly mirrors: readonly Mirror[];
      /** CORS headers, to be set in the response. */
      readonly sharing: HeaderList;
    });

/** An answer that needs nobody else. */
export type PlannedAnswer =
  | { readonly kind: 'redirect'; readonly redirect: Redirect }
  | { readonly kind: 'direct'; readonly status: number; readonly body?: string }
  | { readonly kind: 'preflight'; readonly headers: HeaderList };

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
    const { reason } = choice;
    const limits = requestLimits(undefined, http.headers);
    const rest = { fault: {}, limits, mirrors: [], sharing: [] };
    return { kind: 'forward', verdict, reason, backend, backends: 1, ...rest };
  }
  return planRoute(choice, verdict, http, draws);
}

function planRoute(
  choice: Extract<RouteChoice, { kind: 'route' }>,
  verdict: RequestVerdict,
  http: HttpRequestFacts,
  draws: Draws,
): RequestPlan {
  const { route, match, cors } = choice;
  const judged = cors === undefined ? noSharing : judgeCors(cors, http);
  const matched = { verdict, route, ...(match === undefined ? {} : { match }) };
  if (judged.kind === 'preflight') {
    const reason = `${choice.reason}; ${judged.reason}`;
    const answer = { kind: 'preflight', headers: judged.headers } as const;
    return { kind: 'answer', ...matched, reason, answer, sharing: [] };
  }
  const sharing = judged.kind === 'allowed' ? judged.headers : [];
  const answer = ownAnswer(route);
  if (answer !== undefined) {
    return { kind: 'answer', ...matched, reason: choice.reason, answer, sharing };
  }
  const drawn = resumed(route, http, draws) ?? chooseBackend(route.backends ?? [], draws.backend);
  if (drawn === undefined) {
    const reason = `${choice.reason}, but none of its backends has a weight`;
    return { kind: 'no-route', verdict, reason };
  }
  const { backend } = drawn;
  const backends = route.backends?.length ?? 1;
  const reason = backends > 1 ? `${choice.reason}; ${drawn.reason}` : choice.reason;
  if (backend.unresolved !== undefined) {
    return { kind: 'unresolved', ...matched, reason: `${reason}; ${backend.unresolved}` };
  }
  if (backend.redirect !== undefined) {
    const redirected = { kind: 'redirect', redirect: backend.redirect } as const;
    return { kind: 'answer', ...matched, reason, answer: redirected, sharing };
  }
  return {
    kind: 'forward',
    ...matched,
    reason,
    backend,
    backends,
    fault: route.fault === undefined ? {} : drawFault(route.fault, draws.delay, draws.abort),
    limits: requestLimits(route, http.headers),
    mirrors: drawMirrors(route, backend, draws.mirrors),
    sharing,
  };
}

/** The backend of the request's session goes before weights. */
function resumed(
  { backends = [], sessionPersistence }: HttpRoute,
  { headers }: HttpRequestFacts,
  { nowMs }: Draws,
): ReturnType<typeof chooseBackend> {
  if (sessionPersistence === undefined) return undefined;
  const token = readSession(sessionPersistence, headers, nowMs);
  const backend = backendOfSession(backends, token);
  return backend && { backend, reason: 'the backend of its session' };
}

const noSharing = { kind: 'none' } as const;

function ownAnswer({ redirect, directResponse }: HttpRoute): PlannedAnswer | undefined {
  if (redirect !== undefined) return { kind: 'redirect', redirect };
  return directResponse === undefined ? undefined : { kind: 'direct', ...directResponse };
}

/** Each mirror is drawn by itself. */
function drawMirrors(
  route: HttpRoute,
  backend: RouteBackend,
  draws: readonly number[],
): readonly Mirror[] {
  if (route.mirrors === undefined && backend.mirrors === undefined) return [];
  return [...(route.mirrors ?? []), ...(backend.mirrors ?? [])].filter(({ percent }, index) =>
    befalls(percent, draws[index] ?? 1),
  );
}

function inWords({ origin, reasons }: RouteExplanation): string {
  return `${origin}: ${reasons.join(', or ')}`;
}
