// Sends one request until an endpoint answers: choice of endpoint, connection, timeouts, retries.

import { formatEndpoint } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { Attempt } from '../../mesh/decision.ts';
import type { HashFacts } from '../../mesh/hash-input.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import { type AttemptOutcome, mayRetry, retryCondition } from '../../mesh/retry.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { causeChain } from '../../runtime/errors.ts';
import { RequestHash } from '../balance/request-hash.ts';
import { RequestSession } from '../balance/request-session.ts';
import { PoolOverflow } from '../destinations/destination-load.ts';
import type { Destination } from '../destinations/destinations.ts';
import { codeOfOpening } from '../upstream/begin-connection.ts';
import type { UpstreamEndpoint } from '../upstream/endpoints.ts';
import type { UpstreamProtocol } from '../upstream/upstream-pool.ts';
import { chooseUpstream } from './choose-upstream.ts';
import {
  type Exchange,
  type RequestHead,
  type UpstreamAnswer,
  UpstreamFailure,
} from './exchange.ts';
import { findUpstream, noteOn } from './find-upstream.ts';
import { headerIn, headerMap } from './hop-headers.ts';
import { answeredWith, failureOf, observe } from './observe-endpoint.ts';
import type { Way } from './onward-head.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';
import type { ReplayBody } from './replay-body.ts';
import { protocolTowards } from './upstream-protocol.ts';

/** How the attempts ended. */
export type Delivery =
  | {
      readonly kind: 'answered';
      readonly answer: UpstreamAnswer;
      readonly endpoint: UpstreamEndpoint;
      /** To be disposed when the response is over. */
      readonly load: Disposable;
      /** Why it was not repeated, although it was to be. */
      readonly flag?: 'URX' | 'UO';
      /** Headers that keep the client at this endpoint. */
      readonly kept: HeaderList;
    }
  | {
      readonly kind: 'failed';
      readonly status: number;
      readonly code: Code;
      readonly reason: string;
      readonly body: string;
      /** Beside those of every answer. */
      readonly headers?: HeaderList;
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
  /** Takes what is to be said of the choice of an endpoint. */
  readonly noted: (text: string) => void;
  /** Ends everything: the client is gone, or the whole time has passed. */
  readonly signal: AbortSignal;
}

const defaultBackoffMs = 25;
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

interface Failed {
  /** Absent for what is never repeated. */
  readonly outcome: AttemptOutcome | undefined;
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
  const memory: Memory = {
    avoid: new Set(),
    leave: new Set(),
    hash: new RequestHash(hashFactsOf(sending), parts.hex),
    session: sessionOf(sending),
  };
  const { avoid, leave } = memory;
  using counted = new DisposableStack();
  let isCounted = false;
  let retriesLeft = retries.attempts;
  let mayRenew = idempotent.has(exchange.head.method);
  for (;;) {
    const result = await attempt(sending, memory);
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
    const delivery = result.kind === 'result' ? result.delivery : result.failed.failure;
    if (condition === undefined) return delivery;
    if (retriesLeft === 0) return flagged(delivery, 'URX');
    if (!isCounted) {
      const retrying = enterRetry(result.destination);
      if (retrying === undefined) return flagged(delivery, 'UO');
      counted.use(retrying);
      isCounted = true;
    }
    if (result.kind === 'result') abandon(result);
    if (retries.remoteLocalities === true) for (const uid of avoid) leave.add(uid);
    if (retries.mayRepeatHosts === true) avoid.clear();
    retriesLeft--;
    await backoff.wait(signal).catch(() => undefined);
  }
}

/** Counts a request in that is to be repeated; undefined when the destination's budget or limit has no room
 * for it. A request that leads nowhere else is not limited. */
function enterRetry(destination: Destination | undefined): Disposable | undefined {
  if (destination === undefined) return unlimited;
  const { load, policy } = destination;
  const { requests, retries } = load.use;
  if (!mayRetry(policy.retryBudget, requests, retries)) {
    load.overflow('retryBudget');
    return undefined;
  }
  try {
    return load.enterRetry();
  } catch (error) {
    if (error instanceof PoolOverflow) return undefined;
    throw error;
  }
}

const unlimited: Disposable = { [Symbol.dispose]: () => undefined };

type AttemptResult = { readonly destination?: Destination } & (
  | { readonly kind: 'result'; readonly delivery: Delivery; readonly abort?: AbortController }
  | { readonly kind: 'failed'; readonly failed: Failed }
);

/** Marks what is returned only because it may not be repeated, as Envoy does: no retry is left (URX), or
 * there are too many of them (UO). */
function flagged(delivery: Delivery, flag: 'URX' | 'UO'): Delivery {
  if (delivery.kind === 'answered') return { ...delivery, flag };
  return { ...delivery, flag: `${delivery.flag},${flag}` };
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

async function attempt(sending: Sending, memory: Memory): Promise<AttemptResult> {
  const { connection, parts, exchange, signal, way } = sending;
  const { perTryTimeoutMs } = way.limits.retries;
  const request = {
    authority: () => sending.headFor('http1').authority,
    isUpgrade: exchange.head.upgrade !== undefined,
  };
  const abort = new AbortController();
  const ended = AbortSignal.any([signal, abort.signal]);
  const answered = new AbortController();
  using trying = new DisposableStack();
  trying.defer(() => answered.abort());
  if (perTryTimeoutMs !== undefined) {
    void limitTry(perTryTimeoutMs, sending, abort, answered.signal);
  }
  const query = { backend: way.backend, connection, parts, request, signal: ended };
  const choice = await findUpstream(query, (known, ejected) =>
    chooseUpstream(way.backend, connection, known, {
      ...memory,
      ejected,
    }),
  );
  if (choice.kind === 'none') {
    if (abort.signal.aborted && !signal.aborted) return lateWithoutEndpoint;
    const { code, reason, flag } = choice;
    const body = 'no healthy upstream';
    return { kind: 'result', delivery: { kind: 'failed', status: 503, code, reason, flag, body } };
  }
  const { endpoint, destination } = choice;
  const note = destination && noteOn(destination);
  for (const told of [note, choice.note]) if (told !== undefined) sending.noted(told);
  const { avoid, hash, session } = memory;
  avoid.add(endpoint.workload.uid);
  const found = destination && { destination };
  using failing = new DisposableStack();
  failing.use(parts.activity.enter(endpoint.workload.uid));
  let isStale = false;
  try {
    if (destination) failing.use(enterRequest(destination));
    const wished = protocolTowards(choice, exchange.head);
    const isExtended = exchange.head.upgrade !== undefined && wished === 'http2';
    const { upstreams } = connection;
    const canExtend =
      !isExtended || (await upstreams.canUpgradeHttp2(endpoint, ended, destination));
    const protocol = canExtend ? wished : 'http1';
    const head = schemed(sending.headFor(protocol), endpoint);
    const acquired = await upstreams.acquire(endpoint, protocol, ended, destination);
    isStale = acquired.isReused;
    const answer = await acquired.connection.send(head, sending.body.forAttempt(), {
      signal: ended,
      inform: (informational) => exchange.inform(informational),
    });
    observe(choice, answeredWith(answer));
    const load = failing.move();
    const kept = [...hash.headers, ...session.headersFor(endpoint.workload.uid)];
    return {
      ...found,
      kind: 'result',
      delivery: { kind: 'answered', answer, endpoint, load, kept },
      abort,
    };
  } catch (error) {
    const isTimeout = abort.signal.aborted && !signal.aborted;
    const failed = failedBy(error, endpoint, isTimeout, isStale);
    // A client that is gone, or whose body can not be read on, says nothing of the endpoint.
    const isClients = exchange.signal.aborted || sending.body.broken.aborted;
    if (!isClients && !failed.isStale) observe(choice, failureOf(failed, ended));
    return { ...found, kind: 'failed', failed };
  }
}

/** What the attempts of a request know of those before. */
interface Memory {
  /** Those that were tried. */
  readonly avoid: Set<string>;
  /** Those whose places are to be left. */
  readonly leave: Set<string>;
  readonly hash: RequestHash;
  readonly session: RequestSession;
}

function hashFactsOf({ connection, exchange }: Sending): HashFacts {
  return { sourceAddress: connection.source.address, request: exchange.head };
}

function sessionOf({ way, parts, exchange }: Sending): RequestSession {
  const rule = way.route?.sessionPersistence;
  const headers = rule === undefined ? noHeaders : headerMap(exchange.head.headers);
  return new RequestSession(rule, way.backend, headers, parts.clock.now());
}

const noHeaders: ReadonlyMap<string, string> = new Map();

/** A try whose time passed while it was still being found where to go. */
const lateWithoutEndpoint: AttemptResult = {
  kind: 'failed',
  failed: {
    outcome: { kind: 'failure', stage: 'timeout' },
    isStale: false,
    failure: {
      kind: 'failed',
      status: 504,
      code: 'AMB1708',
      reason: 'the endpoint was not found and asked for its protocol within the time for one try',
      body: 'upstream request timeout',
      flag: 'UT',
    },
  },
};

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
    outcome: AttemptOutcome | undefined,
    failure: Omit<Extract<Delivery, { kind: 'failed' }>, 'kind' | 'endpoint'>,
  ): Failed => ({ outcome, isStale, failure: { kind: 'failed', endpoint, ...failure } });
  if (isTimeout) {
    const reason = `${to} did not answer within the time for one try`;
    const body = 'upstream request timeout';
    const failure = { status: 504, code: 'AMB1708', reason, body, flag: 'UT' } as const;
    return failed({ kind: 'failure', stage: 'timeout' }, failure);
  }
  if (stage === 'overflow') {
    const failure = { status: 503, code: 'AMB1720', reason: detail, flag: 'UO' } as const;
    return failed(undefined, { ...failure, body: overflowBody, headers: overflowHeaders });
  }
  const table = {
    connect: { code: 'AMB1706', words: 'could not be reached', flag: 'UF' },
    refused: { code: 'AMB1716', words: 'refused the request', flag: 'UR' },
    reset: { code: 'AMB1707', words: 'broke off before a response', flag: 'UC' },
  } as const;
  const { words, flag } = table[stage];
  const code = stage === 'connect' ? codeOfOpening(error) : table[stage].code;
  const reason = `${to} ${words}: ${detail}`;
  const body = 'upstream connect error or disconnect/reset before headers';
  return failed({ kind: 'failure', stage }, { status: 503, code, reason, body, flag });
}

const overflowBody =
  'upstream connect error or disconnect/reset before headers. reset reason: overflow';
const overflowHeaders: HeaderList = [['x-envoy-overloaded', 'true']];

function enterRequest({ load }: Destination): Disposable {
  try {
    return load.enterRequest();
  } catch (error) {
    throw error instanceof PoolOverflow ? new UpstreamFailure('overflow', error) : error;
  }
}

function outcomeOf(delivery: Delivery): AttemptOutcome | undefined {
  if (delivery.kind === 'failed' || delivery.answer.kind === 'upgraded') return undefined;
  const { status, headers } = delivery.answer.head;
  const grpcStatus = headerIn(headers, 'grpc-status');
  const grpc = grpcStatus === undefined ? {} : { grpcStatus: Number(grpcStatus) };
  const rateLimited = headerIn(headers, 'x-envoy-ratelimited') !== undefined;
  return { kind: 'response', status, rateLimited, ...grpc };
}

/** The head with the scheme that the endpoint sees, which strict servers compare with the connection's. */
export function schemed(head: RequestHead, { opening }: UpstreamEndpoint): RequestHead {
  return opening?.tls === undefined ? head : { ...head, scheme: 'https' };
}
