// The path that a route's rewrite or redirect makes (features section 1.1.5).

import type { RequestMatch } from './route.ts';

/** Replaces every match of an RE2 pattern in a text; `rewrite` may use `\1`. */
export type ReplaceRegex = (pattern: string, rewrite: string, text: string) => string;

/** Replaces the prefix that a match demanded, or the whole path where it demanded none. Plain prefixes
 * are replaced as text, as Istio does: `/foo` to `/` makes `//x` of `/foo/x`. */
export function replacePrefix(path: string, by: string, match: RequestMatch | undefined): string {
  const uri = match?.uri;
  if (uri === undefined) return by;
  if ('prefix' in uri) return by + path.slice(uri.prefix.length);
  if (!('pathPrefix' in uri)) return by;
  const rest = path.slice(uri.pathPrefix.replace(/\/+$/, '').length);
  const joined = by.replace(/\/+$/, '') + rest;
  return joined === '' ? '/' : joined;
}
