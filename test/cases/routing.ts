// Requests and what is to become of them: the cases that the pure engine and a running waypoint must
// agree on. The routes are of one service on port 9080.

import type { HttpRoute, RequestMatch } from '../../src/mesh/route.ts';

/** A request as a client sends it. */
export interface CaseRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RoutingCase {
  readonly title: string;
  readonly match: RequestMatch;
  readonly request: CaseRequest;
  /** Whether the request takes the route with the match, or the one behind it. */
  readonly takes: boolean;
}

const header = (name: string, match: object, invert = false): RequestMatch => ({
  headers: [{ name, match: match as never, ...(invert && { invert }) }],
});
const query = (name: string, match: object): RequestMatch => ({
  queryParams: [{ name, match: match as never }],
});

const table: readonly [string, RequestMatch, CaseRequest, boolean][] = [
  ['everything', {}, {}, true],
  ['an exact path', { uri: { exact: '/a' } }, { path: '/a' }, true],
  ['an exact path with a query', { uri: { exact: '/a' } }, { path: '/a?b=c' }, true],
  ['an exact path with a slash more', { uri: { exact: '/a' } }, { path: '/a/' }, false],
  ['an exact path that is normalised', { uri: { exact: '/a' } }, { path: '/x/../%61' }, true],
  ['a plain prefix within a segment', { uri: { prefix: '/foo' } }, { path: '/foobar' }, true],
  ['a path prefix within a segment', { uri: { pathPrefix: '/foo' } }, { path: '/foobar' }, false],
  ['a path prefix with a slash', { uri: { pathPrefix: '/foo/' } }, { path: '/foo' }, true],
  [
    'a prefix in another case',
    { uri: { prefix: '/FOO' }, ignoreUriCase: true },
    { path: '/foo' },
    true,
  ],
  ['a regular expression of a part', { uri: { regex: '/a' } }, { path: '/ab' }, false],
  ['a regular expression of the whole', { uri: { regex: '/a[a-z]?' } }, { path: '/ab' }, true],
  ['a method', { method: { exact: 'POST' } }, { method: 'POST' }, true],
  ['another method', { method: { regex: 'GET|HEAD' } }, { method: 'PUT' }, false],
  ['a scheme', { scheme: { exact: 'http' } }, {}, true],
  ['another scheme', { scheme: { exact: 'https' } }, {}, false],
  ['a host', { authority: { prefix: 'reviews:' } }, {}, true],
  ['the port of the service', { port: 9080 }, {}, true],
  ['a header', header('X-A', { exact: 'b' }), { headers: { 'x-a': 'b' } }, true],
  ['a header in another case', header('x-a', { exact: 'b' }), { headers: { 'x-a': 'B' } }, false],
  ['a header that is there', header('x-a', { present: true }), { headers: { 'x-a': '' } }, true],
  ['a header that is not there', header('x-a', { present: true }), {}, false],
  ['a header by prefix', header('x-a', { prefix: 'b' }), { headers: { 'x-a': 'bc' } }, true],
  ['a header by expression', header('x-a', { regex: 'b+' }), { headers: { 'x-a': 'bbc' } }, false],
  ['the absence of a header', header('x-a', { present: true }, true), {}, true],
  [
    'no absence of a header',
    header('x-a', { present: true }, true),
    { headers: { 'x-a': 'b' } },
    false,
  ],
  ['a header that differs', header('x-a', { exact: 'b' }, true), { headers: { 'x-a': 'c' } }, true],
  [
    'a header that does not differ',
    header('x-a', { exact: 'b' }, true),
    { headers: { 'x-a': 'b' } },
    false,
  ],
  ['an absent header that differs', header('x-a', { exact: 'b' }, true), {}, true],
  ['the path as a header', header(':path', { exact: '/a?b' }), { path: '/a?b' }, true],
  ['the method as a header', header(':method', { exact: 'GET' }), {}, true],
  ['a parameter', query('q', { exact: '1' }), { path: '/?a=0&q=1' }, true],
  ['the first of two parameters', query('q', { exact: '1' }), { path: '/?q=0&q=1' }, false],
  ['a parameter that is there', query('q', { present: true }), { path: '/?q' }, true],
  ['an encoded parameter', query('q', { exact: 'a b' }), { path: '/?q=a%20b' }, true],
  ['a parameter that is not there', query('q', { regex: '.*' }), { path: '/?p=1' }, false],
];

/** All cases. */
export const routingCases: readonly RoutingCase[] = table.map(([title, match, request, takes]) => ({
  title,
  match,
  request,
  takes,
}));

/** The table of a case: the route with its match, and one behind it that takes the rest. Each answers
 * with its name. */
export function routesOf({ match }: RoutingCase): readonly HttpRoute[] {
  const answering = (name: string): Pick<HttpRoute, 'origin' | 'directResponse'> => ({
    origin: name,
    directResponse: { status: 200, body: name },
  });
  return [
    { ...answering('wanted'), matches: [match] },
    { ...answering('rest'), matches: [] },
  ];
}
