// Whether a request, or a connection without HTTP, may pass a waypoint: DENY policies, then ALLOW
// policies (features sections 2.2.2, 2.2.5). What cannot be evaluated denies: in a DENY rule it counts
// as matching, and an ALLOW rule that contains it does not match.

import type { ShadowVerdict } from './decision.ts';
import {
  compileCondition,
  compileOperation,
  compileSource,
  type Predicate,
} from './policy-predicates.ts';
import type { RequestFacts } from './request-facts.ts';
import type { AuthorizationPolicy, PolicyRule } from './request-policy.ts';

/** Policies ready for use; made once per configuration. */
export interface CompiledPolicies {
  readonly enforced: readonly CompiledPolicy[];
  /** All policies with the dry-run ones; absent when there is none of those. */
  readonly shadow?: readonly CompiledPolicy[];
  /** Parts that this proxy cannot evaluate, in words. */
  readonly problems: readonly { readonly policy: string; readonly problem: string }[];
}

interface CompiledPolicy {
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly CompiledRule[];
}

interface CompiledRule {
  /** AND over these lists, OR within one, AND within an alternative. */
  readonly parts: readonly (readonly (readonly Predicate[])[])[];
  /** What the rule as a whole needs to be evaluated. */
  readonly needs: Predicate['needs'];
}

/** The outcome, with its reason as a sentence part. */
export interface RequestVerdict {
  readonly allowed: boolean;
  readonly reason: string;
  /** `NAMESPACE/NAME` of the policy that decided. */
  readonly policy?: string;
  /** Which of its rules, counted from 0. */
  readonly rule?: number;
  /** What would have been decided with the dry-run policies; present where there are any. */
  readonly shadow?: ShadowVerdict;
}

/** Compiles the policies that apply to one service. */
export function compilePolicies(policies: readonly AuthorizationPolicy[]): CompiledPolicies {
  const compiled = policies.map(compilePolicy);
  const enforced = compiled.filter((_, index) => policies[index]?.dryRun !== true);
  const problems = compiled.flatMap(({ name, rules }) =>
    rules.flatMap(({ parts }, index) =>
      parts
        .flat(2)
        .filter(({ needs }) => needs === 'never')
        .map(({ words }) => ({ policy: name, problem: `rules[${index}]: ${words}` })),
    ),
  );
  const shadow = enforced.length === compiled.length ? {} : { shadow: compiled };
  return { enforced, problems, ...shadow };
}

/** Decides about one request or connection. */
export function authorizeRequest(policies: CompiledPolicies, facts: RequestFacts): RequestVerdict {
  const verdict = decide(policies.enforced, facts);
  if (policies.shadow === undefined) return verdict;
  const { allowed, ...why } = decide(policies.shadow, facts);
  return { ...verdict, shadow: { outcome: allowed ? 'allow' : 'deny', ...why } };
}

function decide(policies: readonly CompiledPolicy[], facts: RequestFacts): RequestVerdict {
  for (const policy of policies.filter(({ action }) => action === 'DENY')) {
    const rule = policy.rules.findIndex((one) => denies(one, facts));
    if (rule === -1) continue;
    const reason = `DENY policy ${policy.name} matched with rule ${rule}`;
    return { allowed: false, reason, policy: policy.name, rule };
  }
  const allowing = policies.filter(({ action }) => action === 'ALLOW');
  if (allowing.length === 0) return { allowed: true, reason: 'no ALLOW policy applies' };
  for (const policy of allowing) {
    const rule = policy.rules.findIndex((one) => allows(one, facts));
    if (rule === -1) continue;
    const reason = `ALLOW policy ${policy.name} matched with rule ${rule}`;
    return { allowed: true, reason, policy: policy.name, rule };
  }
  const [first, ...others] = allowing.map(({ name }) => name);
  const names = others.length === 0 ? first : `${first} and ${others.length} more`;
  return {
    allowed: false,
    reason: `no ALLOW policy matched (${names})`,
    ...(first !== undefined && others.length === 0 ? { policy: first } : {}),
  };
}

function denies({ parts }: CompiledRule, facts: RequestFacts): boolean {
  const holds = (predicate: Predicate): boolean =>
    !canEvaluate(predicate.needs, facts) || predicate.holds(facts);
  return parts.every((part) => part.some((predicates) => predicates.every(holds)));
}

function allows({ parts, needs }: CompiledRule, facts: RequestFacts): boolean {
  if (!canEvaluate(needs, facts)) return false;
  return parts.every((part) =>
    part.some((predicates) => predicates.every((predicate) => predicate.holds(facts))),
  );
}

function canEvaluate(needs: Predicate['needs'], facts: RequestFacts): boolean {
  return needs === 'connection' || (needs === 'http' && facts.http !== undefined);
}

function compilePolicy(policy: AuthorizationPolicy): CompiledPolicy {
  const { namespace, name, action, rules } = policy;
  return {
    name: `${namespace}/${name}`,
    action,
    rules: rules.map((rule) => compileRule(rule, namespace)),
  };
}

function compileRule(rule: PolicyRule, namespace: string): CompiledRule {
  const from = (rule.from ?? []).map((source) => compileSource(source, namespace));
  const to = (rule.to ?? []).map(compileOperation);
  const when = (rule.when ?? []).map((condition) => [compileCondition(condition, namespace)]);
  const parts = [from, to, ...when].filter((part) => part.length > 0);
  const needed = new Set(parts.flat(2).map((predicate) => predicate.needs));
  if (needed.has('never')) return { parts, needs: 'never' };
  return { parts, needs: needed.has('http') ? 'http' : 'connection' };
}
