// One attempt to reach the next hop of a planned connection, by tunnel or as it is. Nothing of the
// application's is sent by it, so that a failed one can be followed by another.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream, toDuplex } from '../../dataplane/duplex-stream.ts';
import type { TunnelResult, TunnelTarget } from '../../dataplane/tunnel/tunnel.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import { baggageOf } from '../../mesh/baggage.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { Verdict } from '../../mesh/decision.ts';
import {
  decisionHeader,
  forwardedHeader,
  forwardedNetworkHeader,
  parseDecisionNote,
  traceparentHeader,
} from '../../mesh/hop-headers.ts';
import type { Identity } from '../../mesh/identity.ts';
import type { PassingPlan } from '../../mesh/plan-outbound.ts';
import { identityOfWorkload, type Workload } from '../../mesh/workload.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import { newSpanId } from './connection-record.ts';
import { dialError, dialFrom } from './dial.ts';
import type { PodContext, ProxyParts } from './proxy-parts.ts';

/** Who ended the inner tunnel on another network, and what it says of the endpoint there. */
export interface Remote {
  readonly identity: Identity;
  readonly baggage?: string;
}

/** How an attempt went. */
export type Attempt =
  | {
      readonly kind: 'open';
      readonly stream: ByteStream;
      readonly remote?: Remote;
    }
  | {
      readonly kind: 'failed';
      readonly verdict: Verdict;
      /** Whether it was the next hop that failed, so that another might do. */
      readonly hopFailed: boolean;
    };

/** In whose name an attempt is made. */
export interface Caller {
  readonly workload: Workload;
  readonly source: Endpoint;
  readonly traceId: string;
}

/** Not reached, no TLS, another identity than expected, no answer on HTTP/2, revoked. */
const hopFailures: readonly Code[] = [
  'AMB1409',
  'AMB1410',
  'AMB1501',
  'AMB1502',
  'AMB1503',
  'AMB1504',
  'AMB1506',
  'AMB1521',
];

/** Tries once. Rejects only for what is no failure of a connection. */
export async function attempt(
  parts: ProxyParts,
  context: PodContext,
  caller: Caller,
  plan: PassingPlan,
): Promise<Attempt> {
  try {
    switch (plan.kind) {
      case 'plain':
        return await pass(context, plan);
      case 'tunnel':
      case 'waypoint':
        return await tunnel(parts, context, caller, plan);
      case 'gateway':
        return await tunnelWithin(parts, context, caller, plan);
    }
  } catch (error) {
    if (!(error instanceof AmbitError)) throw error;
    const verdict = { outcome: 'failed', code: error.code, reason: causeChain(error) } as const;
    const hopFailed = hopFailures.includes(error.code) && !context.end.aborted;
    return { kind: 'failed', verdict, hopFailed };
  }
}

async function pass(context: PodContext, { peer }: PassingPlan): Promise<Attempt> {
  const socket = await dialFrom(context, peer).catch((error: unknown) => {
    throw dialError(context, peer, error);
  });
  return { kind: 'open', stream: socketStream(socket) };
}

type Tunnelled = Exclude<PassingPlan, { kind: 'plain' }>;

async function tunnel(
  parts: ProxyParts,
  context: PodContext,
  caller: Caller,
  plan: Tunnelled,
): Promise<Attempt> {
  const result = await parts.tunnels.open(targetOf(context, caller, plan), {
    signal: context.end,
  });
  if (result.kind === 'open') return { kind: 'open', stream: result.stream };
  return { kind: 'failed', verdict: refusalOf(plan, result), hopFailed: result.status === 503 };
}

/** To another network: a tunnel to the gateway, which passes on what comes out of it, and within it one
 * to whom the gateway leads to (protocol section 3.9). */
async function tunnelWithin(
  parts: ProxyParts,
  context: PodContext,
  caller: Caller,
  plan: Extract<PassingPlan, { kind: 'gateway' }>,
): Promise<Attempt> {
  const outer = await tunnel(parts, context, caller, plan);
  if (outer.kind === 'failed') return outer;
  const target = targetOf(context, caller, plan);
  const inner = {
    ...target,
    expectedIdentities: plan.innerIdentities,
    headers: { ...target.headers, [forwardedNetworkHeader]: parts.network },
    connect: () => Promise.resolve(toDuplex(outer.stream)),
  };
  try {
    const result = await parts.tunnels.openAlone(inner, { signal: context.end });
    if (result.kind === 'refused') {
      return { kind: 'failed', verdict: refusalOf(plan, result), hopFailed: result.status === 503 };
    }
    const baggage = result.headers.get('baggage');
    const identity = result.peerIdentity;
    const remote = { identity, ...(baggage !== undefined && { baggage }) };
    return { kind: 'open', stream: result.stream, remote };
  } catch (error) {
    outer.stream.destroy(error instanceof Error ? error : undefined);
    if (!(error instanceof AmbitError)) throw error;
    const where = `within the tunnel to gateway ${formatEndpoint(plan.peer)}`;
    throw new AmbitError(error.code, where, { cause: error });
  }
}

function targetOf(
  context: PodContext,
  { workload, source, traceId }: Caller,
  plan: Tunnelled,
): TunnelTarget {
  return {
    sourceIdentity: identityOfWorkload(workload),
    expectedIdentities: plan.expectedIdentities,
    peer: plan.peer,
    authority: plan.authority,
    headers: {
      baggage: baggageOf(workload),
      forwarded: forwardedHeader(source, plan.service?.hostname),
      traceparent: traceparentHeader(traceId, newSpanId()),
    },
    poolScope: context.pod.uid,
    connect: (peer) => dialFrom(context, peer),
  };
}

/** What the other side's refusal means here. Its own record has the details; its id is repeated. */
function refusalOf(
  plan: { readonly authority: string },
  { status, headers }: Extract<TunnelResult, { kind: 'refused' }>,
): Verdict {
  const note = parseDecisionNote(headers.get(decisionHeader));
  const seeRecord = note === undefined ? '' : `, see record ${note.id} there`;
  return {
    outcome: status === 401 || status === 403 ? 'denied' : 'failed',
    code: note?.code ?? (status === 401 ? 'AMB1401' : 'AMB1507'),
    reason: `the proxy of ${plan.authority} answered ${status}${seeRecord}`,
  };
}
