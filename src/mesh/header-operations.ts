// Header changes of routes and backends, applied in Istio's order (features section 1.1.10).

import type { HeaderOperations } from './route.ts';

/** Header fields in order, names in any case. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Applies operations one after another. Pseudo-headers and `host` are not touched here: host changes
 * are a rewrite, see `authorityIn`. `%%` in a value is one percent sign. */
export function applyHeaderOperations(
  headers: HeaderList,
  operations: readonly (HeaderOperations | undefined)[],
): HeaderList {
  let result = headers;
  for (const operation of operations) {
    if (operation !== undefined) result = applyOne(result, operation);
  }
  return result;
}

/** The order in which the operations of a route and its chosen backend apply: with one backend the
 * backend's come last, with several the route's do. */
export function orderOperations(
  route: HeaderOperations | undefined,
  backend: HeaderOperations | undefined,
  backends: number,
): readonly (HeaderOperations | undefined)[] {
  return backends > 1 ? [backend, route] : [route, backend];
}

/** The authority that operations ask for: `set` wins over `add`, the last level over earlier ones. */
export function authorityIn(
  operations: readonly (HeaderOperations | undefined)[],
): string | undefined {
  let authority: string | undefined;
  for (const operation of operations) {
    for (const fields of [operation?.add, operation?.set]) {
      for (const [name, value] of Object.entries(fields ?? {})) {
        if (isHost(name)) authority = value;
      }
    }
  }
  return authority;
}

function applyOne(headers: HeaderList, operation: HeaderOperations): HeaderList {
  const set = ownFields(operation.set);
  const removed = new Set(
    [...(operation.remove ?? []).filter(isOwn), ...set.map(([name]) => name)].map((name) =>
      name.toLowerCase(),
    ),
  );
  const kept =
    removed.size === 0 ? headers : headers.filter(([name]) => !removed.has(name.toLowerCase()));
  return [...kept, ...set, ...ownFields(operation.add)];
}

function ownFields(fields: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(fields ?? {})
    .filter(([name]) => isOwn(name))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => [name, value.replaceAll('%%', '%')]);
}

function isHost(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

function isOwn(name: string): boolean {
  return name !== '' && !name.startsWith(':') && !isHost(name);
}
