// Forwards one request and its response: the whole timeout, the attempts, then the body back to the
// client, or the change to another protocol.

import { splice } from '../../dataplane/splice.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { UpstreamEndpoint } from '../upstream/endpoints.ts';
import { type Delivery, deliver, type Sending } from './attempts.ts';
import { type Body, type Exchange, goneCode, type UpstreamAnswer } from './exchange.ts';
import { headerIn } from './hop-headers.ts';
import { isStatusWithoutBody } from './local-answer.ts';
import { returnHead } from './onward-head.ts';
import type { Ending } from './record-request.ts';
import { ReplayBody } from './replay-body.ts';

/** How forwarding ended: the client has its answer, or needs one from the waypoint. */
export type Forwarded =
  | { readonly kind: 'done'; readonly ending: Omit<Ending, 'reason' | 'flag'> & Partial<Ending> }
  | {
      readonly kind: 'unanswered';
      readonly failure: Extract<Delivery, { kind: 'failed' }>;
      readonly bytesSent: number;
    };

/** What is to be sent; `source` is the body of the request. */
export type Forwarding = Omit<Sending, 'body' | 'signal'> & { readonly source: Body };

/** Forwards. Rejects only when an upgrade's client is gone. */
export async function forward(options: Forwarding): Promise<Forwarded> {
  const { exchange, way, parts } = options;
  const { timeoutMs, retries } = way.limits;
  const body = new ReplayBody(options.source, retries.attempts > 0);
  const over = new AbortController();
  const late = new AbortController();
  if (timeoutMs > 0) void limit(timeoutMs, body, late, over.signal, parts);
  const signal = AbortSignal.any([exchange.signal, late.signal, body.broken]);
  try {
    const delivery = await deliver({ ...options, body, signal });
    const { broken } = body;
    const isMalformed = broken.aborted && broken.reason instanceof AmbitError;
    const isCut = broken.aborted && !isMalformed;
    if (exchange.signal.aborted || isCut) return clientGone(delivery, exchange, body);
    if (late.signal.aborted) return timedOut(delivery, timeoutMs, body);
    if (isMalformed) return bodyBroken(delivery, body, parts);
    if (delivery.kind === 'failed') {
      return { kind: 'unanswered', failure: delivery, bytesSent: body.bytes };
    }
    using _load = delivery.load;
    const { endpoint } = delivery;
    const answer = withKept(delivery);
    const retried = delivery.flag === undefined ? {} : { flag: delivery.flag };
    const ending =
      answer.kind === 'upgraded'
        ? await passUpgrade(exchange, answer, endpoint)
        : await passResponse(options, answer, endpoint, late.signal);
    return { kind: 'done', ending: { bytesSent: body.bytes, ...retried, ...ending } };
  } finally {
    over.abort();
  }
}

/** Fires `late` when the time has passed, counted from the end of the request. */
async function limit(
  timeoutMs: number,
  body: ReplayBody,
  late: AbortController,
  over: AbortSignal,
  parts: Sending['parts'],
): Promise<void> {
  await body.complete;
  if (over.aborted) return;
  try {
    await parts.clock.wait(timeoutMs, over);
    late.abort(new Error(`not complete within ${timeoutMs} ms`));
  } catch {
    // The response was complete first.
  }
}

function clientGone(delivery: Delivery, exchange: Exchange, body: ReplayBody): Forwarded {
  if (delivery.kind === 'answered') delivery.load[Symbol.dispose]();
  const { endpoint } = delivery;
  const ending = {
    ...goneEnding(exchange, body.broken.reason),
    status: 0,
    bytesSent: body.bytes,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  return { kind: 'done', ending };
}

function goneEnding(exchange: Exchange, cut?: unknown) {
  const why: unknown = exchange.signal.reason ?? cut;
  const reason = `the client gave up: ${causeChain(why)}`;
  return { outcome: 'failed', code: goneCode(exchange), reason, flag: 'DC' } as const;
}

function timedOut(delivery: Delivery, timeoutMs: number, body: ReplayBody): Forwarded {
  if (delivery.kind === 'answered') delivery.load[Symbol.dispose]();
  const { endpoint } = delivery;
  const failure = {
    kind: 'failed',
    status: 504,
    code: 'AMB1708',
    reason: `no complete response within ${timeoutMs} ms`,
    body: 'upstream request timeout',
    flag: 'UT',
    ...(endpoint === undefined ? {} : { endpoint }),
  } as const;
  return { kind: 'unanswered', failure, bytesSent: body.bytes };
}

/** The rest of the client's body can not be understood: it is the client's fault, not the endpoint's. */
function bodyBroken(delivery: Delivery, body: ReplayBody, parts: Sending['parts']): Forwarded {
  if (delivery.kind === 'answered') delivery.load[Symbol.dispose]();
  const { endpoint } = delivery;
  const error: unknown = body.broken.reason;
  const code = error instanceof AmbitError ? error.code : 'AMB1747';
  const reason = causeChain(error);
  parts.refused(code);
  const failure = {
    kind: 'failed',
    status: 400,
    code,
    reason,
    body: reason,
    flag: '-',
    ...(endpoint === undefined ? {} : { endpoint }),
  } as const;
  return { kind: 'unanswered', failure, bytesSent: body.bytes };
}

/** The answer with what keeps the client at this endpoint. */
function withKept({ answer, kept }: Extract<Delivery, { kind: 'answered' }>): UpstreamAnswer {
  if (kept.length === 0) return answer;
  const headers: HeaderList = [...answer.head.headers, ...kept];
  return { ...answer, head: { ...answer.head, headers } };
}

type DoneEnding = Extract<Forwarded, { kind: 'done' }>['ending'];

/** Sends the endpoint's response on. A body that breaks off is broken off for the client too. */
async function passResponse(
  { exchange, way }: Forwarding,
  answer: Extract<UpstreamAnswer, { kind: 'response' }>,
  endpoint: UpstreamEndpoint,
  late: AbortSignal,
): Promise<DoneEnding> {
  const head = returnHead(answer.head, way);
  const { status } = head;
  // A gRPC error may be a head alone, and only with its end is it taken for that ("Trailers-Only").
  const bodyless =
    exchange.head.method === 'HEAD' || isStatusWithoutBody(status) || answer.body.length === 0;
  const grpcHeader = headerIn(head.headers, 'grpc-status');
  let bytesReceived = 0;
  const sink = exchange.respond(head, { bodyless });
  const base = { endpoint, status } as const;
  try {
    for (
      let bytes = await answer.body.read();
      bytes !== undefined;
      bytes = await answer.body.read()
    ) {
      if (bodyless) continue;
      await sink.write(bytes);
      bytesReceived += bytes.length;
    }
    const trailers = answer.body.trailers();
    if (!bodyless) await sink.end(trailers);
    const grpcStatus = headerIn(trailers, 'grpc-status') ?? grpcHeader;
    return {
      ...base,
      outcome: 'forwarded',
      bytesReceived,
      ...(grpcStatus === undefined ? {} : { grpcStatus }),
    };
  } catch (error) {
    if (exchange.signal.aborted) return { ...base, ...goneEnding(exchange), bytesReceived };
    exchange.abort(error instanceof Error ? error : new Error(String(error)));
    const [code, flag] = late.aborted ? (['AMB1708', 'UT'] as const) : (['AMB1712', 'UC'] as const);
    const reason = `the response broke off after ${bytesReceived} bytes: ${causeChain(error)}`;
    return { ...base, outcome: 'failed', code, reason, flag, bytesReceived };
  }
}

async function passUpgrade(
  exchange: Exchange,
  answer: Extract<UpstreamAnswer, { kind: 'upgraded' }>,
  endpoint: UpstreamEndpoint,
): Promise<DoneEnding> {
  const client = exchange.upgrade(answer.head);
  // A client that is gone while the endpoint is silent would not be noticed by copying alone.
  const result = await splice(client, answer.stream, { signal: exchange.signal });
  return {
    outcome: 'forwarded',
    endpoint,
    status: answer.head.status,
    bytesSent: result.aToB,
    bytesReceived: result.bToA,
  };
}
