// What a peer does on an HTTP/2 connection that the protocol forbids (RFC 9113) or that no honest peer
// does, and the limits beyond which its connection is ended.

import type { ServerSessionOptions } from 'node:http2';
import { AmbitError } from '../../runtime/errors.ts';

/** Limits of one connection. nghttp2 holds them; what it refuses on one stream only it answers with
 * RST_STREAM itself. */
export const sessionLimits = {
  /** Malformed requests and frames that concern one stream; streams beyond the announced limit, which a
   * client may open before it has heard of it, are among them. */
  maxSessionInvalidFrames: 1_000,
  /** Streams beyond the announced limit. */
  maxSessionRejectedStreams: 500,
  /** Fields of one header block. */
  maxHeaderListPairs: 64,
  /** Settings in one frame. */
  maxSettings: 32,
  /** Pings of ours that wait for an answer. */
  maxOutstandingPings: 4,
  /** Resets at once and per second, of applications' connections too: a bound for the codec, far above
   * what they do. Those of streams that were not answered have a nearer one (early-resets.ts). */
  streamResetBurst: 10_000,
  streamResetRate: 1_000,
} as const satisfies ServerSessionOptions;

/** The coded error for a connection that the codec ended because of what the peer sent; undefined for
 * one that was simply lost. */
export function violationIn(error: Error): AmbitError | undefined {
  if (error instanceof AmbitError) return error.code === 'AMB1512' ? error : undefined;
  const code = 'code' in error ? error.code : undefined;
  const isViolation = code === 'ERR_HTTP2_ERROR' || code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES';
  if (!isViolation) return undefined;
  return new AmbitError('AMB1512', 'the connection was ended', { cause: error });
}
