// What makes an AuthorizationPolicy or PeerAuthentication invalid (features section 7.3, Security).

import { parseCidr } from '../../mesh/address.ts';
import { compilePathTemplate } from '../../mesh/path-template.ts';
import type { PolicyCondition, PolicyOperation } from '../../mesh/request-policy.ts';
import type {
  AuthorizationPolicyObject,
  PeerAuthentication,
  RuleSpec,
  SourceSpec,
} from '../kinds/security.ts';
import type { Problem } from './finding.ts';
import { literalStars } from './literal-stars.ts';
import { hasSelector } from './peer-authentications.ts';
import { selectionProblems, selectorProblems } from './validate-selection.ts';
import { invalid } from './validate-values.ts';

const actions = new Set(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']);
const modes = new Set(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']);

const conditionKey =
  /^(request\.headers\[[^\]]+\]|request\.auth\.(principal|audiences|presenter|claims(\[[^\]]+\])+)|(source|remote|destination)\.ip|source\.(namespace|principal|serviceAccount|trustDomain)|destination\.port|connection\.sni|experimental\.envoy\.filters\..+)$/;

/** All problems of an AuthorizationPolicy. */
export function validateAuthorizationPolicy(policy: AuthorizationPolicyObject): Problem[] {
  const spec = policy.spec ?? {};
  const problems = selectionProblems(policy);
  const action = spec.action ?? 'ALLOW';
  const rules = spec.rules ?? [];
  if (!actions.has(action)) {
    problems.push(invalid('spec.action', 'must be ALLOW, DENY, AUDIT or CUSTOM'));
  }
  if ((action === 'DENY' || action === 'CUSTOM') && rules.length === 0) {
    const text = `a ${action} policy without rules never matches; write an empty rule {} to match everything`;
    problems.push(invalid('spec.rules', text));
  }
  if ((action === 'CUSTOM') !== (spec.provider !== undefined)) {
    problems.push(invalid('spec.provider', 'is set with action CUSTOM, and only then'));
  } else if (action === 'CUSTOM' && (spec.provider?.name ?? '') === '') {
    problems.push(invalid('spec.provider.name', 'must not be empty'));
  }
  if (action === 'CUSTOM') problems.push(...customProblems(rules));
  for (const [index, rule] of rules.entries()) {
    problems.push(...ruleProblems(rule, `spec.rules[${index}]`));
  }
  return problems;
}

/** What is allowed, and denies more than its author may think. */
export function warnOfAuthorizationPolicy(policy: AuthorizationPolicyObject): Problem[] {
  const { action = 'ALLOW', rules = [] } = policy.spec ?? {};
  if (action !== 'ALLOW' || rules.length > 0) return literalStars(policy);
  const text = 'has no rules, so everything in its scope is denied';
  return [{ code: 'AMB1696', field: 'spec.rules', text }];
}

const notForProviders = [
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
] as const satisfies readonly (keyof SourceSpec)[];

/** Providers are asked before anybody has been authenticated. */
function customProblems(rules: readonly RuleSpec[]): Problem[] {
  const text = 'is not supported with action CUSTOM';
  return rules.flatMap(({ from = [], when = [] }, index) => [
    ...from.flatMap(({ source = {} }, place) =>
      notForProviders.flatMap((field) =>
        source[field] === undefined
          ? []
          : [invalid(`spec.rules[${index}].from[${place}].source.${field}`, text)],
      ),
    ),
    ...when.flatMap(({ key }, place) =>
      /^(source\.(?!ip$)|request\.auth\.)/.test(key)
        ? [invalid(`spec.rules[${index}].when[${place}].key`, `"${key}" ${text}`)]
        : [],
    ),
  ]);
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
  for (const field of ['paths', 'notPaths'] as const) {
    problems.push(...templateProblems(operation[field], `${path}.${field}`));
  }
  return problems;
}

/** Braces are for templates of paths. */
function templateProblems(list: readonly string[] | undefined, path: string): Problem[] {
  return (list ?? []).flatMap((text, index) => {
    if (!/[{}]/.test(text) || compilePathTemplate(text) !== undefined) return [];
    const rule =
      '{*} is one segment, {**} the last of them any number, and other braces have no place';
    return [unreadable(`${path}[${index}]`, `"${text}" is no path template: ${rule}`)];
  });
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
