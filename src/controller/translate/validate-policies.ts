// What makes an AuthorizationPolicy or PeerAuthentication invalid (features section 7.3, Security).

import { parseCidr } from '../../mesh/address.ts';
import type { PolicyCondition, PolicyOperation } from '../../mesh/request-policy.ts';
import type {
  AuthorizationPolicyObject,
  PeerAuthentication,
  RuleSpec,
  SourceSpec,
} from '../kinds/security.ts';
import { hasTargets } from './authorizations.ts';
import type { Problem } from './finding.ts';
import { hasSelector } from './peer-authentications.ts';
import { selectorProblems, targetProblems } from './validate-selection.ts';
import { invalid } from './validate-values.ts';

const actions = new Set(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']);
const modes = new Set(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']);

const conditionKey =
  /^(request\.headers\[[^\]]+\]|request\.auth\.(principal|audiences|presenter|claims(\[[^\]]+\])+)|(source|remote|destination)\.ip|source\.(namespace|principal|serviceAccount|trustDomain)|destination\.port|connection\.sni|experimental\.envoy\.filters\..+)$/;

/** All problems of an AuthorizationPolicy. */
export function validateAuthorizationPolicy(policy: AuthorizationPolicyObject): Problem[] {
  const spec = policy.spec ?? {};
  const problems: Problem[] = [];
  problems.push(...selectorProblems(spec.selector));
  if (spec.selector !== undefined && hasTargets(policy)) {
    problems.push(invalid('spec.selector', 'set either selector or targetRefs, not both'));
  }
  problems.push(...targetProblems(policy));
  const action = spec.action ?? 'ALLOW';
  const rules = spec.rules ?? [];
  if (!actions.has(action)) {
    problems.push(invalid('spec.action', 'must be ALLOW, DENY, AUDIT or CUSTOM'));
  }
  if (action === 'DENY' && rules.length === 0) {
    problems.push(
      invalid(
        'spec.rules',
        'a DENY policy without rules never matches; write an empty rule {} to deny everything',
      ),
    );
  }
  if ((action === 'CUSTOM') !== (spec.provider !== undefined)) {
    problems.push(invalid('spec.provider', 'is set with action CUSTOM, and only then'));
  }
  for (const [index, rule] of rules.entries()) {
    problems.push(...ruleProblems(rule, `spec.rules[${index}]`));
  }
  return problems;
}

/** All problems of a PeerAuthentication. */
export function validatePeerAuthentication(object: PeerAuthentication): Problem[] {
  const spec = object.spec ?? {};
  const problems: Problem[] = [
    ...selectorProblems(spec.selector),
    ...modeProblems(spec.mtls, 'spec.mtls'),
  ];
  if (spec.portLevelMtls === undefined) return problems;
  const ports = Object.keys(spec.portLevelMtls);
  if (ports.length === 0) {
    problems.push(invalid('spec.portLevelMtls', 'must name at least one port, or be left out'));
  }
  if (!hasSelector(object)) {
    problems.push(
      invalid(
        'spec.portLevelMtls',
        'needs spec.selector: modes per port are for selected workloads only',
      ),
    );
  }
  for (const [port, setting] of Object.entries(spec.portLevelMtls)) {
    const path = `spec.portLevelMtls[${port}]`;
    if (!isPort(port)) problems.push(outOfRange(path));
    problems.push(...modeProblems(setting, path));
  }
  return problems;
}

function modeProblems(setting: { readonly mode?: string } | undefined, path: string): Problem[] {
  const { mode } = setting ?? {};
  if (mode === undefined || modes.has(mode)) return [];
  return [invalid(`${path}.mode`, `"${mode}" must be STRICT, PERMISSIVE, DISABLE or UNSET`)];
}

function ruleProblems(rule: RuleSpec, path: string): Problem[] {
  const problems: Problem[] = [];
  for (const field of ['from', 'to', 'when'] as const) {
    if (rule[field]?.length === 0) {
      problems.push(
        invalid(`${path}.${field}`, 'must not be an empty list; leave it out to match everything'),
      );
    }
  }
  for (const [index, { source }] of (rule.from ?? []).entries()) {
    problems.push(...sourceProblems(source ?? {}, `${path}.from[${index}].source`));
  }
  for (const [index, { operation }] of (rule.to ?? []).entries()) {
    problems.push(...operationProblems(operation ?? {}, `${path}.to[${index}].operation`));
  }
  for (const [index, condition] of (rule.when ?? []).entries()) {
    problems.push(...conditionProblems(condition, `${path}.when[${index}]`));
  }
  return problems;
}

function sourceProblems(source: SourceSpec, path: string): Problem[] {
  const problems = listProblems(source, path);
  for (const field of ['principals', 'notPrincipals'] as const) {
    problems.push(...principalProblems(source[field], `${path}.${field}`));
  }
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) {
    problems.push(...addressProblems(source[field], `${path}.${field}`));
  }
  for (const field of ['serviceAccounts', 'notServiceAccounts'] as const) {
    for (const [index, text] of (source[field] ?? []).entries()) {
      if (!/^([^/*]+\/)?[^/*]+$/.test(text)) {
        problems.push(
          unreadable(
            `${path}.${field}[${index}]`,
            `"${text}" must be NAMESPACE/NAME or NAME, without wildcards`,
          ),
        );
      }
    }
    const others = [...(source.principals ?? []), ...(source.namespaces ?? [])];
    if ((source[field] ?? []).length > 0 && others.length > 0) {
      problems.push(
        invalid(`${path}.${field}`, 'cannot be combined with principals or namespaces'),
      );
    }
  }
  return problems;
}

function operationProblems(operation: PolicyOperation, path: string): Problem[] {
  const problems = listProblems(operation, path);
  for (const field of ['ports', 'notPorts'] as const) {
    problems.push(...portProblems(operation[field], `${path}.${field}`));
  }
  return problems;
}

function conditionProblems(condition: PolicyCondition, path: string): Problem[] {
  const { key, values = [], notValues = [] } = condition;
  if (!conditionKey.test(key)) return [unreadable(`${path}.key`, `"${key}" is no known condition`)];
  if (values.length === 0 && notValues.length === 0) {
    return [invalid(path, 'needs values or notValues')];
  }
  const check =
    key === 'source.ip' || key === 'remote.ip' || key === 'destination.ip'
      ? addressProblems
      : key === 'destination.port'
        ? portProblems
        : key === 'source.principal'
          ? principalProblems
          : undefined;
  if (check === undefined) return [];
  return [...check(values, `${path}.values`), ...check(notValues, `${path}.notValues`)];
}

/** A source or operation must say something, and each of its lists must not be empty. */
function listProblems(part: SourceSpec | PolicyOperation, path: string): Problem[] {
  const lists = Object.entries(part) as [string, readonly string[]][];
  if (lists.length === 0) return [invalid(path, 'must have at least one field')];
  return lists.flatMap(([field, list]) => {
    if (list.length === 0) return [invalid(`${path}.${field}`, 'must not be an empty list')];
    return list.flatMap((text, index) =>
      text === '' ? [invalid(`${path}.${field}[${index}]`, 'must not be empty')] : [],
    );
  });
}

function principalProblems(list: readonly string[] | undefined, path: string): Problem[] {
  return (list ?? []).flatMap((text, index) => {
    const bare = text.replace(/^\*|\*$/g, '');
    const exact = bare === text;
    if (text.startsWith('spiffe://')) {
      return [unreadable(`${path}[${index}]`, `"${text}" must be written without spiffe://`)];
    }
    if (exact && !/^[^/\s]+\/ns\/[^/\s]+\/sa\/[^/\s]+$/.test(text)) {
      return [
        unreadable(
          `${path}[${index}]`,
          `"${text}" must be TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT, or begin or end with *`,
        ),
      ];
    }
    return [];
  });
}

function addressProblems(list: readonly string[] | undefined, path: string): Problem[] {
  return (list ?? []).flatMap((text, index) =>
    parseCidr(text) === undefined
      ? [unreadable(`${path}[${index}]`, `"${text}" must be an IP address or CIDR`)]
      : [],
  );
}

function portProblems(list: readonly string[] | undefined, path: string): Problem[] {
  return (list ?? []).flatMap((text, index) =>
    isPort(text) ? [] : [outOfRange(`${path}[${index}]`)],
  );
}

function isPort(text: string): boolean {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535;
}

function unreadable(field: string, text: string): Problem {
  return { code: 'AMB1609', field, text };
}

function outOfRange(field: string): Problem {
  return { code: 'AMB1609', field, text: 'must be a port from 1 to 65535' };
}
