// The tables of `ambit proxy-status`: columns are those of istioctl. Pure.

import type { ConnectedProxy } from './control-plane.ts';

/** A proxy and the replica of the controller that it is connected to. */
export interface ProxyOf {
  readonly controller: string;
  readonly connected: ConnectedProxy;
}

/** The types of Istio's proxies and ours, in the order of columns. */
const knownTypes = ['WDS', 'WADS', 'SCDS', 'WLDS', 'CRDS'];

/** `NAME.NAMESPACE`. */
export function nameOfProxy({ proxy }: ConnectedProxy): string {
  return `${proxy.name}.${proxy.namespace}`;
}

/** One row for each proxy; with `byType`, a column for each type that any of them has. */
export function proxyRows(
  proxies: readonly ProxyOf[],
  byType: boolean,
): readonly (readonly string[])[] {
  const ordered = proxies.toSorted((one, other) =>
    nameOfProxy(one.connected) < nameOfProxy(other.connected) ? -1 : 1,
  );
  const present = new Set(ordered.flatMap(({ connected }) => typesOf(connected)));
  const others = [...present].filter((type) => !knownTypes.includes(type)).toSorted();
  const columns = [...knownTypes.filter((type) => present.has(type)), ...others];
  const rows = ordered.map(({ controller, connected }) => {
    const { build, types } = connected;
    const what = byType
      ? columns.map((type) => types.find((one) => one.type === type)?.state ?? 'IGNORED')
      : [`${types.length} (${typesOf(connected).toSorted().join(',')})`];
    return [nameOfProxy(connected), build.cluster, controller, build.version, ...what];
  });
  const heads = byType ? columns : ['SUBSCRIBED TYPES'];
  return [['NAME', 'CLUSTER', 'ISTIOD', 'VERSION', ...heads], ...rows];
}

function typesOf({ types }: ConnectedProxy): string[] {
  return types.map(({ type }) => type);
}

/** One proxy in detail. */
export function typeRows({ types }: ConnectedProxy): readonly (readonly string[])[] {
  return [
    ['TYPE', 'STATE', 'ACKNOWLEDGED', 'REASON'],
    ...types.map(({ type, state, acknowledged, reason = '' }) => [
      type,
      state,
      acknowledged || 'none',
      reason,
    ]),
  ];
}
