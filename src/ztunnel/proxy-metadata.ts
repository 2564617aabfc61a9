// What a controller is told of the proxy beyond its settings: in its node (protocol section 4.2), and in
// the headers of streams and calls (4.1 and 5.1).

import { AmbitError } from '../runtime/errors.ts';
import type { DiscoveryNode } from '../wire/xds.ts';

type Metadata = DiscoveryNode['metadata'];
type Environment = Readonly<Record<string, string | undefined>>;

/** `ISTIO_META_X` as the text X, `ISTIO_METAJSON_X` as the value X; one that is no JSON is left out. A stock
 * istiod asks for ISTIO_VERSION among them. */
export function proxyMetadata(environment: Environment): Metadata {
  const entries = Object.entries(environment).flatMap(([name, text = '']) => {
    const [, json, key] = /^ISTIO_META(JSON)?_(.+)$/.exec(name) ?? [];
    if (key === undefined) return [];
    if (json === undefined) return [[key, text] as const];
    const value = parsed(text);
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

/** The headers that variables with a prefix, `XDS_HEADER_` or `CA_HEADER_`, add. @throws AmbitError AMB1004 for
 * what can be no header of gRPC with a text */
export function headersIn(
  environment: Environment,
  prefix: 'XDS_HEADER_' | 'CA_HEADER_',
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [variable, text = ''] of Object.entries(environment)) {
    if (!variable.startsWith(prefix)) continue;
    const name = variable.slice(prefix.length).toLowerCase();
    if (!/^[0-9a-z_.-]+$/.test(name) || name.endsWith('-bin') || !/^[ -~]*$/.test(text)) {
      const rule = 'a name of letters, digits, _ . - without -bin at its end, and a text in ASCII';
      throw new AmbitError('AMB1004', `${variable} is no header: it takes ${rule}`);
    }
    headers[name] = text;
  }
  return headers;
}

function parsed(text: string): Metadata[string] | undefined {
  try {
    return JSON.parse(text) as Metadata[string];
  } catch {
    return undefined;
  }
}
