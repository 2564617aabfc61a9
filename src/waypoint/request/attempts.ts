// Sends one request until an endpoint answers: choice of endpoint, connection, timeouts, retries.

import { formatEndpoint } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { Attempt } from '../../mesh/decision.ts';
import { type AttemptOutcome, mayRetry, retryCondition } from '../../mesh/retry.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { UpstreamEndpoint } from '../upstream/endpoints.ts';
import type { UpstreamProtocol } from '../upstream/upstream-pool.ts';
import { chooseUpstream } from './choose-upstream.ts';
import {
  type Exchange,
  type RequestHead,
  type UpstreamAnswer,
  UpstreamFailure,
} from './exchange.ts';
import { headerIn } from './hop-headers.ts';
import type { Way } from './onward-head.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';
import type { ReplayBody } from './replay-body.ts';

/** How the attempts ended. */
export type Delivery =
  | {
      readonly kind: 'answered';
      readonly answer: UpstreamAnswer;
      readonly endpoint: UpstreamEndpoint;
      /** To be disposed when the response is over. */
      readonly load: Disposable;
      /** Would have been repeated, were any retry left. */
      readonly isExhausted?: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly status: number;
      readonly code: Code;
      readonly reason: string;
      readonly body: string;
      readonly flag: string;
      readonly endpoint?: UpstreamEndpoint;
    };

export interface Sending {
  readonly exchange: Exchange;
  readonly connection: ClientConnection;
  readonly parts: PipelineParts;
  readonly way: Way;
  /** Makes the head for the protocol that the endpoint speaks. */
  readonly headFor: (protocol: UpstreamProtocol) => RequestHead;
  readonly body: ReplayBody;
  /** Takes what came of each attempt, in order. */
  readonly attempted: (attempt: Attempt) => void;
  /** Ends everything: the client is gone, or the whole time has passed. */
  readonly signal: AbortSignal;
}

const defaultBackoffMs = 25;
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

interface Failed {
  readonly outcome: AttemptOutcome;
  readonly failure: Extract<Delivery, { kind: 'failed' }>;
  /** The connection had carried requests before, and the endpoint may just have closed it. */
  readonly isStale: boolean;
}

/** Makes attempts until one is answered for good. */
export async function deliver(sending: Sending): Promise<Delivery> {
  const { way, parts, body, exchange, signal } = sending;
  const retries = way.limits.retries;
  const firstMs = retries.backoffMs ?? defaultBackoffMs;
  const shape = { firstMs, maxMs: firstMs * 10, jitter: 0.5 };
  const backoff = new Backoff(shape, parts.clock, parts.random);
  const tried = new Set<string>();
  using counted = new DisposableStack();
  let isCounted = false;
  let left = retries.attempts;
  let mayRenew = idempotent.has(exchange.head.method);
  for (;;) {
    const result = await attempt(sending, retries.perTryTimeoutMs, tried);
    sending.attempted(attemptOf(result));
    const outcome = result.kind === 'result' ? outcomeOf(result.delivery) : result.failed.outcome;
    const canRepeat = body.canReplay && !signal.aborted;
    if (result.kind === 'failed' && result.failed.isStale && mayRenew && canRepeat) {
      // Not a failure of the endpoint: it closed an idle connection (RFC 9112 section 9.5).
      mayRenew = false;
      continue;
    }
    const condition =
      outcome !== undefined && retries.attempts > 0 && canRepeat
        ? retryCondition(retries.retryOn, outcome)
        : undefined;
    const isAffordable = condition !== undefined && left > 0 && (isCounted || canAfford(sending));
    if (!isAffordable) {
      const delivery = result.kind === 'result' ? result.delivery : result.failed.failure;
      return condition !== undefined && left === 0 ? exhausted(delivery) : delivery;
    }
    if (result.kind === 'result') abandon(result);
    if (retries.mayRepeatHosts === true) tried.clear();
    left--;
    if (!isCounted) counted.use(parts.activity.enter(retriesOf(way.backend.service)));
    isCounted = true;
    await backoff.wait(signal).catch(() => undefined);
  }
}

/** The names under which the requests of a service that are under way are counted, and those of them that
 * are in a retry. */
export function requestsOf(service: ServiceKey): string {
  return `requests of ${service}`;
}

function retriesOf(service: ServiceKey): string {
  return `retries of ${service}`;
}

/** Whether the retry budget of the service has room for this request. */
function canAfford({ way, parts }: Sending): boolean {
  const { service } = way.backend;
  const { table, activity } = parts;
  const budget = table.get(service)?.destination?.policy?.retryBudget;
  const underWay = activity.active(requestsOf(service));
  return mayRetry(budget, underWay, activity.active(retriesOf(service)));
}

type AttemptResult =
  | { readonly kind: 'result'; readonly delivery: Delivery; readonly abort?: AbortController }
  | { readonly kind: 'failed'; readonly failed: Failed };

/** Marks what is returned only because no retry is left, as Envoy does (URX). */
function exhausted(delivery: Delivery): Delivery {
  if (delivery.kind === 'answered') return { ...delivery, isExhausted: true };
  return { ...delivery, flag: `${delivery.flag},URX` };
}

/** An attempt as the decision record tells of it. */
function attemptOf(result: AttemptResult): Attempt {
  const delivery = result.kind === 'result' ? result.delivery : result.failed.failure;
  const { endpoint } = delivery;
  const where = endpoint && { address: formatEndpoint(endpoint), workload: endpoint.workload.name };
  if (delivery.kind === 'answered') return { ...where, status: delivery.answer.head.status };
  return { ...where, reason: delivery.reason, code: delivery.code };
}

/** Gives up an answer that is to be repeated. */
function abandon({ delivery, abort }: Extract<AttemptResult, { kind: 'result' }>): void {
  if (delivery.kind === 'answered') delivery.load[Symbol.dispose]();
  abort?.abort(new Error('another attempt is made'));
}

async function attempt(
  sending: Sending,
  perTryTimeoutMs: number | undefined,
  tried: Set<string>,
): Promise<AttemptResult> {
  const { connection, parts, exchange, signal, way } = sending;
  const choice = chooseUpstream(way.backend, connection, parts, tried);
  if (choice.kind === 'none') {
    const { code, reason, flag } = choice;
    const body = 'no healthy upstream';
    return { kind: 'result', delivery: { kind: 'failed', status: 503, code, reason, flag, body } };
  }
  const { endpoint } = choice;
  tried.add(endpoint.workload.uid);
  const load = parts.activity.enter(endpoint.workload.uid);
  const abort = new AbortController();
  const ended = AbortSignal.any([signal, abort.signal]);
  const answered = new AbortController();
  if (perTryTimeoutMs !== undefined) {
    void limitTry(perTryTimeoutMs, sending, abort, answered.signal);
  }
  let isStale = false;
  try {
    const declared = protocolFor(choice.appProtocol, exchange.head);
    const isExtended = exchange.head.upgrade !== undefined && declared === 'http2';
    const canExtend = !isExtended || (await connection.upstreams.canUpgradeHttp2(endpoint));
    const protocol = canExtend ? declared : 'http1';
    const head = sending.headFor(protocol);
    const acquired = await connection.upstreams.acquire(endpoint, protocol, ended);
    isStale = acquired.isReused;
    const answer = await acquired.connection.send(head, sending.body.forAttempt(), {
      signal: ended,
      inform: (informational) => exchange.inform(informational),
    });
    return {
      kind: 'result',
      delivery: { kind: 'answered', answer, endpoint, load },
      abort,
    };
  } catch (error) {
    load[Symbol.dispose]();
    const isTimeout = abort.signal.aborted && !signal.aborted;
    return { kind: 'failed', failed: failedBy(error, endpoint, isTimeout, isStale) };
  } finally {
    answered.abort();
  }
}

/** Ends one try when its time has passed, counted from the end of the request. */
async function limitTry(
  limitMs: number,
  { parts, body }: Sending,
  abort: AbortController,
  answered: AbortSignal,
): Promise<void> {
  await body.complete;
  if (answered.aborted) return;
  try {
    await parts.clock.wait(limitMs, answered);
    abort.abort(new Error(`no response within ${limitMs} ms`));
  } catch {
    // The answer came first.
  }
}

/** What a failed attempt means. */
function failedBy(
  error: unknown,
  endpoint: UpstreamEndpoint,
  isTimeout: boolean,
  isReused: boolean,
): Failed {
  const stage = error instanceof UpstreamFailure ? error.stage : 'reset';
  const detail = causeChain(error instanceof UpstreamFailure ? error.cause : error);
  const to = `${endpoint.workload.name} (${endpoint.address}:${endpoint.port})`;
  const isStale = isReused && stage === 'reset' && !isTimeout;
  const failed = (
    outcome: AttemptOutcome,
    failure: Omit<Extract<Delivery, { kind: 'failed' }>, 'kind' | 'endpoint'>,
  ): Failed => ({ outcome, isStale, failure: { kind: 'failed', endpoint, ...failure } });
  if (isTimeout) {
    const reason = `${to} did not answer within the time for one try`;
    const body = 'upstream request timeout';
    const failure = { status: 504, code: 'AMB1708', reason, body, flag: 'UT' } as const;
    return failed({ kind: 'failure', stage: 'timeout' }, failure);
  }
  const table = {
    connect: { code: 'AMB1706', words: 'could not be reached', flag: 'UF' },
    refused: { code: 'AMB1716', words: 'refused the request', flag: 'UR' },
    reset: { code: 'AMB1707', words: 'broke off before a response', flag: 'UC' },
  } as const;
  const { code, words, flag } = table[stage];
  const reason = `${to} ${words}: ${detail}`;
  const body = 'upstream connect error or disconnect/reset before headers';
  return failed({ kind: 'failure', stage }, { status: 503, code, reason, body, flag });
}

function outcomeOf(delivery: Delivery): AttemptOutcome | undefined {
  if (delivery.kind === 'failed' || delivery.answer.kind === 'upgraded') return undefined;
  const { status, headers } = delivery.answer.head;
  const grpcStatus = headerIn(headers, 'grpc-status');
  const grpc = grpcStatus === undefined ? {} : { grpcStatus: Number(grpcStatus) };
  const rateLimited = headerIn(headers, 'x-envoy-ratelimited') !== undefined;
  return { kind: 'response', status, rateLimited, ...grpc };
}

/** The protocol towards the endpoint: what the port declares, otherwise what the client speaks, but for
 * changes to another protocol, which every HTTP/1.1 endpoint may take. */
export function protocolFor(declared: string, head: RequestHead): UpstreamProtocol {
  if (declared === 'http2' || declared === 'grpc') return 'http2';
  if (head.upgrade !== undefined || declared === 'http11') return 'http1';
  return head.version === '2' ? 'http2' : 'http1';
}
