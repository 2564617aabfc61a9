// Headers that one hop of a connection tells the next (protocol section 3.2), and the note with which
// a proxy explains a refusal.

import { type Endpoint, formatEndpoint } from './address.ts';
import { type Code, isCode } from './catalogue.ts';

/** On a refusal: `ID CODE`, the record on the refusing side and its code. Our own. */
export const decisionHeader = 'ambit-decision';

/** On a request that crosses networks: the one it comes from. */
export const forwardedNetworkHeader = 'x-forwarded-network';

/** `forwarded`: who is behind, and what service was addressed. */
export function forwardedHeader(source: Endpoint, hostname?: string): string {
  const host = hostname === undefined ? '' : `;host=${hostname}`;
  return `for="${formatEndpoint(source)}"${host}`;
}

/** The host of a `forwarded` header. */
export function forwardedHost(header: string | undefined): string | undefined {
  return /(?:^|;)\s*host="?([^;",\s]+)"?/i.exec(header ?? '')?.[1];
}

/** `traceparent` (W3C trace context, version 00). */
export function traceparentHeader(traceId: string, spanId: string): string {
  return `00-${traceId}-${spanId}-00`;
}

/** The trace id of a `traceparent` header, if it is well formed. */
export function traceIdOf(header: string | undefined): string | undefined {
  return /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(header ?? '')?.[1];
}

/** The note on a refusal. */
export function decisionNote(id: string, code: Code): string {
  return `${id} ${code}`;
}

/** Reads the note on a refusal; undefined when it is none of ours. */
export function parseDecisionNote(
  header: string | undefined,
): { readonly id: string; readonly code: Code } | undefined {
  const [id, code] = (header ?? '').split(' ');
  if (id === undefined || code === undefined || !isCode(code)) return undefined;
  return /^[0-9a-f]{16}$/.test(id) ? { id, code } : undefined;
}
