// What a request's head must be like to be understood in one way only, by us and by every endpoint (RFC
// 9112 sections 3 and 6, RFC 9113 section 8.3). Pure; codecs have read the bytes already.

import type { HeaderList } from '../../mesh/header-operations.ts';
import { maxFields } from '../limits.ts';
import type { HeadProblem } from '../request/exchange.ts';

/** A head as codecs give it. */
export interface RawHead {
  readonly method: string;
  readonly target: string;
  /** `1.1`, `2`. */
  readonly version: string;
  /** Without pseudo-headers. */
  readonly headers: HeaderList;
  /** `:authority`, where the protocol has it. */
  readonly authority?: string;
  /** `:scheme`, where the protocol has it. */
  readonly scheme?: string;
}

/** Whom a request is for, as far as that is clear, and what is wrong with it. */
export interface CheckedHead {
  readonly authority: string;
  /** In origin form. */
  readonly target: string;
  readonly problem?: HeadProblem;
}

/** Checks a head. `fallback` is the authority of HTTP/1.0 requests without a `Host`. */
export function checkHead(head: RawHead, fallback: string): CheckedHead {
  const problem = problemOf(head);
  const addressed = addressOf(head, fallback);
  if (addressed.kind === 'addressed') {
    const { authority, target } = addressed;
    return { authority, target, ...(problem && { problem }) };
  }
  const authority = head.authority ?? valuesOf(head.headers, 'host')[0] ?? '';
  return { authority, target: head.target, problem: problem ?? addressed.problem };
}

type Addressed =
  | { readonly kind: 'addressed'; readonly authority: string; readonly target: string }
  | { readonly kind: 'problem'; readonly problem: HeadProblem };

/** The first problem of a head beside its address. */
function problemOf(head: RawHead): HeadProblem | undefined {
  return (
    versionProblem(head) ??
    sizeProblem(head) ??
    methodProblem(head) ??
    fieldProblem(head.headers) ??
    framingProblem(head)
  );
}

/** A protocol that a client may change to, in lower case; undefined for those in which requests could
 * hide from a proxy, such as `h2c`, and for what is not one protocol. */
export function otherProtocol(name: string): string | undefined {
  const lower = name.toLowerCase();
  const isOne = /^[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[0-9a-z.]+)?$/.test(lower);
  return isOne && !/^(?:h2c?|http|tls)(?:\/|$)/.test(lower) ? lower : undefined;
}

function versionProblem({ version }: RawHead): HeadProblem | undefined {
  if (['1.0', '1.1', '2'].includes(version)) return undefined;
  return { status: 505, code: 'AMB1751', reason: `HTTP/${version} is not served` };
}

function sizeProblem({ headers }: RawHead): HeadProblem | undefined {
  if (headers.length <= maxFields) return undefined;
  const reason = `the request has more than ${maxFields} header fields`;
  return { status: 431, code: 'AMB1745', reason };
}

/** Methods have no lower-case letters, as in Istio: policies compare them literally. */
function methodProblem({ method }: RawHead): HeadProblem | undefined {
  if (method === 'CONNECT') {
    return { status: 405, code: 'AMB1750', reason: 'CONNECT is not for services' };
  }
  if (/^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]*$/.test(method) && !otherProtocols.has(method)) {
    return undefined;
  }
  return { status: 400, code: 'AMB1711', reason: 'the method is malformed' };
}

/** Methods of RTSP (RFC 2326) and Icecast, which node:http reads as well. */
const otherProtocols = new Set([
  'ANNOUNCE',
  'DESCRIBE',
  'FLUSH',
  'GET_PARAMETER',
  'PAUSE',
  'PLAY',
  'RECORD',
  'REDIRECT',
  'SET_PARAMETER',
  'SETUP',
  'SOURCE',
  'TEARDOWN',
]);

function fieldProblem(headers: HeaderList): HeadProblem | undefined {
  let hasUnderscore = false;
  for (const [name, value] of headers) {
    if (!isToken(name)) return badField('a header field has an invalid name');
    if (!isFieldValue(value))
      return badField(`the value of ${name} has characters it may not have`);
    hasUnderscore ||= name.includes('_');
  }
  return hasUnderscore ? disguiseProblem(headers) : undefined;
}

/** Underscores pass, as in Envoy. But gateways of applications (CGI, WSGI, Rack) take `_` and `-` for the
 * same, so that neither a field that proxies vouch for nor one that is there already may be doubled so. */
function disguiseProblem(headers: HeaderList): HeadProblem | undefined {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  for (const [name] of headers) {
    if (!name.includes('_')) continue;
    const plain = name.toLowerCase().replaceAll('_', '-');
    if (names.has(plain) || isVouchedFor(plain)) return badField(`${name} stands for ${plain}`);
  }
  return undefined;
}

const vouchedFor = new Set([
  'ambit-decision',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'forwarded',
  'host',
  'proxy-authorization',
  'traceparent',
  'transfer-encoding',
  'x-real-ip',
  'x-request-id',
]);

/** Whether a field, by its lower-case name, is one that proxies set or judge by. */
export function isVouchedFor(name: string): boolean {
  return vouchedFor.has(name) || name.startsWith('x-forwarded-') || name.startsWith('x-envoy-');
}

function badField(reason: string): HeadProblem {
  return { status: 400, code: 'AMB1749', reason };
}

function framingProblem({ version, headers }: RawHead): HeadProblem | undefined {
  const lengths = valuesOf(headers, 'content-length');
  const [length] = lengths;
  if (lengths.length > 1) return badFraming(400, 'Content-Length is there more than once');
  if (
    length !== undefined &&
    !(/^\d{1,16}$/.test(length) && Number.isSafeInteger(Number(length)))
  ) {
    return badFraming(400, 'Content-Length is no length');
  }
  const codings = valuesOf(headers, 'transfer-encoding');
  if (codings.length === 0) return undefined;
  if (version !== '1.1') {
    return badFraming(400, `HTTP/${version} has no Transfer-Encoding`);
  }
  if (length !== undefined) {
    return badFraming(400, 'both Content-Length and Transfer-Encoding are there');
  }
  if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') {
    return badFraming(501, 'Transfer-Encoding is not "chunked" alone');
  }
  return undefined;
}

function badFraming(status: number, reason: string): HeadProblem {
  return { status, code: 'AMB1747', reason };
}

function addressOf(head: RawHead, fallback: string): Addressed {
  const { target, version, headers } = head;
  const hosts = valuesOf(headers, 'host');
  const [host] = hosts;
  if (hosts.length > 1) return badHost('Host is there more than once');
  const absolute = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(target);
  const named = absolute?.[2] ?? head.authority;
  // An absolute target does not stand for a Host (RFC 9112 section 3.2).
  if (host === undefined && (version === '1.1' || (version === '2' && named === undefined))) {
    return badHost('there is no Host');
  }
  const authority = named ?? host ?? fallback;
  if (!isAuthority(authority)) return badHost('the authority is no host with an optional port');
  const scheme = (absolute?.[1] ?? head.scheme ?? 'http').toLowerCase();
  if (named !== undefined && host !== undefined && !isSame(named, host, scheme)) {
    return badHost('Host and the authority of the request differ');
  }
  if (head.scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    return badTarget('the scheme is neither http nor https');
  }
  const rest = absolute === null ? target : (absolute[3] ?? '');
  const origin = absolute !== null && !rest.startsWith('/') ? `/${rest}` : rest;
  return isTarget(origin)
    ? { kind: 'addressed', authority, target: origin }
    : badTarget('the request target is none in origin form');
}

function badHost(reason: string): Addressed {
  return { kind: 'problem', problem: { status: 400, code: 'AMB1748', reason } };
}

function badTarget(reason: string): Addressed {
  return { kind: 'problem', problem: { status: 400, code: 'AMB1711', reason } };
}

/** Visible ASCII from a slash on, without a fragment; an escaped NUL in a path ends it for some. */
function isTarget(target: string): boolean {
  return /^\/[!"$-~]*$/.test(target) && !/^[^?]*%00/.test(target);
}

/** A host without user information, and perhaps a port. */
function isAuthority(text: string): boolean {
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~-]+)(?::(\d{1,5}))?$/.exec(text);
  return port !== null && Number(port[1] ?? 0) <= 65_535;
}

function isSame(one: string, other: string, scheme: string): boolean {
  const port = scheme === 'https' ? ':443' : ':80';
  const plain = (text: string): string => {
    const lower = text.toLowerCase();
    return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
  };
  return plain(one) === plain(other);
}

function valuesOf(headers: HeaderList, name: string): string[] {
  return headers.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value);
}

/** RFC 9110 section 5.6.2. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

/** RFC 9110 section 5.5: no control characters but tabs. */
function isFieldValue(text: string): boolean {
  return !/[^\t -~\u0080-\u00ff]/.test(text);
}
