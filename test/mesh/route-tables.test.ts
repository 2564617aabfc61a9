import { array, assert as check, property } from 'fast-check';
import * as assert from 'uvu/assert';
import { chooseRoute, compileRoutes } from '../../src/mesh/choose-route.ts';
import { normalizePath } from '../../src/mesh/path.ts';
import type { HttpRoute, RequestMatch } from '../../src/mesh/route.ts';
import { coveredMatches, covers } from '../../src/mesh/route-coverage.ts';
import { compileRegex } from '../../src/waypoint/regex.ts';
import { match, request, takes } from '../cases/any-route.ts';
import { routesOf, routingCases } from '../cases/routing.ts';
import { suite } from '../support/suite.ts';
import { type FactsOverride, httpFacts, requestFacts } from './facts.ts';

const test = suite('route tables');

const choose = (routes: readonly HttpRoute[], request: FactsOverride) =>
  chooseRoute(compileRoutes(routes, compileRegex), requestFacts(request), httpFacts(request));

for (const one of routingCases) {
  test(`${one.title} is ${one.takes ? 'taken' : 'left'}`, () => {
    const { path = '/', ...others } = one.request;
    const choice = choose(routesOf(one), { ...others, ...normalizePath(path) });
    assert.is(choice.kind === 'route' && choice.route.origin, one.takes ? 'wanted' : 'rest');
  });
}

const backends = [{ service: 'default/reviews' as const, weight: 1 }];
const tableOf = (matches: readonly RequestMatch[]): HttpRoute[] =>
  matches.map((one, index) => ({ origin: String(index), matches: [one], backends }));

test('a match takes what its conditions plainly say', () => {
  check(
    property(match, request, (one, facts) => {
      const isTaken = choose(tableOf([one]), facts).kind === 'route';
      assert.is(isTaken, takes(one, facts));
    }),
    { numRuns: 20_000 },
  );
});

test('what a match covers takes nothing that the match leaves', () => {
  check(
    property(match, match, request, (first, second, facts) => {
      if (!covers(first, second)) return;
      assert.ok(!takes(second, facts) || takes(first, facts));
    }),
    { numRuns: 20_000 },
  );
});

test('an entry that is said to be covered is never chosen', () => {
  check(
    property(array(match, { maxLength: 6 }), request, (matches, facts) => {
      const routes = tableOf(matches);
      const covered = new Set(coveredMatches(routes).map(({ route }) => route));
      const choice = choose(routes, facts);
      assert.ok(choice.kind !== 'route' || !covered.has(choice.index));
    }),
    { numRuns: 5_000 },
  );
});

test('a match covers itself', () => {
  check(property(match, (one) => assert.ok(covers(one, one))));
});

test('the first of equal entries, and the first that takes everything, is named', () => {
  const matches: RequestMatch[] = [{ method: { exact: 'GET' } }, {}, { port: 1 }];
  const routes = [...tableOf(matches), { origin: 'last', matches: [], backends }];
  assert.equal(coveredMatches(routes), [
    { route: 2, match: 0, by: '1' },
    { route: 3, by: '1' },
  ]);
});

test.run();
