// Responses that the waypoint makes itself: refusals, failures, redirects, direct responses. Each
// carries `ambit-decision`, by which `ambit why` finds its record.

import type { Code } from '../../mesh/catalogue.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import { type RequestPath, targetOf } from '../../mesh/path.ts';
import { replacePrefix } from '../../mesh/rewrite-path.ts';
import type { Redirect, RequestMatch } from '../../mesh/route.ts';
import type { Exchange } from './exchange.ts';
import { headerIn } from './hop-headers.ts';

export interface LocalAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: HeaderList;
  /** Absent when nothing failed. */
  readonly code?: Code;
  /** Told to gRPC clients instead of the one that the status maps to. */
  readonly grpcStatus?: number;
}

/** Sends a local response; gRPC clients get it as a status without a body. Resolves with the bytes of
 * the body, and rejects when the client is gone. */
export async function answerLocally(
  exchange: Exchange,
  answer: LocalAnswer,
  decisionId: string,
): Promise<number> {
  const { code, headers = [] } = answer;
  const decision = [
    'ambit-decision',
    code === undefined ? decisionId : `${decisionId} ${code}`,
  ] as const;
  const isGrpc = headerIn(exchange.head.headers, 'content-type')?.startsWith('application/grpc');
  if (isGrpc === true || answer.grpcStatus !== undefined) {
    const status = answer.grpcStatus ?? grpcStatusOf(answer.status);
    const fields: HeaderList = [
      ['content-type', 'application/grpc'],
      ['grpc-status', String(status)],
      ['grpc-message', encodeURIComponent(answer.body ?? '').replaceAll('%20', ' ')],
      ...headers,
      decision,
    ];
    exchange.respond({ status: 200, headers: fields }, { bodyless: true });
    return 0;
  }
  const bytes = new TextEncoder().encode(answer.body ?? '');
  const isBodyless = exchange.head.method === 'HEAD' || isStatusWithoutBody(answer.status);
  const fields: HeaderList = [
    ...(isStatusWithoutBody(answer.status)
      ? []
      : ([['content-length', String(bytes.length)]] as const)),
    ...(bytes.length === 0 || headerIn(headers, 'content-type') !== undefined
      ? []
      : ([['content-type', 'text/plain; charset=utf-8']] as const)),
    ...headers,
    decision,
  ];
  const bodyless = isBodyless || bytes.length === 0;
  const sink = exchange.respond({ status: answer.status, headers: fields }, { bodyless });
  if (bodyless) return 0;
  await sink.write(bytes);
  await sink.end();
  return bytes.length;
}

/** Whether responses of a status never have a body (RFC 9110 section 6.4.1). */
export function isStatusWithoutBody(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}

/** The answer of a redirect (features section 1.1.5). */
export function redirectAnswer(
  redirect: Redirect,
  request: {
    readonly path: RequestPath;
    readonly scheme: string;
    readonly authority: string;
    readonly port: number;
    readonly match?: RequestMatch;
  },
): LocalAnswer {
  const scheme = redirect.scheme ?? request.scheme;
  const host = redirect.authority ?? request.authority.replace(/:\d+$/, '');
  const changesOrigin = redirect.scheme !== undefined || redirect.authority !== undefined;
  const ownPort = /:(\d+)$/.exec(request.authority)?.[1];
  const kept = changesOrigin || ownPort === undefined ? undefined : Number(ownPort);
  const port = redirect.port ?? (redirect.keepRequestPort === true ? request.port : kept);
  const isDefault = port === undefined || port === (scheme === 'https' ? 443 : 80);
  const path =
    redirect.uri ??
    (redirect.prefixRewrite === undefined
      ? request.path.path
      : replacePrefix(request.path.path, redirect.prefixRewrite, request.match));
  const target = targetOf({ path, query: request.path.query });
  const location = `${scheme}://${host}${isDefault ? '' : `:${port}`}${target}`;
  return { status: redirect.status, headers: [['location', location]] };
}

/** As Envoy maps local responses. */
function grpcStatusOf(status: number): number {
  const table: Readonly<Record<number, number>> = {
    400: 13,
    401: 16,
    403: 7,
    404: 12,
    429: 14,
    502: 14,
    503: 14,
    504: 14,
  };
  return table[status] ?? 2;
}
