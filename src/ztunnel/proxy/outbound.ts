// The story of a connection that leaves a pod: where it meant to go, what the plan is, on its way by
// tunnel or as it is, and the record of it.

import type { Socket } from 'node:net';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { splice } from '../../dataplane/splice.ts';
import type { TunnelResult } from '../../dataplane/tunnel/tunnel.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import { baggageOf } from '../../mesh/baggage.ts';
import type { Verdict } from '../../mesh/decision.ts';
import {
  decisionHeader,
  forwardedHeader,
  parseDecisionNote,
  traceparentHeader,
} from '../../mesh/hop-headers.ts';
import { type OutboundPlan, planOutbound } from '../../mesh/plan-outbound.ts';
import { identityOfWorkload, type Workload } from '../../mesh/workload.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { ConnectionRecord, newSpanId, newTraceId, partyOf } from './connection-record.ts';
import { dialError, dialFrom } from './dial.ts';
import { destinationOf, remoteOf } from './original-destination.ts';
import { type PodContext, type ProxyParts, workloadPatienceMs } from './proxy-parts.ts';

type Passed = Exclude<OutboundPlan, { kind: 'deny' }>;

/** An opened way on, or a refusal by the other side. */
type Onward =
  | { readonly kind: 'open'; readonly stream: ByteStream }
  | { readonly kind: 'refused'; readonly verdict: Verdict };

/** Serves one captured connection to its end. Never rejects. */
export async function serveOutbound(
  parts: ProxyParts,
  context: PodContext,
  socket: Socket,
): Promise<void> {
  const application = socketStream(socket);
  const source = remoteOf(socket);
  const destination = destinationOf(socket);
  const record = new ConnectionRecord(parts, {
    direction: 'outbound',
    traceId: newTraceId(),
    source: partyOf(source),
    destination: partyOf(destination),
    transport: 'none',
  });
  try {
    const workload = await sourceWorkload(parts, context);
    record.facts.source = partyOf(source, { workload });
    const plan = planOutbound(parts.state, {
      source: workload,
      destination,
      network: parts.network,
      random: parts.random,
    });
    await carryOut(parts, context, { plan, workload, source, destination, application, record });
  } catch (error) {
    application.destroy(error instanceof Error ? error : new Error(String(error)));
    record.fail(error);
  }
}

interface Story {
  readonly plan: OutboundPlan;
  readonly workload: Workload;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly application: ByteStream;
  readonly record: ConnectionRecord;
}

async function carryOut(parts: ProxyParts, context: PodContext, story: Story): Promise<void> {
  const { plan, application, record, destination } = story;
  const addressed = plan.service && { service: plan.service };
  if (plan.kind === 'deny') {
    record.facts.destination = partyOf(destination, { ...addressed });
    const outcome = plan.code === 'AMB1408' ? 'denied' : 'failed';
    application.destroy(new AmbitError(plan.code, plan.reason));
    record.end({ outcome, code: plan.code, reason: plan.reason });
    return;
  }
  describe(story, plan);
  const onward =
    plan.kind === 'plain' ? await pass(context, plan) : await tunnel(parts, context, story, plan);
  if (onward.kind === 'refused') {
    application.destroy(new Error(onward.verdict.reason));
    record.end(onward.verdict);
    return;
  }
  const result = await splice(application, onward.stream, {
    signal: context.end,
    onBytes: record.count,
  });
  record.finish(result, plan.reason);
}

/** Puts what the plan settles into the record, and counts the connection. */
function describe(story: Story, plan: Passed): void {
  const { record, source, destination, workload } = story;
  const next = plan.workload && { workload: plan.workload };
  const addressed = plan.service && { service: plan.service };
  const secure = plan.kind !== 'plain';
  const identities = secure && {
    source: identityOfWorkload(workload),
    destination: identityOfWorkload(plan.workload),
  };
  record.facts.source = partyOf(source, {
    workload,
    ...(identities && { identity: identities.source }),
  });
  record.facts.destination = partyOf(destination, {
    ...next,
    ...addressed,
    ...(identities && { identity: identities.destination }),
  });
  record.facts.transport = plan.kind;
  const hop = {
    address: formatEndpoint(plan.peer),
    ...(plan.kind !== 'plain' && { authority: plan.authority }),
  };
  record.opened(hop, {
    reporter: 'source',
    source: workload,
    ...(identities && { sourceIdentity: identities.source }),
    ...(plan.workload && { destination: plan.workload }),
    ...addressed,
    mutualTls: secure,
  });
}

async function sourceWorkload(parts: ProxyParts, context: PodContext): Promise<Workload> {
  const { state, clock } = parts;
  const { pod, end } = context;
  const limit = { timeoutMs: workloadPatienceMs, clock, signal: end };
  const workload = await state.waitFor(() => state.workloadOfPod(pod), limit);
  if (workload !== undefined) return workload;
  throw new AmbitError('AMB1404', `nothing known of pod ${pod.namespace}/${pod.name}`);
}

async function pass(context: PodContext, { peer }: Passed): Promise<Onward> {
  const socket = await dialFrom(context, peer).catch((error: unknown) => {
    throw dialError(context, peer, error);
  });
  return { kind: 'open', stream: socketStream(socket) };
}

async function tunnel(
  parts: ProxyParts,
  context: PodContext,
  story: Story,
  plan: Extract<OutboundPlan, { kind: 'tunnel' | 'waypoint' }>,
): Promise<Onward> {
  const { workload, source, record } = story;
  const result = await parts.tunnels.open(
    {
      sourceIdentity: identityOfWorkload(workload),
      expectedIdentities: plan.expectedIdentities,
      peer: plan.peer,
      authority: plan.authority,
      headers: {
        baggage: baggageOf(workload),
        forwarded: forwardedHeader(source, plan.service?.hostname),
        traceparent: traceparentHeader(record.facts.traceId, newSpanId()),
      },
      poolScope: context.pod.uid,
      connect: (peer) => dialFrom(context, peer),
    },
    { signal: context.end },
  );
  return result.kind === 'open' ? result : { kind: 'refused', verdict: refusalOf(plan, result) };
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
