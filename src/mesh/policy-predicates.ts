// The parts of an AuthorizationPolicy's rule, compiled to tests (features sections 2.2.3, 2.2.4).
// What cannot be evaluated is marked, so that the caller can fail closed.

import { type Cidr, cidrContains, parseCidr } from './address.ts';
import { identityParts, principalOf } from './identity.ts';
import { compilePathTemplate } from './path-template.ts';
import { headerOf, type RequestFacts } from './request-facts.ts';
import type { PolicyCondition, PolicyOperation, PolicySource } from './request-policy.ts';

/** One list of a rule: its values are alternatives. */
export interface Predicate {
  /** `http` needs a request; `never` cannot be evaluated by this proxy at all. */
  readonly needs: 'connection' | 'http' | 'never';
  readonly holds: (facts: RequestFacts) => boolean;
  /** What it looks at, in words: `methods`, `when request.headers[x]`. */
  readonly words: string;
}

type Read = (facts: RequestFacts) => string | undefined;
type Test = (text: string) => boolean;

const principal: Read = ({ source }) =>
  source.identity === undefined ? undefined : principalOf(source.identity);
const namespace: Read = ({ source }) =>
  source.identity === undefined ? undefined : identityParts(source.identity).namespace;
const trustDomain: Read = ({ source }) =>
  source.identity === undefined ? undefined : identityParts(source.identity).trustDomain;
const sourceAddress: Read = ({ source }) => source.address;
const port: Read = ({ destination }) => String(destination.port);
const account: Read = ({ source }) => {
  if (source.identity === undefined) return undefined;
  const parts = identityParts(source.identity);
  return `${parts.namespace}/${parts.serviceAccount}`;
};

/** Compiles one source; `ownNamespace` completes service accounts without a namespace. */
export function compileSource(source: PolicySource, ownNamespace: string): Predicate[] {
  const full = (value: string): Test =>
    equals(value.includes('/') ? value : `${ownNamespace}/${value}`);
  return [
    ...pair('principals', source.principals, source.notPrincipals, principal, pattern),
    ...pair('namespaces', source.namespaces, source.notNamespaces, namespace, pattern),
    ...pair('serviceAccounts', source.serviceAccounts, source.notServiceAccounts, account, full),
    ...pair('ipBlocks', source.ipBlocks, source.notIpBlocks, sourceAddress, inNetwork),
  ];
}

/** Compiles one operation. */
export function compileOperation(operation: PolicyOperation): Predicate[] {
  const host: Read = ({ http }) => http?.authority.toLowerCase();
  const hostPattern = (value: string): Test => pattern(value.toLowerCase());
  const method: Read = ({ http }) => http?.method;
  const path: Read = ({ http }) => http?.path;
  const { hosts, notHosts, methods, notMethods, paths, notPaths } = operation;
  return [
    ...pair('ports', operation.ports, operation.notPorts, port, equals),
    ...pair('hosts', hosts, notHosts, host, hostPattern, 'http'),
    ...pair('methods', methods, notMethods, method, pattern, 'http'),
    ...pair('paths', paths, notPaths, path, pathPattern, 'http'),
  ];
}

/** Compiles one `when`. */
export function compileCondition(condition: PolicyCondition, ownNamespace: string): Predicate[] {
  const { key, values, notValues } = condition;
  const words = `when ${key}`;
  const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1]?.toLowerCase();
  if (header !== undefined) {
    const read: Read = ({ http }) => (http === undefined ? undefined : headerOf(http, header));
    return pair(words, values, notValues, read, pattern, 'http');
  }
  switch (key) {
    case 'source.ip':
      return pair(words, values, notValues, sourceAddress, inNetwork);
    case 'source.namespace':
      return pair(words, values, notValues, namespace, pattern);
    case 'source.principal':
      return pair(words, values, notValues, principal, pattern);
    case 'source.trustDomain':
      return pair(words, values, notValues, trustDomain, equals);
    case 'source.serviceAccount':
      return pair(words, values, notValues, account, (value) =>
        equals(value.includes('/') ? value : `${ownNamespace}/${value}`),
      );
    case 'destination.ip':
      return pair(words, values, notValues, ({ destination }) => destination.address, inNetwork);
    case 'destination.port':
      return pair(words, values, notValues, port, equals);
    default:
      return [{ needs: 'never', holds: () => false, words }];
  }
}

/** A positive and a negative list. A text that is not known matches no positive list and is in no
 * negative one. Values that cannot be read make the predicate impossible to evaluate. */
function pair(
  words: string,
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  read: Read,
  compile: (value: string) => Test | undefined,
  needs: 'connection' | 'http' = 'connection',
): Predicate[] {
  const one = (list: readonly string[], wanted: boolean, title: string): Predicate => {
    const tests = list.map(compile).filter((test) => test !== undefined);
    if (tests.length < list.length) return { needs: 'never', holds: () => false, words: title };
    const holds = (facts: RequestFacts): boolean => {
      const text = read(facts);
      return (text !== undefined && tests.some((test) => test(text))) === wanted;
    };
    return { needs, holds, words: title };
  };
  const predicates: Predicate[] = [];
  if (values !== undefined && values.length > 0) predicates.push(one(values, true, words));
  if (notValues !== undefined && notValues.length > 0) {
    predicates.push(one(notValues, false, `not ${words}`));
  }
  return predicates;
}

function equals(value: string): Test {
  return (text) => text === value;
}

/** `exact`, `prefix*`, `*suffix` and `*`; other stars are literal. */
function pattern(value: string): Test {
  if (value === '*') return (text) => text !== '';
  if (value.startsWith('*')) return (text) => text.endsWith(value.slice(1));
  if (value.endsWith('*')) return (text) => text.startsWith(value.slice(0, -1));
  return equals(value);
}

function pathPattern(value: string): Test | undefined {
  return /[{}]/.test(value) ? compilePathTemplate(value) : pattern(value);
}

function inNetwork(value: string): Test | undefined {
  const cidr: Cidr | undefined = parseCidr(value);
  if (cidr === undefined) return undefined;
  return (text) => {
    const address = parseCidr(text)?.address;
    return address !== undefined && cidrContains(cidr, address);
  };
}
