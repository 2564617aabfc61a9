// What a controller is told of the proxy beyond its settings (protocol section 4.2).

import type { DiscoveryNode } from '../wire/xds.ts';

type Metadata = DiscoveryNode['metadata'];

/** `ISTIO_META_X` as the text X, `ISTIO_METAJSON_X` as the value X; one that is no JSON is left out. A stock
 * istiod asks for ISTIO_VERSION among them. */
export function proxyMetadata(environment: Readonly<Record<string, string | undefined>>): Metadata {
  const entries = Object.entries(environment).flatMap(([name, text = '']) => {
    const [, json, key] = /^ISTIO_META(JSON)?_(.+)$/.exec(name) ?? [];
    if (key === undefined) return [];
    if (json === undefined) return [[key, text] as const];
    const value = parsed(text);
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

function parsed(text: string): Metadata[string] | undefined {
  try {
    return JSON.parse(text) as Metadata[string];
  } catch {
    return undefined;
  }
}
