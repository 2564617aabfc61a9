// Sessions of clients with endpoints, as `sessionPersistence` of Gateway API routes has them (GEP-1619): the
// client keeps a token, in a cookie or a header, that names the backend and the endpoint of its first request.
// Unlike a hash, a token outlives changes of the other endpoints. A forged one leads its sender to
// another endpoint of the same route, no further.

import { cookieIn, formatCookie } from './hash-input.ts';
import { hashText } from './hash-text.ts';
import type { HeaderView } from './request-facts.ts';
import type { RouteBackend, SessionPersistence } from './route.ts';

/** What the client keeps. */
export interface SessionToken {
  /** Marks by `markOfBackend` and `markOfEndpoint`. */
  readonly backend: string;
  readonly endpoint: string;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  readonly usedMs: number;
}

/** Tells backends of a route apart. */
export function markOfBackend({ service, subset = '', port = 0 }: RouteBackend): string {
  return hashText(`${service} ${subset} ${port}`).toString(36);
}

/** Tells endpoints of a destination apart, without naming them to clients. */
export function markOfEndpoint(uid: string): string {
  return hashText(uid).toString(36) + hashText(uid, secondSeed).toString(36);
}

const secondSeed = 0x5bd1e995;

/** The token of a request; undefined without one that is valid now. */
export function readSession(
  rule: SessionPersistence,
  headers: HeaderView,
  nowMs: number,
): SessionToken | undefined {
  const text =
    rule.inHeader === true
      ? headers.get(rule.name.toLowerCase())
      : cookieIn(headers.get('cookie') ?? '', rule.name);
  const parts = /^([0-9a-z]{1,7})\.([0-9a-z]{1,14})\.([0-9a-z]{1,9})\.([0-9a-z]{1,9})$/.exec(
    text ?? '',
  );
  if (parts === null) return undefined;
  const [, backend = '', endpoint = '', since = '', used = ''] = parts;
  const sinceMs = Number.parseInt(since, 36);
  const usedMs = Number.parseInt(used, 36);
  const { absoluteTimeoutMs = Infinity, idleTimeoutMs = Infinity } = rule;
  if (nowMs - sinceMs >= absoluteTimeoutMs || nowMs - usedMs >= idleTimeoutMs) return undefined;
  return { backend, endpoint, sinceMs, usedMs };
}

/** The header of a response that gives the client its token. */
export function writeSession(
  rule: SessionPersistence,
  { backend, endpoint, sinceMs, usedMs }: SessionToken,
): readonly [string, string] {
  const value = [backend, endpoint, sinceMs.toString(36), usedMs.toString(36)].join('.');
  if (rule.inHeader === true) return [rule.name.toLowerCase(), value];
  const left = (rule.absoluteTimeoutMs ?? 0) - (usedMs - sinceMs);
  const ttlMs = rule.permanent === true ? Math.max(1, left) : 0;
  return ['set-cookie', formatCookie({ name: rule.name, path: '/', ttlMs }, value)];
}

/** The backend that a session belongs to; undefined when it is no longer one that gets requests. */
export function backendOfSession(
  backends: readonly RouteBackend[],
  token: SessionToken | undefined,
): RouteBackend | undefined {
  if (token === undefined) return undefined;
  return backends.find(
    (one) => one.weight > 0 && one.unresolved === undefined && markOfBackend(one) === token.backend,
  );
}
