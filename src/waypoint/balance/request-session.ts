// The session of one request: which endpoint it belongs to, and what its client is to be told.

import type { HeaderList } from '../../mesh/header-operations.ts';
import type { HeaderView } from '../../mesh/request-facts.ts';
import type { RouteBackend, SessionPersistence } from '../../mesh/route.ts';
import {
  markOfBackend,
  markOfEndpoint,
  readSession,
  type SessionToken,
  writeSession,
} from '../../mesh/session.ts';

export class RequestSession {
  readonly #rule: SessionPersistence | undefined;
  readonly #backend: string;
  readonly #nowMs: number;
  readonly #token: SessionToken | undefined;

  constructor(
    rule: SessionPersistence | undefined,
    backend: RouteBackend,
    headers: HeaderView,
    nowMs: number,
  ) {
    this.#rule = rule;
    this.#backend = rule === undefined ? '' : markOfBackend(backend);
    this.#nowMs = nowMs;
    const token = rule && readSession(rule, headers, nowMs);
    this.#token = token?.backend === this.#backend ? token : undefined;
  }

  /** The mark of the endpoint that the client was at; undefined where that does not matter. */
  get mark(): string | undefined {
    return this.#token?.endpoint;
  }

  /** What the answer of an endpoint is to have, so that the client comes back to it. */
  headersFor(uid: string): HeaderList {
    const rule = this.#rule;
    if (rule === undefined) return [];
    const [backend, endpoint, usedMs] = [this.#backend, markOfEndpoint(uid), this.#nowMs];
    const before = this.#token;
    if (before?.endpoint !== endpoint) {
      return [writeSession(rule, { backend, endpoint, sinceMs: usedMs, usedMs })];
    }
    if (rule.idleTimeoutMs === undefined) return [];
    return [writeSession(rule, { ...before, usedMs })];
  }
}
