// Which route of a service's table takes a request: the first that matches, with the reason; and on
// demand why each earlier one did not.

import { type CompiledCors, compileCors } from './cors.ts';
import type { HttpRequestFacts, RequestFacts } from './request-facts.ts';
import type { HttpRoute, RequestMatch } from './route.ts';
import { type Condition, compileMatch } from './route-conditions.ts';
import type { CompileRegex } from './text-match.ts';

/** A route table ready for use; made once per configuration. */
export interface RouteTable {
  readonly entries: readonly RouteEntry[];
  /** The most mirrors that one request can have, as so many numbers are drawn. */
  readonly mostMirrors: number;
  /** Patterns that do not compile; their matches never hold. Nothing else is affected. */
  readonly problems: readonly RouteProblem[];
}

interface RouteEntry {
  readonly route: HttpRoute;
  readonly matches: readonly CompiledMatch[];
  readonly cors?: CompiledCors;
}

interface CompiledMatch {
  readonly match: RequestMatch;
  readonly conditions: readonly Condition[];
}

export interface RouteProblem {
  /** The route's origin. */
  readonly origin: string;
  readonly problem: string;
}

/** The outcome for one request. */
export type RouteChoice =
  | {
      readonly kind: 'route';
      readonly route: HttpRoute;
      /** The match that held; none when the route has no matches. */
      readonly match?: RequestMatch;
      /** Its place in the table, counted from 0. */
      readonly index: number;
      readonly cors?: CompiledCors;
      readonly reason: string;
    }
  /** The service has no routes at all, or none for the port: straight to it. */
  | { readonly kind: 'unrouted'; readonly reason: string }
  | { readonly kind: 'none'; readonly reason: string };

/** Why one route was taken or not. */
export interface RouteExplanation {
  readonly origin: string;
  readonly taken: boolean;
  /** One for each match: the first condition that failed, or that all held. */
  readonly reasons: readonly string[];
}

/** Most routes and most regular expressions of one table; what is beyond them is left out and named
 * among the problems. */
export const maxRoutes = 16_384;
export const maxRegexes = 4_096;

/** Compiles a table. Each regular expression is compiled once, however often it occurs. */
export function compileRoutes(
  routes: readonly HttpRoute[],
  compileRegex: CompileRegex,
): RouteTable {
  const compiled = new Map<string, ReturnType<CompileRegex>>();
  const compileOnce: CompileRegex = (source) => {
    const known = compiled.get(source);
    if (known !== undefined) return known;
    if (compiled.size >= maxRegexes) return `the table has more than ${maxRegexes} expressions`;
    const made = compileRegex(source);
    compiled.set(source, made);
    return made;
  };
  const entries = routes.slice(0, maxRoutes).map((route) => ({
    route,
    matches: route.matches.map((match) => ({
      match,
      conditions: compileMatch(match, compileOnce),
    })),
    ...(route.cors && { cors: compileCors(route.cors, compileOnce) }),
  }));
  const problems = entries.flatMap(problemsOf);
  if (routes.length > maxRoutes) {
    const origin = routes[maxRoutes]?.origin ?? '';
    problems.push({ origin, problem: `this route and all later ones exceed ${maxRoutes}` });
  }
  const mostMirrors = Math.max(0, ...entries.map(({ route }) => mirrorsOf(route)));
  return { entries, mostMirrors, problems };
}

function mirrorsOf({ mirrors = [], backends = [] }: HttpRoute): number {
  return mirrors.length + Math.max(0, ...backends.map((one) => one.mirrors?.length ?? 0));
}

/** Chooses the route of a request. */
export function chooseRoute(
  table: RouteTable,
  facts: RequestFacts,
  http: HttpRequestFacts,
): RouteChoice {
  if (table.entries.length === 0) {
    return { kind: 'unrouted', reason: 'the service has no routes' };
  }
  for (const [index, { route, matches, cors }] of table.entries.entries()) {
    const sharing = cors === undefined ? {} : { cors };
    if (matches.length === 0) {
      const reason = `${route.origin} matches every request`;
      return { kind: 'route', route, index, ...sharing, reason };
    }
    const held = matches.find(({ conditions }) =>
      conditions.every((condition) => condition.holds(facts, http)),
    );
    if (held === undefined) continue;
    const words = held.conditions.map((condition) => condition.words).join(', ');
    const reason = `${route.origin} matched: ${words || 'its match is empty'}`;
    return { kind: 'route', route, match: held.match, index, ...sharing, reason };
  }
  if (!table.entries.some((entry) => concerns(entry, facts))) {
    const { port } = facts.destination;
    return { kind: 'unrouted', reason: `no route is for port ${port} and this client` };
  }
  return { kind: 'none', reason: `none of ${table.entries.length} routes matched` };
}

/** Routes that are bound to other ports or clients leave the others as if there were none: so Istio
 * does, which decides these conditions before there is a request. */
function concerns({ matches }: RouteEntry, { destination, source }: RequestFacts): boolean {
  if (matches.length === 0) return true;
  return matches.some(
    ({ match: { port, sourceNamespace, sourceLabels = {} } }) =>
      (port === undefined || port === destination.port) &&
      (sourceNamespace === undefined || sourceNamespace === source.namespace) &&
      Object.entries(sourceLabels).every(([name, value]) => source.labels?.[name] === value),
  );
}

/** Says of each route, down to the one taken, why it was or was not. */
export function explainRoutes(
  table: RouteTable,
  facts: RequestFacts,
  http: HttpRequestFacts,
): RouteExplanation[] {
  const explanations: RouteExplanation[] = [];
  for (const { route, matches } of table.entries) {
    const failures = matches.map(({ conditions }) =>
      conditions.find((condition) => !condition.holds(facts, http)),
    );
    const taken = matches.length === 0 || failures.includes(undefined);
    const reasons = failures.map((failure) =>
      failure === undefined
        ? 'all conditions held'
        : `${failure.words}, but ${failure.problem ?? failure.actual(facts, http)}`,
    );
    explanations.push({ origin: route.origin, taken, reasons });
    if (taken) break;
  }
  return explanations;
}

function problemsOf({ route, matches, cors }: RouteEntry): RouteProblem[] {
  const tests = [...matches.flatMap(({ conditions }) => conditions), ...(cors?.origins ?? [])];
  return tests.flatMap(({ words, problem }) =>
    problem === undefined ? [] : [{ origin: route.origin, problem: `${words}: ${problem}` }],
  );
}
