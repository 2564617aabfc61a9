// What of a request decides on its endpoint where requests that are alike go to the same one.

import type { ConsistentHash, HashCookie } from './destination.ts';
import type { HeaderList } from './header-operations.ts';

/** What is known of a request, or of a connection without HTTP. */
export interface HashFacts {
  readonly sourceAddress: string;
  readonly request?: HashedRequest;
}

/** What of a request can be hashed. */
export interface HashedRequest {
  readonly method: string;
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: HeaderList;
}

/** `key` is what is hashed; `make` a cookie that is to be made, and hashed; neither: chance decides. */
export type HashInput =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'make'; readonly cookie: HashCookie }
  | { readonly kind: 'none' };

const nothing: HashInput = { kind: 'none' };

/** Finds what is to be hashed. */
export function hashInput(rule: ConsistentHash, facts: HashFacts): HashInput {
  const { sourceAddress, request } = facts;
  if (rule.sourceAddress === true) return { kind: 'key', key: sourceAddress };
  if (request === undefined) return nothing;
  if (rule.header !== undefined) return keyed(headerValue(request, rule.header));
  if (rule.queryParameter !== undefined) {
    return keyed(queryValue(request.target, rule.queryParameter));
  }
  if (rule.cookie === undefined) return nothing;
  const value = cookieValue(request.headers, rule.cookie.name);
  if (value !== undefined && value !== '') return { kind: 'key', key: value };
  return rule.cookie.ttlMs === undefined ? nothing : { kind: 'make', cookie: rule.cookie };
}

function keyed(key: string | undefined): HashInput {
  return key === undefined ? nothing : { kind: 'key', key };
}

/** Several fields of a name count as one, in any order. */
function headerValue(request: HashedRequest, name: string): string | undefined {
  const { method, authority, target, headers } = request;
  const wanted = name.toLowerCase();
  switch (wanted) {
    case ':method':
      return method;
    case ':authority':
    case 'host':
      return authority;
    case ':path':
      return target;
    default:
  }
  const values = headers.flatMap(([own, value]) => (own.toLowerCase() === wanted ? [value] : []));
  return values.length === 0 ? undefined : values.sort().join(',');
}

function queryValue(target: string, name: string): string | undefined {
  const mark = target.indexOf('?');
  if (mark === -1) return undefined;
  return new URLSearchParams(target.slice(mark + 1)).get(name) ?? undefined;
}

function cookieValue(headers: HeaderList, name: string): string | undefined {
  const texts = headers.flatMap(([own, value]) => (own.toLowerCase() === 'cookie' ? [value] : []));
  return cookieIn(texts.join('; '), name);
}

/** The value of a cookie, without quotes (RFC 6265 section 5.4; the first counts). */
export function cookieIn(text: string, name: string): string | undefined {
  for (const pair of text.split(';')) {
    const mark = pair.indexOf('=');
    if (mark === -1 || pair.slice(0, mark).trim() !== name) continue;
    return pair
      .slice(mark + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}

/** The value of a `Set-Cookie` field (RFC 6265 section 4.1). A time of 0 lasts for the session. */
export function formatCookie(cookie: HashCookie, value: string): string {
  const { name, path, ttlMs = 0, attributes = [] } = cookie;
  return [
    `${name}=${value}`,
    ...(ttlMs > 0 ? [`Max-Age=${Math.ceil(ttlMs / 1000)}`] : []),
    ...(path === undefined || path === '' ? [] : [`Path=${path}`]),
    ...attributes.map((one) => (one.value ? `${one.name}=${one.value}` : one.name)),
    'HttpOnly',
  ].join('; ');
}
