// What makes a DestinationRule invalid, and what is to be warned of in a valid one (features section 7.3).

import { parseIp } from '../../mesh/address.ts';
import type { DestinationRule, SubsetSpec, TrafficPolicySpec } from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { policiesIn } from './policies-in.ts';
import { balancerProblems, balancerWarnings } from './validate-balancers.ts';
import { clientTlsProblems, clientTlsWarnings } from './validate-client-tls.ts';
import { outlierProblems, outlierWarnings, poolProblems } from './validate-pools.ts';
import {
  durationProblems,
  exportProblems,
  invalid,
  percentProblems,
  rangeProblems,
  wordProblems,
} from './validate-values.ts';

/** All problems of a DestinationRule. */
export function validateDestinationRule(object: DestinationRule): Problem[] {
  const spec = object.spec ?? {};
  const { namespace = '' } = object.metadata;
  // The object's own namespace counts as the dot.
  const exportTo = (spec.exportTo ?? []).map((entry) => (entry === namespace ? '.' : entry));
  const problems = exportProblems(exportTo, 'spec.exportTo');
  if (spec.host === undefined || !(spec.host === '*' || isHostPattern(spec.host))) {
    const text = `"${spec.host ?? ''}" is no DNS name or "*.suffix"`;
    problems.push({ code: 'AMB1604', field: 'spec.host', text });
  }
  if (spec.workloadSelector !== undefined) {
    problems.push(...selectorProblems(spec.workloadSelector.matchLabels ?? {}, exportTo));
  }
  return [
    ...problems,
    ...subsetProblems(spec.subsets ?? []),
    ...policiesIn(object).flatMap(({ policy, path }) => policyProblems(policy, path, namespace)),
  ];
}

/** What is allowed in a DestinationRule, and has no effect or probably not the one that is meant. */
export function warnOfDestinationRule(object: DestinationRule): Problem[] {
  const { workloadSelector } = object.spec ?? {};
  const warnings = policiesIn(object).flatMap(({ policy, path, beneath }) => [
    ...balancerWarnings(policy, path, beneath),
    ...outlierWarnings(policy.outlierDetection, `${path}.outlierDetection`),
    ...clientTlsWarnings(policy.tls, `${path}.tls`),
  ]);
  if (
    workloadSelector === undefined ||
    Object.keys(workloadSelector.matchLabels ?? {}).length > 0
  ) {
    return warnings;
  }
  const text = 'is empty, so the rule holds for all waypoints of its namespace';
  return [invalid('spec.workloadSelector', text), ...warnings];
}

function selectorProblems(
  labels: Readonly<Record<string, string>>,
  exportTo: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  if (exportTo.length > 1) {
    problems.push(invalid('spec.exportTo', 'cannot have several entries with workloadSelector'));
  } else if (exportTo.some((entry) => entry !== '.')) {
    const text = 'must be "." or absent: rules with workloadSelector cannot be exported';
    problems.push(invalid('spec.exportTo', text));
  }
  for (const [name, value] of Object.entries(labels)) {
    if (!name.includes('*') && !value.includes('*')) continue;
    problems.push(invalid(`spec.workloadSelector.matchLabels.${name}`, 'must not have wildcards'));
  }
  return problems;
}

function subsetProblems(subsets: readonly (SubsetSpec | null)[]): Problem[] {
  const seen = new Set<string>();
  return subsets.flatMap((subset, index): Problem[] => {
    const path = `spec.subsets[${index}]`;
    if (subset === null) return [invalid(path, 'may not be null')];
    const { name } = subset;
    const problems: Problem[] = [];
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)) {
      problems.push(invalid(`${path}.name`, `"${name}" is no valid subset name`));
    }
    if (seen.has(name)) problems.push(invalid(`${path}.name`, `"${name}" is used twice`));
    seen.add(name);
    return problems;
  });
}

/** Of a whole, a subset or a port. */
function policyProblems(policy: TrafficPolicySpec, path: string, namespace: string): Problem[] {
  const blocks = Object.values(policy).filter((block) => block !== undefined && block !== null);
  return [
    ...(blocks.length === 0 ? [invalid(path, 'must have at least one field')] : []),
    ...(policy.portLevelSettings ?? []).flatMap(({ port }, index) => {
      const { number } = port ?? {};
      const at = `${path}.portLevelSettings[${index}].port.number`;
      return number === undefined
        ? [invalid(at, 'must be a valid port')]
        : rangeProblems(number, at, 1, 65_535);
    }),
    ...balancerProblems(policy.loadBalancer, `${path}.loadBalancer`),
    ...poolProblems(policy.connectionPool, `${path}.connectionPool`),
    ...outlierProblems(policy.outlierDetection, `${path}.outlierDetection`),
    ...clientTlsProblems(policy.tls, `${path}.tls`, namespace),
    ...wayOutProblems(policy, path),
  ];
}

function wayOutProblems(policy: TrafficPolicySpec, path: string): Problem[] {
  const { tunnel, proxyProtocol, retryBudget = {} } = policy;
  const problems: Problem[] = [];
  if (tunnel !== undefined && proxyProtocol !== undefined) {
    problems.push(invalid(path, 'tunnel and proxyProtocol must not be set together'));
  }
  if (tunnel !== undefined) {
    const { protocol, targetHost = '', targetPort = 0 } = tunnel;
    const at = `${path}.tunnel`;
    problems.push(
      ...wordProblems(protocol, `${at}.protocol`, ['CONNECT', 'POST']),
      ...rangeProblems(targetPort, `${at}.targetPort`, 1, 65_535),
    );
    const isName = isHostPattern(targetHost) && !targetHost.includes('*');
    if (!isName && parseIp(targetHost) === undefined) {
      const text = `"${targetHost}" must be a full DNS name or an IP address`;
      problems.push({ code: 'AMB1604', field: `${at}.targetHost`, text });
    }
  }
  const at = `${path}.retryBudget`;
  return [
    ...problems,
    ...wordProblems(proxyProtocol?.version, `${path}.proxyProtocol.version`, ['V1', 'V2']),
    ...percentProblems(retryBudget.percent, `${at}.percent`),
    ...rangeProblems(retryBudget.minRetryConcurrency, `${at}.minRetryConcurrency`, 0, 2 ** 32 - 1),
    ...durationProblems(retryBudget.budgetInterval, `${at}.budgetInterval`, 'at least 1ms'),
  ];
}
