// Whether a connection may reach a workload, by the L4 policies that apply to it (protocol section 6).
// One difference from Istio: a policy that is referred to but not known denies, and says so.

import { cidrContains } from './address.ts';
import type {
  Authorization,
  AuthorizationClause,
  AuthorizationGroup,
  AuthorizationMatch,
  PolicyRule,
  ServiceAccountMatch,
  StringMatch,
} from './authorization.ts';
import type { Code } from './catalogue.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { ShadowVerdict } from './decision.ts';
import { identityParts, principalOf } from './identity.ts';
import type { ApplicablePolicies } from './mesh-view.ts';

/** The answer with its reason, a sentence part. */
export type ConnectionVerdict =
  | {
      readonly kind: 'allow';
      readonly reason: string;
      readonly policy?: string;
      readonly rule?: number;
    }
  | {
      readonly kind: 'deny';
      readonly code: Code;
      readonly reason: string;
      readonly policy?: string;
      readonly rule?: number;
    };

/** Decides. DENY before ALLOW; without ALLOW policies everything not denied is allowed; dry-run
 * policies decide nothing. `relevant` are the rules that may match, if somebody knows; all otherwise. */
export function authorizeConnection(
  facts: ConnectionFacts,
  applicable: ApplicablePolicies,
  relevant?: readonly PolicyRule[],
): ConnectionVerdict {
  const [missing] = applicable.missing;
  if (missing !== undefined) {
    const reason = `policy ${missing} selects the workload but is not known`;
    return { kind: 'deny', code: 'AMB1403', reason, policy: missing };
  }
  const { policies } = applicable;
  const inForce = policies.some(isTried) ? policies.filter((one) => !isTried(one)) : policies;
  return judge(facts, inForce, relevant);
}

/** What the decision would be if the dry-run policies counted like the others; undefined where there
 * are none. */
export function shadowVerdict(
  facts: ConnectionFacts,
  { policies }: ApplicablePolicies,
): ShadowVerdict | undefined {
  if (!policies.some(isTried)) return undefined;
  const { kind, reason, policy, rule } = judge(facts, policies);
  return {
    outcome: kind,
    reason,
    ...(policy !== undefined && { policy }),
    ...(rule !== undefined && { rule }),
  };
}

function judge(
  facts: ConnectionFacts,
  policies: readonly Authorization[],
  relevant?: readonly PolicyRule[],
): ConnectionVerdict {
  const source = sourceOf(facts);
  const matches = (group: AuthorizationGroup | undefined): boolean =>
    group?.clauses.every((clause) => clauseMatches(clause, source, facts)) === true;
  const firstAmong = (counts: (policy: Authorization) => boolean): PolicyRule | undefined =>
    relevant === undefined
      ? firstMatch(policies.filter(counts), matches)
      : relevant.find(({ policy, index }) => counts(policy) && matches(policy.groups[index]));
  const refusal = firstAmong(isDenying);
  if (refusal !== undefined) return denied(refusal.policy, refusal.index, facts);
  if (!policies.some(isAllowing)) return { kind: 'allow', reason: 'no ALLOW policy applies' };
  const permit = firstAmong(isAllowing);
  if (permit !== undefined) {
    const policy = nameOf(permit.policy);
    return { kind: 'allow', reason: `allowed by policy ${policy}`, policy, rule: permit.index };
  }
  const [first, ...others] = policies.filter(isAllowing).map(nameOf);
  const names = others.length === 0 ? first : `${first} and ${others.length} more`;
  return {
    kind: 'deny',
    code: 'AMB1401',
    reason: `no ALLOW policy matched (${names})`,
    ...(first !== undefined && others.length === 0 ? { policy: first } : {}),
  };
}

function denied(policy: Authorization, rule: number, facts: ConnectionFacts): ConnectionVerdict {
  const name = nameOf(policy);
  const wantsIdentity = policy.groups[rule]?.clauses.some(({ matches }) =>
    matches.some(({ notPrincipals }) => notPrincipals.some(({ kind }) => kind === 'presence')),
  );
  if (facts.sourceIdentity === undefined && wantsIdentity === true) {
    const reason = `plain text, and policy ${name} demands mutual TLS`;
    return { kind: 'deny', code: 'AMB1402', reason, policy: name, rule };
  }
  return { kind: 'deny', code: 'AMB1401', reason: `denied by policy ${name}`, policy: name, rule };
}

/** The source in the forms that policies compare. */
interface SourceFacts {
  readonly principal: string | undefined;
  /** Empty without an identity. */
  readonly namespace: string;
  readonly serviceAccount: string;
}

function sourceOf({ sourceIdentity }: ConnectionFacts): SourceFacts {
  if (sourceIdentity === undefined) {
    return { principal: undefined, namespace: '', serviceAccount: '' };
  }
  const { namespace, serviceAccount } = identityParts(sourceIdentity);
  return { principal: principalOf(sourceIdentity), namespace, serviceAccount };
}

/** The first rule that matches; a policy without rules matches nothing. */
function firstMatch(
  policies: readonly Authorization[],
  matches: (group: AuthorizationGroup | undefined) => boolean,
): PolicyRule | undefined {
  for (const policy of policies) {
    const index = policy.groups.findIndex(matches);
    if (index !== -1) return { policy, index };
  }
  return undefined;
}

function isAllowing({ action }: Authorization): boolean {
  return action === 'allow';
}

function isDenying({ action }: Authorization): boolean {
  return action === 'deny';
}

function isTried({ dryRun }: Authorization): boolean {
  return dryRun;
}

/** A clause without matches holds; an empty match among its matches never does. */
function clauseMatches(
  { matches }: AuthorizationClause,
  source: SourceFacts,
  facts: ConnectionFacts,
): boolean {
  if (matches.length === 0) return true;
  return matches.some((match) => !isEmpty(match) && matchHolds(match, source, facts));
}

function isEmpty(match: AuthorizationMatch): boolean {
  return (
    isOpen(match.namespaces, match.notNamespaces) &&
    isOpen(match.principals, match.notPrincipals) &&
    isOpen(match.sourceIps, match.notSourceIps) &&
    isOpen(match.destinationIps, match.notDestinationIps) &&
    isOpen(match.destinationPorts, match.notDestinationPorts) &&
    isOpen(match.serviceAccounts, match.notServiceAccounts)
  );
}

/** Whether two lists put no condition. */
function isOpen(wanted: readonly unknown[], unwanted: readonly unknown[]): boolean {
  return wanted.length === 0 && unwanted.length === 0;
}

function matchHolds(match: AuthorizationMatch, source: SourceFacts, facts: ConnectionFacts) {
  const { namespace, principal } = source;
  const { address, port } = facts.destination;
  return (
    listHolds(match.namespaces, match.notNamespaces, textMatches, namespace) &&
    listHolds(match.principals, match.notPrincipals, textMatches, principal) &&
    listHolds(match.sourceIps, match.notSourceIps, cidrContains, facts.source.address) &&
    listHolds(match.destinationIps, match.notDestinationIps, cidrContains, address) &&
    listHolds(match.destinationPorts, match.notDestinationPorts, isSame, port) &&
    listHolds(match.serviceAccounts, match.notServiceAccounts, isAccount, source)
  );
}

function isSame(wanted: number, port: number): boolean {
  return wanted === port;
}

function isAccount(wanted: ServiceAccountMatch, source: SourceFacts): boolean {
  return (
    source.principal !== undefined &&
    wanted.namespace === source.namespace &&
    wanted.serviceAccount === source.serviceAccount
  );
}

/** An empty list puts no condition. Makes no closures: this runs for every rule of every connection
 * when policies change. */
function listHolds<T, Value>(
  wanted: readonly T[],
  unwanted: readonly T[],
  test: (item: T, value: Value) => boolean,
  value: Value,
): boolean {
  return (wanted.length === 0 || hasMatch(wanted, test, value)) && !hasMatch(unwanted, test, value);
}

function hasMatch<T, Value>(
  list: readonly T[],
  test: (item: T, value: Value) => boolean,
  value: Value,
): boolean {
  for (const item of list) if (test(item, value)) return true;
  return false;
}

/** Nothing matches an absent value, not even presence. */
function textMatches(pattern: StringMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  switch (pattern.kind) {
    case 'exact':
      return value === pattern.value;
    case 'prefix':
      return value.startsWith(pattern.value);
    case 'suffix':
      return value.endsWith(pattern.value);
    case 'presence':
      return value !== '';
  }
}

function nameOf(policy: Authorization): string {
  return `${policy.namespace}/${policy.name}`;
}
