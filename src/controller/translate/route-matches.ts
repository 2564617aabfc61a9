// Match entries of a VirtualService as the route model has them (features section 1.1.4).

import type { NamedMatch, RequestMatch, TextMatch } from '../../mesh/route.ts';
import type { HttpMatchSpec, StringMatchSpec } from '../kinds/networking.ts';

/** Translates one entry; all of its conditions must hold. */
export function translateMatch(spec: HttpMatchSpec): RequestMatch {
  const headers: NamedMatch[] = [
    ...namedMatches(spec.headers),
    ...namedMatches(spec.withoutHeaders).map((match) => ({ ...match, invert: true })),
  ].map((match) => ({ ...match, name: match.name.toLowerCase() }));
  const queryParams = namedMatches(spec.queryParams);
  const { sourceLabels = {} } = spec;
  return {
    ...(spec.name && { name: spec.name }),
    ...(spec.uri && { uri: textMatch(spec.uri) }),
    ...(spec.ignoreUriCase && { ignoreUriCase: true }),
    ...(spec.scheme && { scheme: textMatch(spec.scheme) }),
    ...(spec.method && { method: textMatch(spec.method) }),
    ...(spec.authority && { authority: textMatch(spec.authority) }),
    ...(headers.length > 0 && { headers }),
    ...(queryParams.length > 0 && { queryParams }),
    ...(spec.port && { port: spec.port }),
    ...(Object.keys(sourceLabels).length > 0 && { sourceLabels }),
    ...(spec.sourceNamespace && { sourceNamespace: spec.sourceNamespace }),
  };
}

/** An empty pattern, or the regular expression `*`, means "present". */
export function textMatch(spec: StringMatchSpec): TextMatch {
  if (spec.exact !== undefined) return { exact: spec.exact };
  if (spec.prefix !== undefined) return { prefix: spec.prefix };
  if (spec.regex !== undefined && spec.regex !== '*') return { regex: spec.regex };
  return { present: true };
}

/** Of headers and parameters an empty exact value means "present" too, as in Istio. */
function namedMatches(map: Readonly<Record<string, StringMatchSpec>> | undefined): NamedMatch[] {
  return Object.entries(map ?? {}).map(([name, spec]) => ({
    name,
    match: spec.exact === '' ? { present: true } : textMatch(spec),
  }));
}
