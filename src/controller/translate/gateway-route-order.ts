// The order of Gateway API routes in a table: by how closely they match, then by age (features section
// 5.3.1).

import type { HttpRoute, RequestMatch } from '../../mesh/route.ts';
import { byAge } from '../kinds/object.ts';
import type { OwnedRoute } from './route-use.ts';

/** Compares two entries of one match each. Equal ones keep the order of rules and matches. */
export function byCloseness(left: OwnedRoute, right: OwnedRoute): number {
  const [one, other] = [rankOf(left.route), rankOf(right.route)];
  for (const [index, value] of one.entries()) {
    const difference = (other[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return byAge(left.owner, right.owner);
}

/** Larger is closer: routes for clients of one namespace before those for all, exact paths before
 * prefixes before regular expressions, then longer paths, a method, more headers, more parameters. */
function rankOf({ matches }: HttpRoute): readonly number[] {
  const match: RequestMatch = matches[0] ?? {};
  const { uri = { pathPrefix: '/' }, headers = [], queryParams = [] } = match;
  const [kind, length] =
    'exact' in uri
      ? [3, uri.exact.length]
      : 'pathPrefix' in uri
        ? [2, uri.pathPrefix.length]
        : [1, 'regex' in uri ? uri.regex.length : 0];
  return [
    match.sourceNamespace === undefined ? 0 : 1,
    kind,
    length,
    match.method === undefined ? 0 : 1,
    headers.length,
    queryParams.length,
  ];
}
