// The head of the request that goes to the endpoint, and the head of the response that goes back, as
// the route has them changed. Pure.

import {
  applyHeaderOperations,
  authorityIn,
  type HeaderList,
  orderOperations,
} from '../../mesh/header-operations.ts';
import { type RequestPath, targetOf } from '../../mesh/path.ts';
import type { RequestLimits } from '../../mesh/request-limits.ts';
import { type ReplaceRegex, replacePrefix } from '../../mesh/rewrite-path.ts';
import type { HttpRoute, RequestMatch, RouteBackend } from '../../mesh/route.ts';
import { withShared } from './answer-by-route.ts';
import type { RequestHead, ResponseHead } from './exchange.ts';
import { headerIn } from './hop-headers.ts';
import { keyFrom, websocketKey } from './websocket-key.ts';

/** What a plan says of the way. */
export interface Way {
  readonly limits: RequestLimits;
  /** CORS headers, to be set in the response. */
  readonly sharing: HeaderList;
  readonly route?: HttpRoute;
  readonly match?: RequestMatch;
  readonly backend: RouteBackend;
  readonly backends: number;
}

export interface OnwardOptions {
  readonly path: RequestPath;
  readonly protocol: 'http1' | 'http2';
  /** Used when the client gave none. */
  readonly requestId: string;
  readonly replaceRegex: ReplaceRegex;
}

/** The request as the endpoint gets it. */
export function onwardHead(head: RequestHead, way: Way, options: OnwardOptions): RequestHead {
  const { route, match, backend, backends } = way;
  const { path, protocol, requestId, replaceRegex } = options;
  const operations = orderOperations(route?.requestHeaders, backend.requestHeaders, backends);
  const rewrite = backend.rewrite ?? route?.rewrite;
  let newPath = path.path;
  if (rewrite?.uri !== undefined) newPath = replacePrefix(newPath, rewrite.uri, match);
  if (rewrite?.uriRegexRewrite !== undefined) {
    const { match: pattern, rewrite: by } = rewrite.uriRegexRewrite;
    newPath = replaceRegex(pattern, by, newPath);
  }
  const own = [
    ...(headerIn(head.headers, 'x-forwarded-proto') === undefined
      ? [['x-forwarded-proto', head.scheme] as const]
      : []),
    ...(headerIn(head.headers, 'x-request-id') === undefined
      ? [['x-request-id', requestId] as const]
      : []),
  ];
  const headers = applyHeaderOperations([...head.headers, ...own], operations);
  return {
    method: head.method,
    target: targetOf({
      path: newPath.startsWith('/') ? newPath : `/${newPath}`,
      query: path.query,
    }),
    authority: rewrite?.authority ?? authorityIn(operations) ?? head.authority,
    scheme: head.scheme,
    headers: withKey(protocol === 'http1' ? forHttp1(headers, head) : headers, head, options),
    version: protocol === 'http1' ? '1.1' : '2',
    ...(head.upgrade === undefined ? {} : { upgrade: head.upgrade }),
  };
}

/** The response as the client gets it. */
export function returnHead(head: ResponseHead, way: Way): ResponseHead {
  const { route, backend, backends } = way;
  const operations = orderOperations(route?.responseHeaders, backend.responseHeaders, backends);
  const headers = applyHeaderOperations(head.headers, operations);
  return { status: head.status, headers: withShared(headers, way.sharing) };
}

/** HTTP/2 may split cookies into several fields, HTTP/1.1 may not (RFC 9113 section 8.2.3); `TE` would
 * need a `Connection` field there, and only messages in chunks have trailers. */
function forHttp1(headers: HeaderList, { version }: RequestHead): HeaderList {
  const cookies = headers.filter(([name]) => name.toLowerCase() === 'cookie');
  const hasTrailers = version === '2' && headerIn(headers, 'trailer') !== undefined;
  const others = headers.filter(([name]) => {
    const lower = name.toLowerCase();
    if (lower === 'te' || (lower === 'content-length' && hasTrailers)) return false;
    return lower !== 'cookie' || cookies.length < 2;
  });
  if (cookies.length < 2) return others;
  return [...others, ['cookie', cookies.map(([, value]) => value).join('; ')]];
}

/** WebSocket over HTTP/1.1 has a key, over HTTP/2 none (RFC 8441 section 5). */
function withKey(
  headers: HeaderList,
  { upgrade }: RequestHead,
  { protocol, requestId }: OnwardOptions,
): HeaderList {
  if (upgrade !== 'websocket') return headers;
  const hasKey = headerIn(headers, websocketKey) !== undefined;
  if (protocol === 'http2') return headers.filter(([name]) => name.toLowerCase() !== websocketKey);
  return hasKey ? headers : [...headers, [websocketKey, keyFrom(requestId)]];
}
