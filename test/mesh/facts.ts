// Request facts for tests, from the few that a test is about.

import type { IpAddress } from '../../src/mesh/address.ts';
import { parseIdentity } from '../../src/mesh/identity.ts';
import type { HttpRequestFacts, RequestFacts } from '../../src/mesh/request-facts.ts';

export interface FactsOverride {
  readonly method?: string;
  readonly authority?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly identity?: string;
  readonly address?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The HTTP part. */
export function httpFacts(override: FactsOverride = {}): HttpRequestFacts {
  return {
    method: override.method ?? 'GET',
    scheme: 'http',
    authority: override.authority ?? 'reviews:9080',
    path: override.path ?? '/',
    query: override.query ?? '',
    headers: new Map(Object.entries(override.headers ?? {})),
  };
}

/** The whole, with or without the HTTP part. */
export function requestFacts(override: FactsOverride = {}, http = true): RequestFacts {
  const { namespace, labels } = override;
  const identity = parseIdentity(override.identity ?? '');
  return {
    source: {
      address: (override.address ?? '10.244.1.5') as IpAddress,
      ...(identity === undefined ? {} : { identity }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
    },
    destination: { address: '10.96.0.20' as IpAddress, port: override.port ?? 9080 },
    ...(http ? { http: httpFacts(override) } : {}),
  };
}
