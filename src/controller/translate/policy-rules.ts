// Rules of an AuthorizationPolicy in the form that node proxies enforce (protocol section 4.9).
// Node proxies see connections only, so attributes of requests are left out and named in `dropped`:
// in ALLOW policies the whole rule goes (less is allowed); in DENY policies only the attribute goes
// (more is denied), and a rule of which nothing is left has no effect.

import { type Cidr, parseCidr } from '../../mesh/address.ts';
import type {
  AuthorizationClause,
  AuthorizationGroup,
  AuthorizationMatch,
  ServiceAccountMatch,
  StringMatch,
} from '../../mesh/authorization.ts';
import type { PolicyCondition, PolicyOperation } from '../../mesh/request-policy.ts';
import type { RuleSpec, SourceSpec } from '../kinds/security.ts';

/** A match that has no condition; it never fires by itself. */
export const emptyMatch: AuthorizationMatch = {
  namespaces: [],
  notNamespaces: [],
  principals: [],
  notPrincipals: [],
  sourceIps: [],
  notSourceIps: [],
  destinationIps: [],
  notDestinationIps: [],
  destinationPorts: [],
  notDestinationPorts: [],
  serviceAccounts: [],
  notServiceAccounts: [],
};

/** A translated rule. */
export interface RuleTranslation {
  /** Undefined when the rule is left out or has no effect. */
  readonly group: AuthorizationGroup | undefined;
  /** Paths of the fields that node proxies cannot enforce. */
  readonly dropped: readonly string[];
}

/** Translates one rule. `path` is where it stands, such as `spec.rules[0]`; `namespace` completes
 * service accounts that are written without one. */
export function translateRule(
  rule: RuleSpec,
  action: 'allow' | 'deny',
  namespace: string,
  path: string,
): RuleTranslation {
  const dropped: string[] = [];
  const parts: AuthorizationMatch[][] = [];
  if (rule.from !== undefined && rule.from.length > 0) {
    parts.push(
      rule.from.map(({ source = {} }, index) => {
        dropped.push(...requestSourceFields(source, `${path}.from[${index}].source`));
        return sourceMatch(source, namespace);
      }),
    );
  }
  if (rule.to !== undefined && rule.to.length > 0) {
    parts.push(
      rule.to.map(({ operation = {} }, index) => {
        dropped.push(...requestOperationFields(operation, `${path}.to[${index}].operation`));
        return {
          ...emptyMatch,
          destinationPorts: ports(operation.ports),
          notDestinationPorts: ports(operation.notPorts),
        };
      }),
    );
  }
  for (const [index, condition] of (rule.when ?? []).entries()) {
    const match = conditionMatch(condition);
    if (match === undefined) dropped.push(`${path}.when[${index}] (${condition.key})`);
    parts.push(match === undefined ? [] : [match]);
  }
  if (dropped.length > 0 && action === 'allow') return { group: undefined, dropped };
  const clauses: AuthorizationClause[] = parts
    .map((matches) => ({ matches: matches.filter((match) => !isEmpty(match)) }))
    .filter(({ matches }) => matches.length > 0);
  if (dropped.length > 0 && clauses.length === 0) return { group: undefined, dropped };
  return { group: { clauses }, dropped };
}

/** Istio's patterns: `*`, `*x`, `x*`, and everything else exact. */
export function stringMatch(value: string): StringMatch {
  if (value === '*') return { kind: 'presence' };
  if (value.startsWith('*')) return { kind: 'suffix', value: value.slice(1) };
  if (value.endsWith('*')) return { kind: 'prefix', value: value.slice(0, -1) };
  return { kind: 'exact', value };
}

function sourceMatch(source: SourceSpec, namespace: string): AuthorizationMatch {
  const account = (text: string): ServiceAccountMatch => serviceAccount(text, namespace);
  return {
    ...emptyMatch,
    principals: (source.principals ?? []).map(stringMatch),
    notPrincipals: (source.notPrincipals ?? []).map(stringMatch),
    namespaces: (source.namespaces ?? []).map(stringMatch),
    notNamespaces: (source.notNamespaces ?? []).map(stringMatch),
    sourceIps: cidrs(source.ipBlocks),
    notSourceIps: cidrs(source.notIpBlocks),
    serviceAccounts: (source.serviceAccounts ?? []).map(account),
    notServiceAccounts: (source.notServiceAccounts ?? []).map(account),
  };
}

function serviceAccount(text: string, ownNamespace: string): ServiceAccountMatch {
  const slash = text.indexOf('/');
  return slash === -1
    ? { namespace: ownNamespace, serviceAccount: text }
    : { namespace: text.slice(0, slash), serviceAccount: text.slice(slash + 1) };
}

function conditionMatch(condition: PolicyCondition): AuthorizationMatch | undefined {
  const { key, values, notValues } = condition;
  const patterns = (texts: readonly string[] | undefined): StringMatch[] =>
    (texts ?? []).map(stringMatch);
  switch (key) {
    case 'source.ip':
      return { ...emptyMatch, sourceIps: cidrs(values), notSourceIps: cidrs(notValues) };
    case 'source.namespace':
      return { ...emptyMatch, namespaces: patterns(values), notNamespaces: patterns(notValues) };
    case 'source.principal':
      return { ...emptyMatch, principals: patterns(values), notPrincipals: patterns(notValues) };
    case 'destination.ip':
      return { ...emptyMatch, destinationIps: cidrs(values), notDestinationIps: cidrs(notValues) };
    case 'destination.port':
      return {
        ...emptyMatch,
        destinationPorts: ports(values),
        notDestinationPorts: ports(notValues),
      };
    default:
      return undefined;
  }
}

const requestSources = [
  'requestPrincipals',
  'notRequestPrincipals',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'trustDomains',
  'notTrustDomains',
] as const satisfies readonly (keyof SourceSpec)[];

/** What only a request has, in an operation of a policy. */
export const requestOperations = [
  'hosts',
  'notHosts',
  'methods',
  'notMethods',
  'paths',
  'notPaths',
] as const satisfies readonly (keyof PolicyOperation)[];

function requestSourceFields(source: SourceSpec, path: string): string[] {
  return requestSources
    .filter((field) => (source[field] ?? []).length > 0)
    .map((field) => `${path}.${field}`);
}

function requestOperationFields(operation: PolicyOperation, path: string): string[] {
  return requestOperations
    .filter((field) => (operation[field] ?? []).length > 0)
    .map((field) => `${path}.${field}`);
}

function ports(texts: readonly string[] | undefined): number[] {
  return (texts ?? []).map(Number);
}

function cidrs(texts: readonly string[] | undefined): Cidr[] {
  return (texts ?? []).flatMap((text) => parseCidr(text) ?? []);
}

function isEmpty(match: AuthorizationMatch): boolean {
  return Object.values(match).every((list: readonly unknown[]) => list.length === 0);
}
