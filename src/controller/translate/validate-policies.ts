// What makes an AuthorizationPolicy or PeerAuthentication invalid (features section 7.3, Security).

import { parseCidr } from '../../mesh/address.ts';
import type {
  AuthorizationPolicyObject,
  ConditionSpec,
  OperationSpec,
  PeerAuthentication,
  RuleSpec,
  SourceSpec,
} from '../kinds/security.ts';
import type { Problem } from './finding.ts';
import { hasSelector } from './peer-authentications.ts';
import { invalid } from './validate-values.ts';

const targetKinds = new Set([
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
  '/Service',
  'networking.istio.io/ServiceEntry',
]);

const conditionKey =
  /^(request\.headers\[[^\]]+\]|request\.auth\.(principal|audiences|presenter|claims(\[[^\]]+\])+)|(source|remote|destination)\.ip|source\.(namespace|principal|serviceAccount|trustDomain)|destination\.port|connection\.sni|experimental\.envoy\.filters\..+)$/;

/** All problems of an AuthorizationPolicy. */
export function validateAuthorizationPolicy(policy: AuthorizationPolicyObject): Problem[] {
  const spec = policy.spec ?? {};
  const problems: Problem[] = [];
  const targets = [...(spec.targetRef ? [spec.targetRef] : []), ...(spec.targetRefs ?? [])];
  if (spec.selector !== undefined && targets.length > 0) {
    problems.push(invalid('spec.selector', 'set either selector or targetRefs, not both'));
  }
  for (const [index, target] of targets.entries()) {
    const path = `spec.targetRefs[${index}]`;
    if (target.namespace !== undefined && target.namespace !== policy.metadata.namespace) {
      problems.push(
        invalid(
          `${path}.namespace`,
          'must be left out: targets are in the namespace of the policy',
        ),
      );
    }
    if (!targetKinds.has(`${target.group ?? ''}/${target.kind}`)) {
      problems.push(
        invalid(
          `${path}.kind`,
          `must be Gateway, GatewayClass, Service or ServiceEntry with its group, not ${target.group ?? '""'} ${target.kind}`,
        ),
      );
    }
  }
  const action = spec.action ?? 'ALLOW';
  const rules = spec.rules ?? [];
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
  if (spec.portLevelMtls === undefined) return [];
  const ports = Object.keys(spec.portLevelMtls);
  const problems: Problem[] = [];
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
  for (const port of ports) {
    if (!isPort(port)) problems.push(outOfRange(`spec.portLevelMtls[${port}]`));
  }
  return problems;
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

function operationProblems(operation: OperationSpec, path: string): Problem[] {
  const problems = listProblems(operation, path);
  for (const field of ['ports', 'notPorts'] as const) {
    problems.push(...portProblems(operation[field], `${path}.${field}`));
  }
  return problems;
}

function conditionProblems(condition: ConditionSpec, path: string): Problem[] {
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
function listProblems(part: SourceSpec | OperationSpec, path: string): Problem[] {
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
