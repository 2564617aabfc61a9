// The record of one decision: a connection at a node proxy, or a request at a waypoint. The same
// value feeds the access log, the metrics, the admin endpoint and `ambit why`.

import type { Code } from './catalogue.ts';

/** One end of a connection, as far as it is known. */
export interface Party {
  /** `ADDRESS:PORT`. */
  readonly address: string;
  /** The pod's name. */
  readonly workload?: string;
  readonly namespace?: string;
  readonly cluster?: string;
  /** Proved by mutual TLS; absent on plain text. */
  readonly identity?: string;
  /** `NAMESPACE/HOSTNAME` where the connection was addressed to a service. */
  readonly service?: string;
}

/** The socket at the far end outbound, at the near end inbound. */
export interface Hop {
  /** `ADDRESS:PORT`; of a tunnel, where the tunnel ends. */
  readonly address: string;
  /** What a tunnel was asked for. */
  readonly authority?: string;
}

/** What was decided, and by what. */
export interface Verdict {
  /** `forwarded`: passed on. `denied`: refused by a policy. `failed`: allowed, but could not be
   * delivered. */
  readonly outcome: 'forwarded' | 'denied' | 'failed';
  /** Why, in words, as a sentence part: "no ALLOW policy matched". */
  readonly reason: string;
  /** Present unless forwarded. */
  readonly code?: Code;
  /** `NAMESPACE/NAME` of the policy that decided. */
  readonly policy?: string;
  /** Which rule of that policy, counted from 0. */
  readonly rule?: number;
  /** The route that decided, as `Kind NAMESPACE/NAME http[1]`. */
  readonly route?: string;
  /** What would have been decided if the dry-run policies counted; present where there are any. */
  readonly shadow?: ShadowVerdict;
}

/** A decision without effect. */
export interface ShadowVerdict {
  readonly outcome: 'allow' | 'deny';
  readonly reason: string;
  readonly policy?: string;
  readonly rule?: number;
}

/** What an HTTP request added. */
export interface HttpFacts {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  /** The status answered; 0 when none was. */
  readonly status: number;
  /** `HTTP/1.1` or `HTTP/2`, as the client spoke. */
  readonly protocol?: string;
  /** Envoy's short flags, separated by commas; `-` for none. */
  readonly flags?: string;
  /** The `x-request-id`, the client's or made here. */
  readonly requestId?: string;
  readonly userAgent?: string;
  readonly forwardedFor?: string;
  readonly grpcStatus?: string;
  /** What was addressed, `ADDRESS:PORT`. */
  readonly addressed?: string;
  /** Envoy's name of what the endpoint was chosen from: `outbound|PORT|SUBSET|HOST`. */
  readonly upstreamCluster?: string;
  /** Every attempt in order, the first ones at most; absent when none was made. */
  readonly attempts?: readonly Attempt[];
}

/** One attempt to have an endpoint answer a request. */
export interface Attempt {
  /** `ADDRESS:PORT`; absent when none could be chosen. */
  readonly address?: string;
  readonly workload?: string;
  /** The status of its response; absent when it gave none. */
  readonly status?: number;
  /** Why there was no response. */
  readonly reason?: string;
  readonly code?: Code;
}

/** One decision. */
export interface DecisionRecord {
  /** 16 hexadecimal digits; unique enough to be looked up. */
  readonly id: string;
  /** 32 hexadecimal digits, shared by every hop of one connection (W3C trace id). */
  readonly traceId: string;
  /** RFC 3339, when the connection or request ended or was refused. */
  readonly time: string;
  /** Which proxy decided: `ztunnel/NODE` or `waypoint/NAMESPACE/NAME`. */
  readonly by: string;
  readonly direction: 'outbound' | 'inbound' | 'request';
  readonly source: Party;
  readonly destination: Party;
  /** How the next hop was reached. `tunnel` is mutual TLS, `waypoint` a tunnel to a waypoint,
   * `gateway` a tunnel within a tunnel through the gateway of another network, `plain` no mesh, `local` both ends on this node. */
  readonly transport: 'tunnel' | 'waypoint' | 'gateway' | 'plain' | 'local' | 'none';
  readonly verdict: Verdict;
  /** What the connection was carried to or came by in fact, once that was settled. */
  readonly hop?: Hop;
  /** Hash of the configuration that was in force. */
  readonly configVersion: string;
  /** From the source's point of view. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly durationMs: number;
  readonly http?: HttpFacts;
}
