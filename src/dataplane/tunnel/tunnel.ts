// The two ends of a tunnel as the rest of a proxy sees them: a CONNECT request over mutual TLS
// (HBONE, protocol sections 3.1 to 3.5). Nothing here or above knows which codec is below.

import type { Duplex } from 'node:stream';
import type { Endpoint } from '../../mesh/address.ts';
import type { Identity } from '../../mesh/identity.ts';
import type { ByteStream } from '../byte-stream.ts';

/** The port on which tunnels arrive. */
export const tunnelPort = 15008;

/** Where a stream should lead, and in whose name. */
export interface TunnelTarget {
  /** Whose certificate is shown. */
  readonly sourceIdentity: Identity;
  /** The peer must prove one of them, exactly. */
  readonly expectedIdentities: readonly Identity[];
  readonly peer: Endpoint;
  /** `HOST:PORT` for `:authority`. */
  readonly authority: string;
  /** Beside the pseudo-headers; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Connections are shared only within one scope: the local workload's uid. */
  readonly poolScope: string;
  /** Opens the connection below TLS: of TCP from where the source is, or a stream within a tunnel. */
  readonly connect: (peer: Endpoint) => Promise<Duplex>;
}

/** What the peer answered. */
export type TunnelResult =
  | {
      readonly kind: 'open';
      readonly stream: ByteStream;
      readonly headers: ReadonlyMap<string, string>;
      readonly peerIdentity: Identity;
    }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly headers: ReadonlyMap<string, string>;
      readonly peerIdentity: Identity;
    };

/** A request that arrived. Exactly one of accept and refuse is called, once. */
export interface TunnelRequest {
  /** As sent; not yet checked. */
  readonly authority: string;
  readonly headers: ReadonlyMap<string, string>;
  /** The other end of the TCP connection. */
  readonly peer: Endpoint;
  readonly local: Endpoint;
  /** Proved by the peer's certificate. */
  readonly peerIdentity: Identity;
  /** Fires when the peer gives up before an answer. */
  readonly signal: AbortSignal;
  /** Answers 200; the stream then carries the connection. */
  accept(headers?: Readonly<Record<string, string>>): ByteStream;
  /** Answers a status without a body. */
  refuse(status: number, headers?: Readonly<Record<string, string>>): void;
}
