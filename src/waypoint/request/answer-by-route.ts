// The answers that a route gives by itself: redirects, direct responses, preflights. Pure.

import type { HeaderList } from '../../mesh/header-operations.ts';
import { applyHeaderOperations } from '../../mesh/header-operations.ts';
import type { RequestPath } from '../../mesh/path.ts';
import type { RequestPlan } from '../../mesh/plan-request.ts';
import type { RequestHead } from './exchange.ts';
import { type LocalAnswer, redirectAnswer } from './local-answer.ts';

/** The answer of a plan; `port` is the one that was asked for. */
export function plannedAnswer(
  plan: Extract<RequestPlan, { kind: 'answer' }>,
  { scheme, authority }: RequestHead,
  path: RequestPath,
  port: number,
): LocalAnswer {
  const { answer, match, sharing, route } = plan;
  const changed = (headers: HeaderList): HeaderList =>
    withShared(applyHeaderOperations(headers, [route.responseHeaders]), sharing);
  switch (answer.kind) {
    case 'preflight':
      return { status: 200, headers: answer.headers };
    case 'direct': {
      const { status, body } = answer;
      return { status, headers: changed([]), ...(body === undefined ? {} : { body }) };
    }
    case 'redirect': {
      const request = { path, scheme, authority, port, ...(match === undefined ? {} : { match }) };
      const local = redirectAnswer(answer.redirect, request);
      return { ...local, headers: changed(local.headers ?? []) };
    }
  }
}

/** Headers with those of cross-origin sharing in the place of what was there. */
export function withShared(headers: HeaderList, sharing: HeaderList): HeaderList {
  if (sharing.length === 0) return headers;
  const names = new Set(sharing.map(([name]) => name));
  return [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...sharing];
}
