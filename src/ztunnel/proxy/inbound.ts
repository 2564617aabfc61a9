// The story of a connection that arrives at a pod: through a tunnel, with a proved identity, or in
// plain text with none. Both are judged by the same policies, and again when those change.

import type { Socket } from 'node:net';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { splice } from '../../dataplane/splice.ts';
import type { TunnelRequest } from '../../dataplane/tunnel/tunnel.ts';
import { type Endpoint, formatEndpoint, loopbackLike } from '../../mesh/address.ts';
import type { ConnectionVerdict } from '../../mesh/authorize-connection.ts';
import { baggageOf, parseBaggage } from '../../mesh/baggage.ts';
import type { Hop, Verdict } from '../../mesh/decision.ts';
import {
  decisionHeader,
  decisionNote,
  forwardedHost,
  forwardedNetworkHeader,
  traceIdOf,
} from '../../mesh/hop-headers.ts';
import type { Identity } from '../../mesh/identity.ts';
import { planInbound } from '../../mesh/plan-inbound.ts';
import type { Service } from '../../mesh/service.ts';
import { identityOfWorkload, type Workload } from '../../mesh/workload.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import { encodeProxyHeader } from '../../wire/proxy-protocol.ts';
import { ConnectionRecord, newTraceId, partyOf } from './connection-record.ts';
import { dialApplication } from './dial.ts';
import type { PodContext, ProxyParts } from './proxy-parts.ts';

/** How long a connection waits for a policy that its workload refers to. */
const policyPatienceMs = 1_000;

/** How the connection came. */
export interface Arrival {
  readonly source: Endpoint;
  /** Proved by mutual TLS. */
  readonly identity?: Identity;
  /** The workload at the source's address, where that address is of this network. */
  readonly sender?: Workload;
  readonly workload: Workload;
  /** The application's address and port. */
  readonly destination: Endpoint;
  readonly service?: Service;
  readonly baggage?: string;
  readonly record: ConnectionRecord;
  readonly hop: Hop;
  /** What the application is told by the PROXY protocol that the client asked for. */
  readonly announced?: Endpoint;
  /** Gives the client's stream, once the application is connected. */
  readonly accept: () => ByteStream;
  readonly refuse: (status: 401 | 503, verdict: Verdict) => void;
}

/** Serves one tunnel request to its end. Never rejects. */
export async function serveTunnelRequest(
  parts: ProxyParts,
  context: PodContext,
  request: TunnelRequest,
): Promise<void> {
  const { state, network } = parts;
  const { authority, headers, peer, local, peerIdentity } = request;
  const sender = fromElsewhere(parts, headers) ? undefined : senderOf(parts, peer);
  const record = new ConnectionRecord(parts, {
    direction: 'inbound',
    traceId: traceIdOf(headers.get('traceparent')) ?? newTraceId(),
    source: partyOf(peer, { ...(sender && { workload: sender }), identity: peerIdentity }),
    destination: partyOf(local),
    transport: 'tunnel',
  });
  const refuse = (status: number, verdict: Verdict): void => {
    const { code = 'AMB1005' } = verdict;
    request.refuse(status, { [decisionHeader]: decisionNote(record.id, code) });
    parts.refusals.add({ code });
    record.end(verdict);
  };
  const workload = state.workloadOfPod(context.pod);
  if (workload === undefined) {
    const reason = `nothing known of pod ${context.pod.namespace}/${context.pod.name}`;
    refuse(503, { outcome: 'failed', code: 'AMB1416', reason });
    return;
  }
  const claimedHost = forwardedHost(headers.get('forwarded'));
  const plan = planInbound(state, {
    authority,
    local,
    workload,
    network,
    ...(claimedHost !== undefined && { claimedHost }),
  });
  if (plan.kind === 'refuse') {
    refuse(plan.status, { outcome: 'failed', code: plan.code, reason: plan.reason });
    return;
  }
  const baggage = parts.baggage ? headers.get('baggage') : undefined;
  await deliver(parts, context, {
    source: peer,
    identity: peerIdentity,
    ...(sender && { sender }),
    workload,
    destination: plan.destination,
    ...(plan.service && { service: plan.service }),
    ...(plan.announced && { announced: plan.announced }),
    ...(baggage !== undefined && { baggage }),
    record,
    hop: { address: formatEndpoint(local), authority },
    accept: () => request.accept(parts.baggage ? { baggage: baggageOf(workload) } : {}),
    refuse,
  });
}

/** Judges, connects the application, and copies until both are done. Never rejects. */
export async function deliver(
  parts: ProxyParts,
  context: PodContext,
  arrival: Arrival,
): Promise<void> {
  const { source, identity, destination, workload, record, refuse } = arrival;
  describe(arrival);
  await allPoliciesKnown(parts, context, workload);
  const ended = new AbortController();
  let denied: Verdict | undefined;
  using permit = parts.connections.admit(
    { source, destination, ...(identity !== undefined && { sourceIdentity: identity }) },
    workload,
    (verdict) => {
      denied = { ...denialOf(verdict), code: 'AMB1411' };
      ended.abort(new AmbitError('AMB1411', verdict.reason));
    },
  );
  record.shadow = permit.shadow;
  if (permit.verdict.kind === 'deny') {
    refuse(401, denialOf(permit.verdict));
    return;
  }
  let socket: Socket;
  try {
    socket = await dialApplication(context, dialled(parts, arrival), source.address, parts.log);
  } catch (error) {
    refuse(503, { outcome: 'failed', code: codeOf(error), reason: causeChain(error) });
    return;
  }
  const client = arrival.accept();
  announce(socket, arrival);
  const result = await splice(client, socketStream(socket), {
    signal: AbortSignal.any([context.end, ended.signal]),
    onBytes: record.count,
  });
  record.finish(result, permit.verdict.reason, denied);
}

/** Tells an application that wants to know who is at the other end; before anything of the client's. */
function announce(socket: Socket, { source, identity, announced }: Arrival): void {
  if (announced === undefined) return;
  const header = { source, destination: announced, ...(identity && { identity }) };
  socket.write(encodeProxyHeader(header));
}

/** Where the application is reached. One that is told by the PROXY protocol who is there believes what
 * it is told, so it listens on loopback, where only the node proxy gets through to it. */
function dialled({ loopbackTunnel }: ProxyParts, { destination, announced }: Arrival): Endpoint {
  if (announced === undefined || !loopbackTunnel) return destination;
  return { ...destination, address: loopbackLike(destination.address) };
}

/** A workload may be described an instant before a policy that it refers to. */
async function allPoliciesKnown(
  { state, clock }: ProxyParts,
  { end }: PodContext,
  workload: Workload,
): Promise<void> {
  const known = () => (state.policiesFor(workload).missing.length === 0 ? true : undefined);
  await state.waitFor(known, { timeoutMs: policyPatienceMs, clock, signal: end });
}

/** Puts both ends into the record, and counts the connection. */
function describe(arrival: Arrival): void {
  const { identity, workload, destination, service, baggage, record, hop } = arrival;
  const addressed = service && { service };
  record.facts.destination = partyOf(destination, {
    workload,
    ...addressed,
    ...(identity !== undefined && { identity: identityOfWorkload(workload) }),
  });
  record.opened(hop, {
    reporter: 'destination',
    ...(arrival.sender && { source: arrival.sender }),
    ...(baggage !== undefined && { sourceBaggage: parseBaggage(baggage) }),
    ...(identity !== undefined && { sourceIdentity: identity }),
    destination: workload,
    ...addressed,
    mutualTls: identity !== undefined,
  });
}

/** Whether the request crossed a gateway, whose address says nothing of who is behind it (protocol
 * section 3.2, `x-forwarded-network`). */
function fromElsewhere({ network }: ProxyParts, headers: ReadonlyMap<string, string>): boolean {
  const claimed = headers.get(forwardedNetworkHeader);
  return claimed !== undefined && claimed.toLowerCase() !== network.toLowerCase();
}

/** The workload that a connection comes from, by its address. */
export function senderOf(
  { state, network }: Pick<ProxyParts, 'state' | 'network'>,
  source: Endpoint,
): Workload | undefined {
  return state.workloadByAddress(network, source.address);
}

function denialOf(verdict: ConnectionVerdict & { readonly kind: 'deny' }): Verdict {
  const { code, reason, policy, rule } = verdict;
  return {
    outcome: 'denied',
    code,
    reason,
    ...(policy !== undefined && { policy }),
    ...(rule !== undefined && { rule }),
  };
}
