// What makes the limits and the outlier detection of a destination invalid (features sections 1.2.3, 1.2.4
// and 7.3).

import type { ConnectionPoolSpec, OutlierDetectionSpec } from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { withoutEffect } from './validate-balancers.ts';
import { durationProblems, invalid, rangeProblems, wordProblems } from './validate-values.ts';

const maxInt = 2 ** 31 - 1;

/** Problems of a `connectionPool`. */
export function poolProblems(spec: ConnectionPoolSpec | undefined, path: string): Problem[] {
  if (spec === undefined) return [];
  const { tcp, http } = spec;
  const isEmpty = [tcp, http].every((block) => block === undefined);
  if (isEmpty) return [invalid(path, 'must have at least one field')];
  return [...tcpProblems(tcp ?? {}, `${path}.tcp`), ...httpProblems(http ?? {}, `${path}.http`)];
}

function tcpProblems(tcp: NonNullable<ConnectionPoolSpec['tcp']>, path: string): Problem[] {
  const { maxConnections, tcpKeepalive, connectTimeout, maxConnectionDuration, idleTimeout } = tcp;
  const keepalive = `${path}.tcpKeepalive`;
  return [
    ...rangeProblems(maxConnections, `${path}.maxConnections`, 0, maxInt),
    ...durationProblems(connectTimeout, `${path}.connectTimeout`, 'at least 1ms'),
    ...durationProblems(maxConnectionDuration, `${path}.maxConnectionDuration`, 'at least 1ms'),
    ...durationProblems(idleTimeout, `${path}.idleTimeout`, 'zero allowed'),
    ...rangeProblems(tcpKeepalive?.probes, `${keepalive}.probes`, 0, 2 ** 32 - 1),
    ...durationProblems(tcpKeepalive?.time, `${keepalive}.time`, 'at least 1ms'),
    ...durationProblems(tcpKeepalive?.interval, `${keepalive}.interval`, 'at least 1ms'),
  ];
}

const upgradePolicies = ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'];
const numbers = [
  'http1MaxPendingRequests',
  'http2MaxRequests',
  'maxRequestsPerConnection',
  'maxRetries',
  'maxConcurrentStreams',
] as const;

function httpProblems(http: NonNullable<ConnectionPoolSpec['http']>, path: string): Problem[] {
  const { idleTimeout, h2UpgradePolicy, useClientProtocol, http2KeepAlive } = http;
  const problems = [
    ...numbers.flatMap((field) => rangeProblems(http[field], `${path}.${field}`, 0, maxInt)),
    ...durationProblems(idleTimeout, `${path}.idleTimeout`, 'zero allowed'),
    ...wordProblems(h2UpgradePolicy, `${path}.h2UpgradePolicy`, upgradePolicies),
  ];
  if (useClientProtocol === true && h2UpgradePolicy === 'UPGRADE') {
    const text = 'must not be true with h2UpgradePolicy UPGRADE';
    problems.push(invalid(`${path}.useClientProtocol`, text));
  }
  for (const field of http2KeepAlive === undefined ? [] : (['interval', 'timeout'] as const)) {
    const at = `${path}.http2KeepAlive.${field}`;
    const value = http2KeepAlive?.[field];
    if (value === undefined) problems.push(invalid(at, 'is required'));
    problems.push(...durationProblems(value, at, 'at least 1ms'));
  }
  return problems;
}

/** Problems of an `outlierDetection`. */
export function outlierProblems(spec: OutlierDetectionSpec | undefined, path: string): Problem[] {
  if (spec === undefined) return [];
  const counts = [
    'consecutive5xxErrors',
    'consecutiveGatewayErrors',
    'consecutiveLocalOriginFailures',
  ] as const;
  const problems = [
    ...counts.flatMap((field) => rangeProblems(spec[field], `${path}.${field}`, 0, 2 ** 32 - 1)),
    ...durationProblems(spec.interval, `${path}.interval`, 'at least 1ms'),
    ...durationProblems(spec.baseEjectionTime, `${path}.baseEjectionTime`, 'at least 1ms'),
    ...rangeProblems(spec.maxEjectionPercent, `${path}.maxEjectionPercent`, 0, 100),
    ...rangeProblems(spec.minHealthPercent, `${path}.minHealthPercent`, 0, 100),
  ];
  const splits = spec.splitExternalLocalOriginErrors === true;
  if (!splits && (spec.consecutiveLocalOriginFailures ?? 0) > 0) {
    const text =
      'is given while splitting of local-origin errors is off; set splitExternalLocalOriginErrors';
    problems.push(invalid(`${path}.consecutiveLocalOriginFailures`, text));
  }
  return problems;
}

/** What is allowed in outlier detection, and does nothing. */
export function outlierWarnings(spec: OutlierDetectionSpec | undefined, path: string): Problem[] {
  const warnings: Problem[] = [];
  if (spec?.consecutiveErrors !== undefined) {
    const text = 'is deprecated and does nothing; write consecutive5xxErrors';
    warnings.push(withoutEffect(`${path}.consecutiveErrors`, text));
  }
  if (spec?.outlierDetectionHttpErrorCodes !== undefined) {
    const text = 'does nothing: every status of 500 and above counts';
    warnings.push(withoutEffect(`${path}.outlierDetectionHttpErrorCodes`, text));
  }
  return warnings;
}
