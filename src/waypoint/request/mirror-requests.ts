// Copies of a request to the mirrors of its route: sent beside it, read to the end, thrown away.
// Whatever becomes of them is counted, and never felt by the request itself.

import type { Mirror } from '../../mesh/route.ts';
import { causeChain } from '../../runtime/errors.ts';
import { RequestHash } from '../balance/request-hash.ts';
import { PoolOverflow } from '../destinations/destination-load.ts';
import { UpstreamPool, type UpstreamProtocol } from '../upstream/upstream-pool.ts';
import { schemed } from './attempts.ts';
import { chooseUpstream, firstAttempt } from './choose-upstream.ts';
import { type Body, noBody, type RequestHead, UpstreamFailure } from './exchange.ts';
import { findUpstream } from './find-upstream.ts';
import { answeredWith, observe } from './observe-endpoint.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';
import { TeeBody } from './tee-body.ts';
import { protocolTowards } from './upstream-protocol.ts';

/** The time for one copy where the route has no timeout, milliseconds. */
const defaultTimeoutMs = 60_000;

export interface Mirroring {
  readonly mirrors: readonly Mirror[];
  readonly head: RequestHead;
  readonly body: Body;
  readonly connection: ClientConnection;
  readonly parts: PipelineParts;
  /** Of the route; 0 for none. */
  readonly timeoutMs: number;
  /** The head as the request's own endpoint would get it. */
  readonly headFor: (protocol: UpstreamProtocol) => RequestHead;
}

/** Starts the copies. The answer is the body that the request itself is to be sent with; it must be
 * disposed when the request is over. */
export function mirrorRequests(mirroring: Mirroring): TeeBody {
  const tee = new TeeBody(mirroring.body);
  // Requests to change the protocol are about what follows them, which is not copied.
  if (mirroring.head.upgrade !== undefined) return tee;
  const { traffic } = mirroring.parts.mirrors;
  for (const mirror of mirroring.mirrors) {
    if (!traffic.enter()) {
      traffic.count('overflow', mirror);
      continue;
    }
    const body = mirroring.body.length === 0 ? noBody : tee.copy();
    void sendCopy(mirror, body, mirroring).finally(() => traffic.leave());
  }
  return tee;
}

function isOverflow(error: unknown): boolean {
  return (
    error instanceof PoolOverflow ||
    (error instanceof UpstreamFailure && error.stage === 'overflow')
  );
}

/** Never rejects. */
async function sendCopy(mirror: Mirror, body: Body, mirroring: Mirroring): Promise<void> {
  const { connection, parts, headFor, timeoutMs } = mirroring;
  const { clock, log, mirrors } = parts;
  const over = new AbortController();
  const late = new AbortController();
  const limitMs = timeoutMs === 0 ? defaultTimeoutMs : timeoutMs;
  clock.wait(limitMs, over.signal).then(
    () => late.abort(new Error(`no answer within ${limitMs} ms`)),
    () => undefined,
  );
  const signal = AbortSignal.any([late.signal, mirrors.ended]);
  // The connections of the client end with it; a copy may take longer.
  using upstreams = new UpstreamPool(
    (endpoint, ended) =>
      parts.open(
        endpoint,
        { traceId: connection.traceId, spanId: parts.hex(16), client: connection.peer },
        ended,
      ),
    clock,
  );
  try {
    const { service, subset, port } = mirror;
    const backend = { service, weight: 1, ...(subset && { subset }), ...(port && { port }) };
    const { head } = mirroring;
    const hashed = { sourceAddress: connection.source.address, request: head };
    const hash = new RequestHash(hashed, parts.hex);
    const request = { authority: () => headFor('http1').authority, isUpgrade: false };
    const choice = await findUpstream(
      { backend, connection, parts, request, signal },
      (known, ejected) =>
        chooseUpstream(backend, connection, known, { ...firstAttempt, ejected, hash }),
    );
    if (choice.kind === 'none') throw new Error(`${choice.code} ${choice.reason}`);
    using _counted = choice.destination?.load.enterRequest();
    const protocol = protocolTowards(choice, head);
    const acquired = await upstreams.acquire(choice.endpoint, protocol, signal, choice.destination);
    const answer = await acquired.connection.send(
      schemed(headFor(protocol), choice.endpoint),
      body,
      {
        signal,
        inform: () => undefined,
      },
    );
    observe(choice, answeredWith(answer));
    if (answer.kind === 'response') while ((await answer.body.read()) !== undefined);
    mirrors.traffic.count('answered', mirror);
  } catch (error) {
    mirrors.traffic.count(isOverflow(error) ? 'overflow' : 'failed', mirror);
    log.debug({ mirror: mirror.service, error: causeChain(error) }, 'a mirrored request failed');
  } finally {
    over.abort();
  }
}
