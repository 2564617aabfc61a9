// What makes a Telemetry invalid, and what to warn of in a valid one (features sections 3.1 and 7.3).

import type { MetricsSpec, TagSpec, Telemetry, TracingSpec } from '../kinds/unwatched.ts';
import type { Problem } from './finding.ts';
import { selectionProblems } from './validate-selection.ts';
import { durationProblems, invalid, rangeProblems, wordProblems } from './validate-values.ts';

/** The metrics that overrides may name. */
export const metricNames = [
  'ALL_METRICS',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
];

/** All problems of a Telemetry. */
export function validateTelemetry(object: Telemetry): Problem[] {
  const { tracing = [], metrics = [], accessLogging = [] } = object.spec ?? {};
  return [
    ...selectionProblems(object),
    ...tracing.flatMap((one, index) => tracingProblems(one, `spec.tracing[${index}]`)),
    ...metrics.flatMap((one, index) => metricsProblems(one, `spec.metrics[${index}]`)),
    ...accessLogging.flatMap(({ providers, filter }, index) => {
      const path = `spec.accessLogging[${index}]`;
      const isBlank = filter !== undefined && (filter.expression ?? '').trim() === '';
      return [
        ...providerProblems(providers, path),
        ...(isBlank ? [invalid(`${path}.filter.expression`, 'must not be empty')] : []),
      ];
    }),
  ];
}

/** What is allowed, and of which only a part counts. */
export function warnOfTelemetry({ spec = {} }: Telemetry): Problem[] {
  const { tracing = [] } = spec;
  const several = tracing.findIndex(({ providers = [] }) => providers.length > 1);
  return [
    ...(tracing.length > 1
      ? [invalid('spec.tracing', 'has several entries; only one is supported')]
      : []),
    ...(several < 0
      ? []
      : [invalid(`spec.tracing[${several}].providers`, 'only the first provider is used')]),
  ];
}

function providerProblems(
  providers: readonly { readonly name?: string }[] | undefined,
  path: string,
): Problem[] {
  return (providers ?? []).flatMap(({ name = '' }, index) =>
    name === '' ? [invalid(`${path}.providers[${index}].name`, 'must not be empty')] : [],
  );
}

function tracingProblems(tracing: TracingSpec, path: string): Problem[] {
  const { randomSamplingPercentage, customTags = {}, providers } = tracing;
  return [
    ...providerProblems(providers, path),
    ...rangeProblems(randomSamplingPercentage, `${path}.randomSamplingPercentage`, 0, 100),
    ...Object.entries(customTags).flatMap(([name, tag]) =>
      tagProblems(name, tag, `${path}.customTags`),
    ),
  ];
}

function tagProblems(name: string, tag: TagSpec, path: string): Problem[] {
  if (name === '') return [invalid(path, 'the name of a tag must not be empty')];
  const at = `${path}.${name}`;
  const values = [
    ['literal.value', tag.literal?.value, tag.literal],
    ['environment.name', tag.environment?.name, tag.environment],
    ['header.name', tag.header?.name, tag.header],
    ['formatter.value', tag.formatter?.value, tag.formatter],
  ] as const;
  const given = values.filter(([, , kind]) => kind !== undefined);
  if (given.length !== 1) {
    return [invalid(at, 'needs exactly one of literal, environment, header and formatter')];
  }
  return given.flatMap(([field, value]) =>
    (value ?? '') === '' ? [invalid(`${at}.${field}`, 'must not be empty')] : [],
  );
}

function metricsProblems(metrics: MetricsSpec, path: string): Problem[] {
  const { overrides = [], providers, reportingInterval } = metrics;
  return [
    ...providerProblems(providers, path),
    ...durationProblems(reportingInterval, `${path}.reportingInterval`, 'at least 1ms'),
    ...overrides.flatMap(({ match, tagOverrides = {} }, index) => {
      const at = `${path}.overrides[${index}]`;
      return [
        ...wordProblems(match?.metric, `${at}.match.metric`, metricNames),
        ...(match?.customMetric === ''
          ? [invalid(`${at}.match.customMetric`, 'must not be empty')]
          : []),
        ...Object.entries(tagOverrides).flatMap(([name, { operation = 'UPSERT', value = '' }]) => {
          const tag = `${at}.tagOverrides.${name}`;
          if (operation !== 'UPSERT' && operation !== 'REMOVE') {
            return [invalid(`${tag}.operation`, `"${operation}" must be UPSERT or REMOVE`)];
          }
          if ((operation === 'UPSERT') === (value !== '')) return [];
          const text = `must be set with UPSERT and only then, not with ${operation}`;
          return [invalid(`${tag}.value`, text)];
        }),
      ];
    }),
  ];
}
