// The story of a connection that leaves a pod: where it meant to go, what the plan is, on its way by
// tunnel or as it is, and the record of it.

import type { Socket } from 'node:net';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { splice } from '../../dataplane/splice.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import { type Baggage, parseBaggage } from '../../mesh/baggage.ts';
import type { Party } from '../../mesh/decision.ts';
import type { PassingPlan } from '../../mesh/plan-outbound.ts';
import { identityOfWorkload, type Workload } from '../../mesh/workload.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { ConnectionRecord, newTraceId, partyOf } from './connection-record.ts';
import type { Remote } from './onward.ts';
import { destinationOf, remoteOf } from './original-destination.ts';
import { type PodContext, type ProxyParts, workloadPatienceMs } from './proxy-parts.ts';
import { findWayOut } from './way-out.ts';

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
  if (way.kind === 'nowhere') {
    const { verdict, service } = way;
    record.facts.destination = partyOf(destination, { ...(service && { service }) });
    application.destroy(new Error(verdict.reason));
    record.end(verdict);
    return;
  }
  if (way.kind === 'failed') {
    describe(parts, story, way.plan);
    application.destroy(new Error(way.verdict.reason));
    record.end(way.verdict);
    return;
  }
  describe(parts, story, way.plan, way.opened.remote);
  using _held = way.held;
  const result = await splice(application, way.opened.stream, {
    signal: context.end,
    onBytes: record.count,
  });
  record.finish(result, way.reason);
}

/** Puts what the plan settles into the record, and counts the connection. What is on another network is
 * not known here: the gateway stands for it, until it tells of itself. */
function describe(
  { baggage: usesBaggage }: ProxyParts,
  story: Story,
  plan: PassingPlan,
  remote?: Remote,
): void {
  const { record, source, destination, workload } = story;
  const told =
    usesBaggage && remote?.baggage !== undefined ? parseBaggage(remote.baggage) : undefined;
  const next = told === undefined && plan.workload ? { workload: plan.workload } : {};
  const addressed = plan.service && { service: plan.service };
  const secure = plan.kind !== 'plain';
  const identities = secure && {
    source: identityOfWorkload(workload),
    destination: remote?.identity ?? identityOfWorkload(plan.workload),
  };
  record.facts.source = partyOf(source, {
    workload,
    ...(identities && { identity: identities.source }),
  });
  record.facts.destination = {
    ...partyOf(destination, {
      ...next,
      ...addressed,
      ...(identities && { identity: identities.destination }),
    }),
    ...(told && partyFrom(told)),
  };
  record.facts.transport = plan.kind;
  const hop = {
    address: formatEndpoint(plan.peer),
    ...(plan.kind !== 'plain' && { authority: plan.authority }),
  };
  record.opened(hop, {
    reporter: 'source',
    source: workload,
    ...(identities && {
      sourceIdentity: identities.source,
      destinationIdentity: identities.destination,
    }),
    ...(next.workload && { destination: next.workload }),
    ...(told && { destinationBaggage: told }),
    ...addressed,
    mutualTls: secure,
  });
}

/** What baggage says of an end. */
function partyFrom(baggage: Baggage): Partial<Party> {
  const { workloadName: workload, namespace, clusterId: cluster } = baggage;
  return {
    ...(workload !== undefined && { workload }),
    ...(namespace !== undefined && { namespace }),
    ...(cluster !== undefined && { cluster }),
  };
}

async function sourceWorkload(parts: ProxyParts, context: PodContext): Promise<Workload> {
  const { state, clock } = parts;
  const { pod, end } = context;
  const limit = { timeoutMs: workloadPatienceMs, clock, signal: end };
  const workload = await state.waitFor(() => state.workloadOfPod(pod), limit);
  if (workload !== undefined) return workload;
  throw new AmbitError('AMB1404', `nothing known of pod ${pod.namespace}/${pod.name}`);
}
