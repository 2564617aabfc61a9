// The conditions of one match of a route, compiled. Each can say what it wants and what it got, so
// that an explanation costs nothing until it is asked for.

import { type HttpRequestFacts, headerOf, type RequestFacts } from './request-facts.ts';
import type { NamedMatch, RequestMatch } from './route.ts';
import { type CompileRegex, compileText, quote, type TextTest } from './text-match.ts';

/** One condition on a request. */
export interface Condition {
  readonly holds: (facts: RequestFacts, http: HttpRequestFacts) => boolean;
  /** What is wanted, in words: `header end-user is "jason"`. */
  readonly words: string;
  /** What the request had instead, in words. */
  readonly actual: (facts: RequestFacts, http: HttpRequestFacts) => string;
  /** Why it can never hold, if so. */
  readonly problem?: string;
}

type Read = (facts: RequestFacts, http: HttpRequestFacts) => string | undefined;

/** Compiles a match; the conditions are in the order in which they are tried, cheap ones first. */
export function compileMatch(match: RequestMatch, compileRegex: CompileRegex): Condition[] {
  const conditions: Condition[] = [];
  const compiled = (pattern: NamedMatch['match']): TextTest => compileText(pattern, compileRegex);
  const { port, method, scheme, authority, uri, sourceNamespace } = match;
  if (port !== undefined) {
    conditions.push(equals('port', String(port), (facts) => String(facts.destination.port)));
  }
  if (method) conditions.push(tests('method', compiled(method), (_, http) => http.method));
  if (scheme) conditions.push(tests('scheme', compiled(scheme), (_, http) => http.scheme));
  if (authority) conditions.push(tests('host', compiled(authority), (_, http) => http.authority));
  if (uri) {
    const test = compileText(uri, compileRegex, match.ignoreUriCase ?? false);
    conditions.push(tests('path', test, (_, http) => http.path));
  }
  for (const header of match.headers ?? []) {
    const name = header.name.toLowerCase();
    const read: Read = (_, http) => headerOf(http, name);
    conditions.push(named(`header ${name}`, header, compiled(header.match), read));
  }
  for (const parameter of match.queryParams ?? []) {
    const read: Read = (_, http) =>
      new URLSearchParams(http.query).get(parameter.name) ?? undefined;
    const title = `query parameter ${parameter.name}`;
    conditions.push(named(title, parameter, compiled(parameter.match), read));
  }
  if (sourceNamespace !== undefined) {
    const read: Read = (facts) => facts.source.namespace;
    conditions.push(equals('the namespace of the source', sourceNamespace, read));
  }
  for (const [label, value] of Object.entries(match.sourceLabels ?? {})) {
    const read: Read = (facts) => facts.source.labels?.[label];
    conditions.push(equals(`label ${label} of the source`, value, read));
  }
  return conditions;
}

function tests(title: string, test: TextTest, read: Read): Condition {
  return {
    words: `${title} ${test.words}`,
    ...(test.problem === undefined ? {} : { problem: test.problem }),
    actual: (facts, http) => said(read(facts, http)),
    holds: (facts, http) => {
      const value = read(facts, http);
      return value !== undefined && test.test(value);
    },
  };
}

function equals(title: string, wanted: string, read: Read): Condition {
  const test: TextTest = {
    kind: 'exact',
    words: `is ${quote(wanted)}`,
    test: (text) => text === wanted,
  };
  return tests(title, test, read);
}

/** A header or parameter. Inverted, an absent one is the empty text, but for presence; a pattern that
 * does not compile never holds, inverted or not. */
function named(title: string, match: NamedMatch, test: TextTest, read: Read): Condition {
  const plain = tests(title, test, read);
  if (match.invert !== true || test.problem !== undefined) return plain;
  return {
    words: `not: ${plain.words}`,
    actual: plain.actual,
    holds: (facts, http) => {
      const value = read(facts, http);
      return value === undefined ? test.kind === 'present' || !test.test('') : !test.test(value);
    },
  };
}

function said(value: string | undefined): string {
  return value === undefined ? 'it was absent' : `it was ${quote(value)}`;
}
