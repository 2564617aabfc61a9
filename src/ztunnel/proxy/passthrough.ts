// The story of plain traffic that arrives at a pod: there is no identity, so policies that demand one
// refuse it; the rest goes on to the application.

import type { Socket } from 'node:net';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { formatEndpoint } from '../../mesh/address.ts';
import type { Verdict } from '../../mesh/decision.ts';
import { serviceAtPort } from '../../mesh/plan-inbound.ts';
import { meshPorts } from '../../mesh/plan-outbound.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { ConnectionRecord, newTraceId, partyOf } from './connection-record.ts';
import { deliver, senderOf } from './inbound.ts';
import { destinationOf, remoteOf } from './original-destination.ts';
import { type PodContext, type ProxyParts, workloadPatienceMs } from './proxy-parts.ts';

/** Serves one captured plain connection to its end. Never rejects. */
export async function servePassthrough(
  parts: ProxyParts,
  context: PodContext,
  socket: Socket,
): Promise<void> {
  const { state, clock } = parts;
  const client = socketStream(socket);
  const source = remoteOf(socket);
  const destination = destinationOf(socket);
  const sender = senderOf(parts, source);
  const record = new ConnectionRecord(parts, {
    direction: 'inbound',
    traceId: newTraceId(),
    source: partyOf(source, { ...(sender && { workload: sender }) }),
    destination: partyOf(destination),
    transport: 'plain',
  });
  const refuse = (_status: number, verdict: Verdict): void => {
    client.destroy(new Error(verdict.reason));
    record.end(verdict);
  };
  try {
    if (meshPorts.includes(destination.port)) {
      const reason = `${formatEndpoint(destination)} is a port of the mesh itself`;
      refuse(503, { outcome: 'denied', code: 'AMB1408', reason });
      return;
    }
    const limit = { timeoutMs: workloadPatienceMs, clock, signal: context.end };
    const workload = await state.waitFor(() => state.workloadOfPod(context.pod), limit);
    if (workload === undefined) {
      const { namespace, name } = context.pod;
      throw new AmbitError('AMB1416', `nothing known of pod ${namespace}/${name}`);
    }
    const service = serviceAtPort(state, workload, destination.port);
    await deliver(parts, context, {
      source,
      ...(sender && { sender }),
      workload,
      destination,
      ...(service && { service }),
      record,
      hop: { address: formatEndpoint(destination) },
      accept: () => client,
      refuse,
    });
  } catch (error) {
    client.destroy(error instanceof Error ? error : new Error(String(error)));
    record.fail(error);
  }
}
