// Header fields that concern one connection only, and are not passed on (RFC 9110 section 7.6.1).

import type { HeaderList } from '../../mesh/header-operations.ts';

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** The only value that HTTP/2 has (RFC 9113 section 8.2.2). */
const teTrailers = ['te', 'trailers'] as const;

/** Headers without those of the connection, without those that `Connection` names, and without
 * pseudo-headers. `TE: trailers` stays, which gRPC relies on. */
export function withoutHopHeaders(headers: HeaderList): HeaderList {
  const named = new Set<string>();
  for (const [name, value] of headers) {
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    for (const one of value.split(',')) named.add(one.trim().toLowerCase());
  }
  return headers.flatMap((field) => {
    const [name, value] = field;
    const lower = name.toLowerCase();
    if (lower === 'te') return /(?:^|[\s,])trailers(?:$|[\s,;])/i.test(value) ? [teTrailers] : [];
    return hopByHop.has(lower) || named.has(lower) || lower.startsWith(':') ? [] : [field];
  });
}

/** The headers of a raw list, as codecs give them: name, value, name, value. */
export function pairsOf(raw: readonly string[]): HeaderList {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  }
  return pairs;
}

/** The first value of a header, by its lower-case name. */
export function headerIn(headers: HeaderList, name: string): string | undefined {
  return headers.find(([own]) => own.toLowerCase() === name)?.[1];
}

/** Headers by lower-case name, repeated ones joined with commas (cookies with semicolons). */
export function headerMap(headers: HeaderList): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const earlier = map.get(lower);
    const joined = lower === 'cookie' ? `${earlier}; ${value}` : `${earlier},${value}`;
    map.set(lower, earlier === undefined ? value : joined);
  }
  return map;
}

/** The form in which HTTP/2 codecs take headers: lower-case names, repeated values as a list, or joined
 * with commas where node:http2 takes no list (RFC 9110 section 5.3 makes the two the same). */
export function headerRecord(headers: HeaderList): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = Object.create(null) as Record<string, string>;
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const earlier = record[lower];
    if (earlier === undefined) record[lower] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else record[lower] = lists.has(lower) ? [earlier, value] : `${earlier}, ${value}`;
  }
  return record;
}

/** Fields whose values must not be joined (RFC 6265 section 3, RFC 9113 section 8.2.3). */
const lists = new Set(['cookie', 'set-cookie']);
