// One request and its answer.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { AmbitError, causeChain } from '../../../runtime/errors.ts';
import type { Caller } from '../access/tokens.ts';
import { StatusError } from '../api-error.ts';

/** What a request has that asks for another protocol on its connection. */
export interface Upgrade {
  readonly socket: Socket;
  /** Bytes that came after the request's head. */
  readonly head: Buffer;
}

/** A request being answered. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly caller: Caller;
  readonly upgrade?: Upgrade;
  /** Sentences for the caller, sent as Warning headers. */
  readonly warnings: Set<string>;
}

/** Warnings sent with one answer. */
const maxWarnings = 32;

/** Sends a JSON answer. */
export function sendJson(exchange: Exchange, code: number, body: unknown): void {
  sendText(exchange, code, JSON.stringify(body), 'application/json');
}

/** Sends an answer of any text type. */
export function sendText(
  exchange: Exchange,
  code: number,
  text: string | Uint8Array,
  contentType: string,
): void {
  const { response, warnings } = exchange;
  if (response.headersSent || response.destroyed) return;
  if (warnings.size > 0) {
    response.setHeader('Warning', [...warnings].slice(0, maxWarnings).map(warningHeader));
  }
  response.writeHead(code, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-cache, private',
  });
  response.end(exchange.method === 'HEAD' ? undefined : text);
}

/** RFC 9110 no longer defines Warning; Kubernetes uses RFC 7234's form, code 299. */
function warningHeader(text: string): string {
  const quoted = text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?');
  return `299 - "${quoted}"`;
}

/** Sends a refusal as a Status. Errors that are not refusals are told as internal ones. */
export function sendError(exchange: Exchange, error: unknown): void {
  if (exchange.response.headersSent) {
    exchange.response.destroy();
    return;
  }
  const status = statusOf(error);
  if (status.code === 401) exchange.response.setHeader('WWW-Authenticate', 'Bearer');
  sendJson(exchange, status.code, status);
}

function statusOf(error: unknown): StatusError['status'] {
  if (error instanceof StatusError) return error.status;
  const code = error instanceof AmbitError ? error.code : 'AMB1005';
  return new StatusError(code, {
    http: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${causeChain(error)}`,
    details: { causes: [{ message: causeChain(error) }] },
  }).status;
}
