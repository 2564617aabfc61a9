// What a policy may look at when a connection is judged (protocol section 6).

import type { Endpoint } from './address.ts';
import type { Identity } from './identity.ts';

/** What is known of a connection. */
export interface ConnectionFacts {
  /** Proved by mutual TLS; absent on plain text. */
  readonly sourceIdentity?: Identity;
  /** The TCP peer. */
  readonly source: Endpoint;
  /** The address and port of the application, never that of the tunnel. */
  readonly destination: Endpoint;
}
