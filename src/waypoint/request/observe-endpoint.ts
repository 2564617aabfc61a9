// What an attempt tells of its endpoint, for outlier detection (features section 1.2.4).

import type { EndpointResult } from '../../mesh/outlier-detection.ts';
import type { AttemptOutcome } from '../../mesh/retry.ts';
import type { UpstreamAnswer } from './exchange.ts';
import type { FoundUpstream } from './find-upstream.ts';
import { headerIn } from './hop-headers.ts';

type Found = Extract<FoundUpstream, { kind: 'endpoint' }>;

/** Hands a result to the destination that the endpoint was found for. */
export function observe({ endpoint, destination }: Found, result?: EndpointResult): void {
  if (result !== undefined) destination?.outliers.observe(endpoint.workload.uid, result);
}

/** What an answer tells. One of gRPC without a body has its failure in the head. */
export function answeredWith({ head }: UpstreamAnswer): EndpointResult {
  const grpc = headerIn(head.headers, 'grpc-status');
  const status = grpc === undefined ? head.status : (statusOfGrpc[grpc] ?? head.status);
  return { kind: 'answer', status };
}

/** What an attempt without an answer tells; nothing when nobody was asked. */
export function failureOf(
  { outcome }: { readonly outcome: AttemptOutcome | undefined },
  ended: AbortSignal,
): EndpointResult | undefined {
  if (outcome?.kind !== 'failure') return undefined;
  // What is not the client's doing can only be that the time has passed.
  const isLate = outcome.stage === 'timeout' || ended.aborted;
  return { kind: 'local failure', status: isLate ? 504 : 503 };
}

/** As Envoy maps them, those that are failures of servers. */
const statusOfGrpc: Readonly<Record<string, number>> = {
  2: 500,
  4: 504,
  12: 501,
  13: 500,
  14: 503,
  15: 500,
};
