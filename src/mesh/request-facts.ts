// What decisions about one request, or about one connection that carries no HTTP, are made from.
// Plain values, so that recorded facts can be put before another configuration.

import type { IpAddress } from './address.ts';
import type { Identity } from './identity.ts';

/** Who sent it, as far as it is known. */
export interface SourceFacts {
  readonly address: IpAddress;
  /** Proved by mutual TLS. */
  readonly identity?: Identity;
  /** Of the workload that owns the address. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Headers by lower-case name; repeated ones are joined with commas. A `Map` is one. */
export interface HeaderView {
  get(name: string): string | undefined;
}

/** The HTTP part. */
export interface HttpRequestFacts {
  readonly method: string;
  readonly scheme: string;
  /** The `Host` header or `:authority`, as sent. */
  readonly authority: string;
  /** Normalised, without the query. */
  readonly path: string;
  /** Without its question mark; empty when there is none. */
  readonly query: string;
  readonly headers: HeaderView;
}

export interface RequestFacts {
  readonly source: SourceFacts;
  /** What was asked for: a service's or workload's address, and the port. */
  readonly destination: { readonly address: IpAddress; readonly port: number };
  /** Absent for connections that carry another protocol. */
  readonly http?: HttpRequestFacts;
}

/** The value of a header, where `:method`, `:scheme`, `:authority`, `:path` and `host` name the parts
 * of the request line (features section 1.1.4). */
export function headerOf(http: HttpRequestFacts, name: string): string | undefined {
  switch (name) {
    case ':method':
      return http.method;
    case ':scheme':
      return http.scheme;
    case ':authority':
    case 'host':
      return http.authority;
    case ':path':
      return http.query === '' ? http.path : `${http.path}?${http.query}`;
    default:
      return http.headers.get(name);
  }
}
