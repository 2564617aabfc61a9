// Which entries of a route table can never be reached, since earlier ones take all of their requests.

import type { HttpRoute, NamedMatch, RequestMatch, TextMatch, UriMatch } from './route.ts';

/** A match that an earlier one covers. */
export interface CoveredMatch {
  /** The place of its route in the table. */
  readonly route: number;
  /** Its place among the matches; absent where the route has none. */
  readonly match?: number;
  /** The origin of the route that takes its requests. */
  readonly by: string;
}

/** Every match is compared with as many earlier ones; beyond that only with those that take every
 * request and those that are the same. */
export const maxCompared = 256;

const everything: RequestMatch = {};

/** The covered matches of a table, in order. Sound, not complete: regular expressions are compared as
 * texts only. */
export function coveredMatches(routes: readonly HttpRoute[]): CoveredMatch[] {
  const earlier: { readonly match: RequestMatch; readonly origin: string }[] = [];
  const takers: typeof earlier = [];
  const same = new Map<string, string>();
  const covered: CoveredMatch[] = [];
  for (const [index, { matches, origin }] of routes.entries()) {
    const own = matches.length === 0 ? [everything] : matches;
    for (const [place, match] of own.entries()) {
      const text = JSON.stringify(match);
      const coversIt = (one: { readonly match: RequestMatch }): boolean => covers(one.match, match);
      const by = (takers.find(coversIt) ?? earlier.find(coversIt))?.origin ?? same.get(text);
      if (by !== undefined) {
        covered.push({ route: index, ...(matches.length > 0 && { match: place }), by });
        continue;
      }
      if (covers(match, everything)) takers.push({ match, origin });
      else if (earlier.length < maxCompared) earlier.push({ match, origin });
      same.set(text, origin);
    }
  }
  return covered;
}

/** Whether everything that the second takes is taken by the first. */
export function covers(first: RequestMatch, second: RequestMatch): boolean {
  return (
    coversPath(first, second) &&
    (['scheme', 'method', 'authority'] as const).every((field) =>
      coversText(first[field], second[field]),
    ) &&
    coversNamed(first.headers, second.headers, (name) => name.toLowerCase()) &&
    coversNamed(first.queryParams, second.queryParams, (name) => name) &&
    (first.port === undefined || first.port === second.port) &&
    (first.sourceNamespace === undefined || first.sourceNamespace === second.sourceNamespace) &&
    Object.entries(first.sourceLabels ?? {}).every(
      ([label, value]) => second.sourceLabels?.[label] === value,
    )
  );
}

function coversPath(first: RequestMatch, second: RequestMatch): boolean {
  const [uri, other] = [first.uri, second.uri];
  if (uri === undefined || isAnyPath(uri)) return true;
  if (other === undefined) return false;
  if (!isRegex(uri) && !isRegex(other)) {
    if (first.ignoreUriCase === true) return coversUri(lower(uri), lower(other));
    if (second.ignoreUriCase === true) return false;
  }
  return coversUri(uri, other);
}

function isAnyPath(uri: UriMatch): boolean {
  if ('prefix' in uri) return uri.prefix === '/' || uri.prefix === '';
  if ('pathPrefix' in uri) return uri.pathPrefix.replace(/\/+$/, '') === '';
  if ('regex' in uri) return uri.regex === '.*' || uri.regex === '/.*';
  return 'present' in uri;
}

function isRegex(match: UriMatch): boolean {
  return 'regex' in match;
}

function lower(match: UriMatch): UriMatch {
  if ('exact' in match) return { exact: match.exact.toLowerCase() };
  if ('prefix' in match) return { prefix: match.prefix.toLowerCase() };
  if ('pathPrefix' in match) return { pathPrefix: match.pathPrefix.toLowerCase() };
  return match;
}

function coversUri(uri: UriMatch, other: UriMatch): boolean {
  if ('pathPrefix' in uri) {
    const stem = uri.pathPrefix.replace(/\/+$/, '');
    const below = (text: string): boolean => text === stem || text.startsWith(`${stem}/`);
    if ('exact' in other) return below(other.exact);
    if ('pathPrefix' in other) return below(other.pathPrefix.replace(/\/+$/, ''));
    return 'prefix' in other && other.prefix.startsWith(`${stem}/`);
  }
  if ('pathPrefix' in other) {
    return 'prefix' in uri && other.pathPrefix.replace(/\/+$/, '').startsWith(uri.prefix);
  }
  return coversText(uri, other);
}

function coversText(first: TextMatch | undefined, second: TextMatch | undefined): boolean {
  if (first === undefined) return true;
  if (second === undefined) return false;
  if ('present' in first) return true;
  if ('regex' in first) {
    return first.regex === '.*' || ('regex' in second && second.regex === first.regex);
  }
  if ('exact' in first) return 'exact' in second && second.exact === first.exact;
  if ('exact' in second) return second.exact.startsWith(first.prefix);
  return 'prefix' in second && second.prefix.startsWith(first.prefix);
}

/** Each condition of the first must follow from one of the second on the same name. */
function coversNamed(
  first: readonly NamedMatch[] = [],
  second: readonly NamedMatch[] = [],
  nameOf: (name: string) => string,
): boolean {
  return first.every((wanted) =>
    second.some((given) => {
      if (nameOf(given.name) !== nameOf(wanted.name)) return false;
      if ((given.invert ?? false) !== (wanted.invert ?? false)) return false;
      if (wanted.invert === true)
        return JSON.stringify(given.match) === JSON.stringify(wanted.match);
      return coversText(wanted.match, given.match);
    }),
  );
}
