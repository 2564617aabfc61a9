// What makes a RequestAuthentication invalid, and what to warn of in a valid one (features sections 2.3 and
// 7.3, Security).

import type { JwtRuleSpec, RequestAuthentication } from '../kinds/unwatched.ts';
import type { Problem } from './finding.ts';
import { selectionProblems } from './validate-selection.ts';
import { durationProblems, invalid } from './validate-values.ts';

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

/** All problems of a RequestAuthentication. */
export function validateRequestAuthentication(object: RequestAuthentication): Problem[] {
  return [
    ...selectionProblems(object),
    ...(object.spec?.jwtRules ?? []).flatMap((rule, index) =>
      ruleProblems(rule, `spec.jwtRules[${index}]`),
    ),
  ];
}

/** What is allowed, and hardly wise. */
export function warnOfRequestAuthentication({ spec }: RequestAuthentication): Problem[] {
  return (spec?.jwtRules ?? []).flatMap(({ jwks }, index) => {
    const keys = keysOf(jwks ?? '') ?? [];
    const isPrivate = keys.some((key) => privateMembers.some((member) => member in key));
    const text = 'has private key material, which everybody may read who may read the object';
    return isPrivate ? [invalid(`spec.jwtRules[${index}].jwks`, text)] : [];
  });
}

function ruleProblems(rule: JwtRuleSpec, path: string): Problem[] {
  const { issuer = '', jwks = '', timeout } = rule;
  const jwksUri = rule.jwksUri ?? rule.jwks_uri ?? '';
  const problems: Problem[] = [];
  if (issuer === '' && jwksUri === '') {
    problems.push(invalid(`${path}.issuer`, 'must be set, or else jwksUri'));
  }
  if (jwks !== '' && jwksUri !== '') {
    problems.push(invalid(path, 'cannot have both jwks and jwksUri'));
  }
  if (jwksUri !== '' && !isWebAddress(jwksUri)) {
    problems.push(invalid(`${path}.jwksUri`, `"${jwksUri}" must be an http or https address`));
  }
  if (jwks !== '' && keysOf(jwks) === undefined) {
    problems.push(invalid(`${path}.jwks`, 'cannot be parsed: must be a JSON Web Key Set'));
  }
  for (const field of ['audiences', 'fromParams', 'fromCookies', 'spaceDelimitedClaims'] as const) {
    problems.push(...emptyTexts(rule[field] ?? [], `${path}.${field}`));
  }
  const { fromHeaders = [], outputClaimToHeaders = [] } = rule;
  const headers = fromHeaders.map(({ name = '' }) => name);
  problems.push(...emptyTexts(headers, `${path}.fromHeaders`, '.name'));
  for (const [index, { header = '', claim = '' }] of outputClaimToHeaders.entries()) {
    const at = `${path}.outputClaimToHeaders[${index}]`;
    if (header === '' || claim === '') problems.push(invalid(at, 'needs both header and claim'));
    else if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(header)) {
      problems.push(invalid(`${at}.header`, `"${header}" is no header name`));
    }
  }
  return [...problems, ...durationProblems(timeout, `${path}.timeout`, 'at least 1ms')];
}

function emptyTexts(list: readonly string[], path: string, member = ''): Problem[] {
  return list.flatMap((text, index) =>
    text === '' ? [invalid(`${path}[${index}]${member}`, 'must not be empty')] : [],
  );
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** The keys of a set (RFC 7517); undefined when the text is none. */
function keysOf(text: string): readonly object[] | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    const isSet =
      Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null);
    return isSet ? (keys as object[]) : undefined;
  } catch {
    // The caller tells that it is no key set.
    return undefined;
  }
}
