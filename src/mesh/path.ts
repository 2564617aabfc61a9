// The path of a request in the form that policies and routes compare and that is forwarded: RFC 3986
// section 6.2.2 (unreserved characters decoded, dot segments removed) and backslashes as slashes,
// which is Istio's default `BASE`. Escaped slashes and repeated slashes stay.

/** A request target taken apart. */
export interface RequestPath {
  /** Begins with a slash, or is `*`. */
  readonly path: string;
  /** Without its question mark; empty when there is none. */
  readonly query: string;
}

/** Normalises a request target in origin form; undefined when it is not one (no slash at its start, a
 * fragment in it), which deserves status 400. */
export function normalizePath(target: string): RequestPath | undefined {
  if (target === '*') return { path: '*', query: '' };
  if (!target.startsWith('/') || target.includes('#')) return undefined;
  const mark = target.indexOf('?');
  const raw = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  const isPlain = !raw.includes('%') && !raw.includes('\\') && !raw.includes('/.');
  return { path: isPlain ? raw : removeDotSegments(decodeUnreserved(raw)), query };
}

/** The target that a path and a query make. */
export function targetOf({ path, query }: RequestPath): string {
  return query === '' ? path : `${path}?${query}`;
}

function decodeUnreserved(path: string): string {
  return path.replaceAll('\\', '/').replaceAll(/%([0-9A-Fa-f]{2})/g, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape;
  });
}

/** RFC 3986 section 5.2.4 for absolute paths; going above the root stays at the root. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment === '.' || segment === '..') {
      if (isLast) kept.push('');
      continue;
    }
    kept.push(segment);
  }
  return `/${kept.join('/')}`;
}
