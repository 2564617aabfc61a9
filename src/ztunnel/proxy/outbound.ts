// The story of a connection that leaves a pod: where it meant to go, what the plan is, on its way by
// tunnel or as it is, and the record of it.

import type { Socket } from 'node:net';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { splice } from '../../dataplane/splice.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { identityOfWorkload, type Workload } from '../../mesh/workload.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { ConnectionRecord, newTraceId, partyOf } from './connection-record.ts';
import type { PassingPlan } from './onward.ts';
import { destinationOf, remoteOf } from './original-destination.ts';
import { type PodContext, type ProxyParts, workloadPatienceMs } from './proxy-parts.ts';
import { findWayOut } from './way-out.ts';

/** The mesh's own ports, and destinations that are not registered: nothing failed there. */
const denials: readonly Code[] = ['AMB1408', 'AMB1431'];

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
    await carryOut(parts, context, { workload, source, destination, application, record });
  } catch (error) {
    application.destroy(error instanceof Error ? error : new Error(String(error)));
    record.fail(error);
  }
}

interface Story {
  readonly workload: Workload;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly application: ByteStream;
  readonly record: ConnectionRecord;
}

async function carryOut(parts: ProxyParts, context: PodContext, story: Story): Promise<void> {
  const { application, record, destination, workload, source } = story;
  const caller = { workload, source, traceId: record.facts.traceId };
  const way = await findWayOut(parts, context, caller, destination);
  if (way.kind === 'denied') {
    const { code, reason, service } = way.plan;
    record.facts.destination = partyOf(destination, { ...(service && { service }) });
    application.destroy(new AmbitError(code, reason));
    record.end({ outcome: denials.includes(code) ? 'denied' : 'failed', code, reason });
    return;
  }
  describe(story, way.plan);
  if (way.kind === 'failed') {
    application.destroy(new Error(way.verdict.reason));
    record.end(way.verdict);
    return;
  }
  using _held = way.held;
  const result = await splice(application, way.stream, {
    signal: context.end,
    onBytes: record.count,
  });
  record.finish(result, way.reason);
}

/** Puts what the plan settles into the record, and counts the connection. */
function describe(story: Story, plan: PassingPlan): void {
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
