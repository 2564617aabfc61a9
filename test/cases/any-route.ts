// Matches and requests made by chance, and what a match says of a request in the plainest words: what the
// pure engine and a running waypoint are both held to.

import { array, boolean, constantFrom, option, record } from 'fast-check';
import type { NamedMatch, RequestMatch, TextMatch } from '../../src/mesh/route.ts';
import type { FactsOverride } from '../mesh/facts.ts';

// Few values, so that conditions meet often.
const paths = ['/', '/a', '/a/', '/a/b', '/ab', '/A', '/a/b/c'];
const text = constantFrom('', 'a', 'ab', 'b');
const textMatch = constantFrom(
  { exact: '' },
  { exact: 'a' },
  { exact: 'ab' },
  { prefix: 'a' },
  { prefix: 'ab' },
  { regex: 'a.*' },
  { regex: '.*' },
  { present: true } as const,
);
const uriMatch = constantFrom(
  ...paths.flatMap((path) => [{ exact: path }, { prefix: path }, { pathPrefix: path }]),
  { regex: '/a.*' },
  { regex: '.*' },
);
const named = record({
  name: constantFrom('x', 'X', 'y'),
  match: textMatch,
  invert: boolean(),
});
/** Any match. */
export const match = record(
  {
    uri: uriMatch,
    ignoreUriCase: boolean(),
    method: constantFrom({ exact: 'GET' }, { regex: 'GET|PUT' }),
    headers: array(named, { maxLength: 2 }),
    queryParams: array(named, { maxLength: 1 }),
    port: constantFrom(80, 9080),
    sourceNamespace: constantFrom('one', 'two'),
    sourceLabels: constantFrom({ a: '1' }, { a: '1', b: '2' }),
  },
  { requiredKeys: [] },
);
/** Any request. */
export const request = record({
  path: constantFrom(...paths),
  method: constantFrom('GET', 'PUT'),
  query: constantFrom('', 'x=a', 'y=ab', 'X=b'),
  x: option(text, { nil: undefined }),
  y: option(text, { nil: undefined }),
  port: constantFrom(80, 9080),
  namespace: constantFrom('one', 'two'),
  labels: constantFrom({}, { a: '1' }, { a: '1', b: '2' }),
}).map(
  ({ x, y, ...others }): FactsOverride => ({
    ...others,
    headers: { ...(x !== undefined && { x }), ...(y !== undefined && { y }) },
  }),
);

function fits(pattern: TextMatch, value: string): boolean {
  if ('present' in pattern) return true;
  if ('exact' in pattern) return value === pattern.exact;
  if ('prefix' in pattern) return value.startsWith(pattern.prefix);
  return new RegExp(`^(?:${pattern.regex})$`).test(value);
}

function uriFits({ uri, ignoreUriCase }: RequestMatch, path: string): boolean {
  if (uri === undefined) return true;
  const same = (value: string): string => (ignoreUriCase === true ? value.toLowerCase() : value);
  if ('regex' in uri) return fits(uri, path);
  if ('pathPrefix' in uri) {
    const segments = (value: string): string[] => same(value).split('/').slice(1);
    const wanted = segments(uri.pathPrefix.replace(/\/$/, ''));
    const own = segments(path);
    return wanted.every((segment, index) => segment === own[index]);
  }
  if ('exact' in uri) return fits({ exact: same(uri.exact) }, same(path));
  return 'prefix' in uri && fits({ prefix: same(uri.prefix) }, same(path));
}

function namedFits({ match: pattern, invert = false }: NamedMatch, value?: string): boolean {
  if ('present' in pattern) return (value !== undefined) !== invert;
  // What is absent is the empty text to an inverted pattern, and nothing to another.
  if (value === undefined) return invert && !fits(pattern, '');
  return fits(pattern, value) !== invert;
}

/** Whether a match takes a request, as features section 1.1.4 puts it. */
export function takes(one: RequestMatch, asked: FactsOverride): boolean {
  const { path = '/', method = 'GET', query: text = '', headers = {}, labels = {} } = asked;
  const parameters = new URLSearchParams(text);
  return (
    uriFits(one, path) &&
    (one.method === undefined || fits(one.method, method)) &&
    (one.headers ?? []).every((each) => namedFits(each, headers[each.name.toLowerCase()])) &&
    (one.queryParams ?? []).every((each) =>
      namedFits(each, parameters.get(each.name) ?? undefined),
    ) &&
    (one.port === undefined || one.port === (asked.port ?? 9080)) &&
    (one.sourceNamespace === undefined || one.sourceNamespace === asked.namespace) &&
    Object.entries(one.sourceLabels ?? {}).every(([name, value]) => labels[name] === value)
  );
}
