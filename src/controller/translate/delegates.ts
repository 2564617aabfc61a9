// Routes that a VirtualService takes from another, its delegate (features section 1.1.9).

import type {
  HttpMatchSpec,
  HttpRouteSpec,
  StringMatchSpec,
  VirtualService,
} from '../kinds/networking.ts';
import { describeObject, keyOf, objectKey } from '../kinds/object.ts';
import type { Problem } from './finding.ts';
import { exportsTo } from './hostnames.ts';

/** All VirtualServices that may be delegated to, by key. */
export type Delegates = ReadonlyMap<string, VirtualService>;

/** One route as it stands after delegation. */
export interface ExpandedRoute {
  readonly spec: HttpRouteSpec;
  /** The object and the place that it comes from, and through which. */
  readonly origin: string;
  /** Where its short host names are looked up. */
  readonly namespace: string;
}

/** The routes of a VirtualService in order, and what of its delegations has no effect. */
export interface Expansion {
  readonly routes: readonly ExpandedRoute[];
  readonly problems: readonly Problem[];
  /** Keys of the delegates in use. */
  readonly used: ReadonlySet<string>;
}

/** Whether a VirtualService has no hosts and is there to be delegated to. */
export function isDelegate(object: VirtualService): boolean {
  return (object.spec?.hosts ?? []).length === 0;
}

/** Puts the routes of delegates in the places of those that refer to them. */
export function expandRoutes(object: VirtualService, delegates: Delegates): Expansion {
  const namespace = object.metadata.namespace ?? '';
  const routes: ExpandedRoute[] = [];
  const problems: Problem[] = [];
  const used = new Set<string>();
  for (const [index, spec] of (object.spec?.http ?? []).entries()) {
    const origin = `${describeObject(object)} http[${index}]`;
    if (spec.delegate === undefined) {
      routes.push({ spec, origin, namespace });
      continue;
    }
    const field = `spec.http[${index}].delegate`;
    const found = findDelegate(spec.delegate, namespace, delegates);
    if (typeof found === 'string') {
      problems.push({ code: 'AMB1627', field, text: found });
      continue;
    }
    used.add(keyOf(found));
    for (const [place, own] of (found.spec?.http ?? []).entries()) {
      const via = `${describeObject(found)} http[${place}]`;
      const merged = mergeRoute(spec, own);
      if (merged === undefined) {
        const text = `${via} is left out: each of its matches must narrow one of this route's`;
        problems.push({ code: 'AMB1627', field, text });
        continue;
      }
      const home = found.metadata.namespace ?? '';
      routes.push({ spec: merged, origin: `${via} through ${origin}`, namespace: home });
    }
  }
  return { routes, problems, used };
}

/** The delegate, or why there is none. */
function findDelegate(
  reference: NonNullable<HttpRouteSpec['delegate']>,
  namespace: string,
  delegates: Delegates,
): VirtualService | string {
  const key = objectKey(reference.namespace || namespace, reference.name ?? '');
  const found = delegates.get(key);
  if (found === undefined) return `there is no VirtualService ${key} in force`;
  if (!isDelegate(found)) return `VirtualService ${key} has hosts of its own, a delegate has none`;
  const home = found.metadata.namespace ?? '';
  if (!exportsTo(found.spec?.exportTo, home, namespace)) {
    return `VirtualService ${key} is not exported to ${namespace}`;
  }
  return found;
}

/** A delegate's route within a root's; undefined when their matches contradict each other. */
function mergeRoute(root: HttpRouteSpec, own: HttpRouteSpec): HttpRouteSpec | undefined {
  const match = mergeMatches(root.match ?? [], own.match ?? []);
  if (match === undefined) return undefined;
  const { match: _, delegate: __, route: ___, redirect: ____, name, ...inherited } = root;
  // A delegate that redirects or answers has no use for what concerns forwarding.
  const answers = own.redirect !== undefined || own.directResponse !== undefined;
  const { rewrite, fault, directResponse, ...others } = inherited;
  const taken = answers
    ? others
    : {
        ...others,
        ...(rewrite && { rewrite }),
        ...(fault && { fault }),
        ...(directResponse && own.route === undefined && { directResponse }),
      };
  const names = [name, own.name].filter((one) => one !== undefined && one !== '').join('-');
  return {
    ...taken,
    ...own,
    ...(names !== '' && { name: names }),
    ...(match.length > 0 && { match }),
  };
}

/** Every match of the delegate within each root match that it narrows; undefined when one of them
 * narrows none. Where one side has no matches, the other's count. */
function mergeMatches(
  roots: readonly HttpMatchSpec[],
  own: readonly HttpMatchSpec[],
): readonly HttpMatchSpec[] | undefined {
  if (roots.length === 0) return own;
  if (own.length === 0) return roots;
  const merged: HttpMatchSpec[] = [];
  for (const leaf of own) {
    const fitting = roots.filter((root) => narrows(root, leaf));
    if (fitting.length === 0) return undefined;
    merged.push(...fitting.map((root) => mergeMatch(root, leaf)));
  }
  return merged;
}

function mergeMatch(root: HttpMatchSpec, leaf: HttpMatchSpec): HttpMatchSpec {
  const names = [root.name, leaf.name].filter((name) => name !== undefined && name !== '');
  const maps = ['headers', 'withoutHeaders', 'queryParams', 'sourceLabels'] as const;
  return {
    ...root,
    ...leaf,
    ...(names.length > 0 && { name: names.join('-') }),
    ...Object.fromEntries(
      maps.flatMap((field) =>
        root[field] === undefined && leaf[field] === undefined
          ? []
          : [[field, { ...root[field], ...leaf[field] }]],
      ),
    ),
  };
}

/** Whether what a delegate's match takes is a part of what the root's takes. */
function narrows(root: HttpMatchSpec, leaf: HttpMatchSpec): boolean {
  const texts = ['uri', 'scheme', 'method', 'authority'] as const;
  if (!texts.every((field) => narrowsText(root[field], leaf[field]))) return false;
  if ((root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false)) return false;
  if (!equalIfBoth(root.port, leaf.port)) return false;
  if (!equalIfBoth(root.sourceNamespace, leaf.sourceNamespace)) return false;
  if (
    !Object.entries(root.sourceLabels ?? {}).every(([label, value]) =>
      equalIfBoth(leaf.sourceLabels?.[label], value),
    )
  )
    return false;
  const gateways = new Set(root.gateways ?? []);
  return gateways.size === 0 || (leaf.gateways ?? []).every((gateway) => gateways.has(gateway));
}

function equalIfBoth<T>(one: T | undefined, other: T | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/** Regular expressions cannot be compared, so they stand alone. */
function narrowsText(
  root: StringMatchSpec | undefined,
  leaf: StringMatchSpec | undefined,
): boolean {
  if (root === undefined || leaf === undefined) return true;
  if (root.regex !== undefined || leaf.regex !== undefined) return false;
  if (root.exact !== undefined) return leaf.exact === root.exact;
  return (leaf.exact ?? leaf.prefix ?? '').startsWith(root.prefix ?? '');
}
