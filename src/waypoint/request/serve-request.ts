// The way of one request through the waypoint: identify, authorize, route, fault, change, forward,
// record. Deciding is planRequest's; here it is carried out.

import type { RequestVerdict } from '../../mesh/authorize-request.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { Attempt } from '../../mesh/decision.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import { normalizePath, type RequestPath } from '../../mesh/path.ts';
import { planRequest, type RequestPlan } from '../../mesh/plan-request.ts';
import type { HttpRequestFacts, RequestFacts } from '../../mesh/request-facts.ts';
import { joinFlags } from '../../mesh/response-flags.ts';
import { causeChain } from '../../runtime/errors.ts';
import { replaceRegex } from '../regex.ts';
import type { UpstreamEndpoint } from '../upstream/endpoints.ts';
import type { UpstreamProtocol } from '../upstream/upstream-pool.ts';
import { plannedAnswer } from './answer-by-route.ts';
import { type Exchange, goneCode, type HeadProblem, type RequestHead } from './exchange.ts';
import { forward } from './forward.ts';
import { countMessages } from './grpc-messages.ts';
import { headerIn, headerMap } from './hop-headers.ts';
import { answerLocally, type LocalAnswer } from './local-answer.ts';
import { mirrorRequests } from './mirror-requests.ts';
import { onwardHead } from './onward-head.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';
import { type Ending, recordRequest } from './record-request.ts';
import { endSpan, startSpan } from './trace-request.ts';

/** Attempts that a record tells of; the first ones. */
const maxAttemptsKept = 16;

/** Serves one request. Never rejects; the request is answered or broken off, and recorded once. */
export async function serveRequest(
  arrived: Exchange,
  connection: ClientConnection,
  parts: PipelineParts,
): Promise<void> {
  const { clock, hex, tracer } = parts;
  const id = hex(16);
  const startMs = clock.monotonic();
  const { exchange, messages } = countMessages(arrived);
  const span = tracer && startSpan(tracer, exchange, connection);
  const headers = span?.headers ?? exchange.head.headers;
  const requestId = headerIn(headers, 'x-request-id') ?? newRequestId(hex);
  let ending: Ending;
  try {
    ending = await carryOut(exchange, connection, parts, { id, headers, requestId });
  } catch (error) {
    const isGone = exchange.signal.aborted;
    const code: Code = isGone ? goneCode(exchange) : 'AMB1715';
    if (!isGone) parts.log.error({ code, error: causeChain(error) }, 'a request failed inside');
    exchange.abort(error instanceof Error ? error : new Error(String(error)));
    const reason = causeChain(error);
    ending = { outcome: 'failed', reason, code, status: 0, flag: isGone ? 'DC' : '-' };
  }
  if (span !== undefined) endSpan(span, { id, requestId, nodeId: parts.by, ending });
  const durationMs = clock.monotonic() - startMs;
  const counted = messages && { messages };
  recordRequest({ id, exchange, connection, parts, ending, durationMs, requestId, ...counted });
}

/** What is this request's own. */
interface Marks {
  readonly id: string;
  /** The headers to go on: the client's, or with the trace continued. */
  readonly headers: HeaderList;
  /** The client's `x-request-id`, or a new one. */
  readonly requestId: string;
}

/** A random id in the form of a UUID of version 4 (RFC 9562), as Istio's are. */
function newRequestId(hex: (digits: number) => string): string {
  const digits = hex(30);
  const part = (from: number, to: number): string => digits.slice(from, to);
  return `${part(0, 8)}-${part(8, 12)}-4${part(12, 15)}-a${part(15, 18)}-${part(18, 30)}`;
}

async function carryOut(
  exchange: Exchange,
  connection: ClientConnection,
  parts: PipelineParts,
  marks: Marks,
): Promise<Ending> {
  const { id } = marks;
  const { target } = connection;
  const rules = parts.table.get(target.rules);
  if (rules === undefined) {
    const reason = `${target.rules} is no longer served here`;
    return await answer(exchange, id, { status: 503, code: 'AMB1710', body: reason }, { reason });
  }
  const path = normalizePath(exchange.head.target);
  const problem = exchange.problem ?? (path === undefined ? badTarget : undefined);
  if (problem !== undefined || path === undefined) {
    return await refuse(exchange, id, problem ?? badTarget, parts);
  }
  const http = httpFacts(exchange, path);
  const facts: RequestFacts = { source: connection.source, destination: target.destination, http };
  const plan = planRequest(rules, facts, http, {
    delay: parts.random(),
    abort: parts.random(),
    backend: parts.random(),
    mirrors: Array.from({ length: rules.routes.mostMirrors }, parts.random),
    nowMs: parts.clock.now(),
  });
  switch (plan.kind) {
    case 'deny':
      return await deny(exchange, id, plan);
    case 'no-route': {
      const { reason, verdict } = plan;
      return await answer(
        exchange,
        id,
        { status: 404, code: 'AMB1701' },
        {
          reason,
          ...policyOf(verdict),
          flag: 'NR',
        },
      );
    }
    case 'unresolved': {
      const { reason, verdict, route } = plan;
      const named = { reason, ...policyOf(verdict), route: route.origin, flag: 'NC' };
      return await answer(exchange, id, { status: 500, code: 'AMB1717' }, named);
    }
    case 'answer':
      return await answerByRoute(exchange, id, plan, path, connection);
    case 'forward':
      return await faultAndForward(exchange, connection, parts, marks, plan, path);
  }
}

const badTarget: HeadProblem = {
  status: 400,
  code: 'AMB1711',
  reason: 'the request target is malformed',
};

/** Answers a request that can not be understood, in one way only. */
async function refuse(
  exchange: Exchange,
  id: string,
  { status, code, reason }: HeadProblem,
  parts: PipelineParts,
): Promise<Ending> {
  parts.refused(code);
  // RFC 9110 section 15.5.6 asks for it.
  const headers = status === 405 ? { headers: [['allow', allowedMethods]] as const } : {};
  return await answer(
    exchange,
    id,
    { status, code, body: reason, ...headers },
    { reason, flag: 'DPE' },
  );
}

const allowedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

function httpFacts(exchange: Exchange, { path, query }: RequestPath): HttpRequestFacts {
  const { method, scheme, authority, headers } = exchange.head;
  return { method, scheme, authority, path, query, headers: headerMap(headers) };
}

async function deny(
  exchange: Exchange,
  id: string,
  { verdict }: Extract<RequestPlan, { kind: 'deny' }>,
): Promise<Ending> {
  const denial = { status: 403, code: 'AMB1702', body: 'RBAC: access denied' } as const;
  const ending = await answer(exchange, id, denial, {
    reason: verdict.reason,
    ...policyOf(verdict),
  });
  return { ...ending, outcome: 'denied' };
}

async function answerByRoute(
  exchange: Exchange,
  id: string,
  plan: Extract<RequestPlan, { kind: 'answer' }>,
  path: RequestPath,
  connection: ClientConnection,
): Promise<Ending> {
  const { route, verdict, reason } = plan;
  const local = plannedAnswer(plan, exchange.head, path, connection.target.destination.port);
  const ending = await answer(exchange, id, local, {
    reason: `${reason}; answered by the route`,
    route: route.origin,
    ...policyOf(verdict),
  });
  return { ...ending, outcome: 'forwarded' };
}

async function faultAndForward(
  exchange: Exchange,
  connection: ClientConnection,
  parts: PipelineParts,
  { id, headers, requestId }: Marks,
  plan: Extract<RequestPlan, { kind: 'forward' }>,
  path: RequestPath,
): Promise<Ending> {
  const { fault, route, verdict } = plan;
  const named = {
    ...policyOf(verdict),
    ...(route === undefined ? {} : { route: route.origin }),
  };
  let reason = plan.reason;
  if (fault.delayMs !== undefined) {
    if (!(await delayed(fault.delayMs, exchange, parts))) {
      reason += '; the client gave up during an injected delay';
      return { ...named, reason, outcome: 'failed', code: 'AMB1713', status: 0, flag: 'DI,DC' };
    }
    reason += `; delayed ${fault.delayMs} ms by fault injection`;
  }
  if (fault.abort !== undefined) {
    const { httpStatus, grpcStatus } = fault.abort;
    const body = 'fault filter abort';
    const grpc = grpcStatus === undefined ? {} : { grpcStatus };
    const aborted = { status: httpStatus, code: 'AMB1709', body, ...grpc } as const;
    const flag = fault.delayMs === undefined ? 'FI' : 'DI,FI';
    return await answer(exchange, id, aborted, {
      ...named,
      reason: `${reason}; aborted by fault injection`,
      flag,
    });
  }
  const head = { ...exchange.head, headers };
  const headFor = (protocol: UpstreamProtocol): RequestHead =>
    onwardHead(head, plan, { path, protocol, requestId, replaceRegex });
  const { mirrors, limits } = plan;
  const source = exchange.body;
  using tee =
    mirrors.length === 0
      ? undefined
      : mirrorRequests({ mirrors, head, body: source, connection, parts, headFor, ...limits });
  const { attempts, attempted } = keepAttempts();
  const notes = new Set<string>();
  const noted = (text: string): unknown => notes.add(text);
  const sending = { exchange, connection, parts, way: plan, headFor, attempted, noted };
  const forwarded = await forward({ ...sending, source: tee ?? source });
  for (const note of notes) reason += `; ${note}`;
  const delayFlag = fault.delayMs === undefined ? '-' : 'DI';
  if (forwarded.kind === 'done') {
    const { ending } = forwarded;
    const whole = ending.reason === undefined ? reason : `${reason}; ${ending.reason}`;
    const flag = joinFlags(delayFlag, ending.flag ?? '-');
    return { ...named, ...ending, flag, attempts, reason: whole };
  }
  const { status, code, body, headers: added, reason: why, flag, endpoint } = forwarded.failure;
  return await answer(
    exchange,
    id,
    { status, code, body, ...(added && { headers: added }) },
    {
      ...named,
      reason: `${reason}; ${why}`,
      flag: joinFlags(delayFlag, flag),
      attempts,
      ...(endpoint === undefined ? {} : { endpoint }),
      bytesSent: forwarded.bytesSent,
    },
  );
}

/** Whether the time of an injected delay has passed; not when the client is gone before. */
function delayed(ms: number, { signal }: Exchange, { clock }: PipelineParts): Promise<boolean> {
  return clock.wait(ms, signal).then(
    () => true,
    () => false,
  );
}

function keepAttempts() {
  const attempts: Attempt[] = [];
  const attempted = (one: Attempt): void => {
    if (attempts.length < maxAttemptsKept) attempts.push(one);
  };
  return { attempts, attempted };
}

type Judged = Pick<RequestVerdict, 'policy' | 'rule' | 'shadow'>;

function policyOf({ policy, rule, shadow }: Judged): Judged {
  return {
    ...(policy === undefined ? {} : { policy }),
    ...(rule === undefined ? {} : { rule }),
    ...(shadow === undefined ? {} : { shadow }),
  };
}

interface Named extends Judged {
  readonly reason: string;
  readonly route?: string;
  readonly flag?: string;
  readonly endpoint?: UpstreamEndpoint;
  readonly bytesSent?: number;
  readonly attempts?: readonly Attempt[];
}

/** Answers locally, and says how it ended. */
async function answer(
  exchange: Exchange,
  id: string,
  local: LocalAnswer,
  named: Named,
): Promise<Ending> {
  const bytesReceived = await answerLocally(exchange, local, id);
  const { status, code } = local;
  return {
    flag: '-',
    ...named,
    outcome: 'failed',
    status,
    bytesReceived,
    ...(code === undefined ? {} : { code }),
  };
}
