import * as assert from 'uvu/assert';
import { chooseRoute, compileRoutes, explainRoutes } from '../../src/mesh/choose-route.ts';
import type { HttpRoute, RequestMatch } from '../../src/mesh/route.ts';
import type { CompileRegex } from '../../src/mesh/text-match.ts';
import { suite } from '../support/suite.ts';
import { type FactsOverride, httpFacts, requestFacts } from './facts.ts';

const test = suite('choosing a route');

const compileRegex: CompileRegex = (source) => {
  try {
    const regex = new RegExp(`^(?:${source})$`, 'u');
    return (text) => regex.test(text);
  } catch (error) {
    return (error as Error).message;
  }
};

const backends = [{ service: 'default/reviews' as const, weight: 1 }];
const routeOf = (origin: string, ...matches: RequestMatch[]): HttpRoute => ({
  origin,
  matches,
  backends,
});
const takes = (match: RequestMatch, request: FactsOverride): boolean => {
  const table = compileRoutes([routeOf('r', match)], compileRegex);
  return chooseRoute(table, requestFacts(request), httpFacts(request)).kind === 'route';
};

const cases: readonly [title: string, RequestMatch, FactsOverride, boolean][] = [
  ['an empty match takes everything', {}, {}, true],
  ['an exact path is compared whole', { uri: { exact: '/a' } }, { path: '/a/' }, false],
  ['a prefix is plain text', { uri: { prefix: '/foo' } }, { path: '/foobar' }, true],
  ['a path prefix ends at segments', { uri: { pathPrefix: '/foo' } }, { path: '/foobar' }, false],
  ['a path prefix takes what is below', { uri: { pathPrefix: '/foo/' } }, { path: '/foo/x' }, true],
  ['a path prefix takes itself', { uri: { pathPrefix: '/foo' } }, { path: '/foo' }, true],
  ['the root path prefix takes all', { uri: { pathPrefix: '/' } }, { path: '/x' }, true],
  ['a regex matches the whole path', { uri: { regex: '/a+' } }, { path: '/aab' }, false],
  ['a regex may match', { uri: { regex: '/a+b?' } }, { path: '/aab' }, true],
  ['the query is no part of the path', { uri: { exact: '/a' } }, { path: '/a', query: 'x' }, true],
  ['case matters', { uri: { exact: '/A' } }, { path: '/a' }, false],
  ['unless ignored', { uri: { exact: '/A' }, ignoreUriCase: true }, { path: '/a' }, true],
  ['but never for a regex', { uri: { regex: '/A' }, ignoreUriCase: true }, { path: '/a' }, false],
  ['the method counts', { method: { exact: 'POST' } }, { method: 'GET' }, false],
  ['the scheme is http', { scheme: { exact: 'http' } }, {}, true],
  ['the authority counts', { authority: { prefix: 'x.' } }, { authority: 'x.y' }, true],
  ['the port is the service port', { port: 80 }, { port: 8080 }, false],
  [
    'header names have no case',
    { headers: [{ name: 'End-User', match: { exact: 'jason' } }] },
    { headers: { 'end-user': 'jason' } },
    true,
  ],
  ['an absent header fails', { headers: [{ name: 'x', match: { exact: '' } }] }, {}, false],
  [
    'presence takes an empty value',
    { headers: [{ name: 'x', match: { present: true } }] },
    { headers: { x: '' } },
    true,
  ],
  [
    'an inverted pattern takes absence',
    { headers: [{ name: 'x', match: { exact: 'a' }, invert: true }] },
    {},
    true,
  ],
  [
    'inverted presence is absence',
    { headers: [{ name: 'x', match: { present: true }, invert: true }] },
    { headers: { x: 'a' } },
    false,
  ],
  [
    'pseudo-headers are headers too',
    { headers: [{ name: ':path', match: { prefix: '/a?q' } }] },
    { path: '/a', query: 'q=1' },
    true,
  ],
  [
    'all headers must match',
    {
      headers: [
        { name: 'a', match: { present: true } },
        { name: 'b', match: { present: true } },
      ],
    },
    { headers: { a: '1' } },
    false,
  ],
  [
    'query parameters are decoded',
    { queryParams: [{ name: 'q', match: { exact: 'a b' } }] },
    { query: 'p=1&q=a%20b' },
    true,
  ],
  ['the source namespace is the client one', { sourceNamespace: 'a' }, { namespace: 'a' }, true],
  ['an unknown namespace fails', { sourceNamespace: 'a' }, {}, false],
  [
    'source labels must all be there',
    { sourceLabels: { app: 'x', version: 'v1' } },
    { labels: { app: 'x' } },
    false,
  ],
  ['an invalid regex takes nothing', { uri: { regex: '(' } }, { path: '(' }, false],
  [
    'nor does it inverted',
    { headers: [{ name: 'x', match: { regex: '(' }, invert: true }] },
    {},
    false,
  ],
  ['a regex too long takes nothing', { uri: { regex: `/${'a'.repeat(1024)}` } }, {}, false],
];

for (const [title, match, request, expected] of cases) {
  test(title, () => {
    assert.is(takes(match, request), expected);
  });
}

const jason: RequestMatch = { headers: [{ name: 'end-user', match: { exact: 'jason' } }] };
const table = compileRoutes(
  [
    routeOf('VirtualService default/reviews http[0]', { uri: { exact: '/x' } }, jason),
    routeOf('VirtualService default/reviews http[1]', { uri: { prefix: '/ratings' } }),
    routeOf('VirtualService default/reviews http[2]'),
    routeOf('VirtualService default/reviews http[3]'),
  ],
  compileRegex,
);

test('the first route that matches wins, and says which match held', () => {
  const request = { headers: { 'end-user': 'jason' }, path: '/ratings' };
  const choice = chooseRoute(table, requestFacts(request), httpFacts(request));
  assert.is(choice.kind, 'route');
  if (choice.kind !== 'route') return;
  assert.is(choice.index, 0);
  assert.is(choice.match, jason);
  assert.is(
    choice.reason,
    'VirtualService default/reviews http[0] matched: header end-user is "jason"',
  );
});

test('an explanation says why each earlier route was not taken, and stops at the one taken', () => {
  const request = { headers: { 'end-user': 'mallory' } };
  assert.equal(explainRoutes(table, requestFacts(request), httpFacts(request)), [
    {
      origin: 'VirtualService default/reviews http[0]',
      taken: false,
      reasons: ['path is "/x", but it was "/"', 'header end-user is "jason", but it was "mallory"'],
    },
    {
      origin: 'VirtualService default/reviews http[1]',
      taken: false,
      reasons: ['path starts with "/ratings", but it was "/"'],
    },
    { origin: 'VirtualService default/reviews http[2]', taken: true, reasons: [] },
  ]);
});

test('no routes at all differ from none that matched', () => {
  const none = compileRoutes([], compileRegex);
  assert.is(chooseRoute(none, requestFacts(), httpFacts()).kind, 'unrouted');
  const strict = compileRoutes([routeOf('r', jason)], compileRegex);
  assert.is(chooseRoute(strict, requestFacts(), httpFacts()).kind, 'none');
});

test('a pattern that does not compile is named, and other routes go on', () => {
  const broken = compileRoutes(
    [routeOf('broken', { uri: { regex: '(' } }), routeOf('fine')],
    compileRegex,
  );
  assert.is(broken.problems.length, 1);
  assert.is(broken.problems[0]?.origin, 'broken');
  const choice = chooseRoute(broken, requestFacts(), httpFacts());
  assert.is(choice.kind === 'route' && choice.route.origin, 'fine');
});

test('an expression is compiled once however often it occurs', () => {
  let compilations = 0;
  const counting: CompileRegex = (source) => {
    compilations++;
    return compileRegex(source);
  };
  const match: RequestMatch = { uri: { regex: '/a' } };
  compileRoutes([routeOf('a', match, match), routeOf('b', match)], counting);
  assert.is(compilations, 1);
});

test.run();
