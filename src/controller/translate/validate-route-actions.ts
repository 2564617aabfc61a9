// What makes the actions of a VirtualService's routes invalid (features section 7.3).

import type {
  CorsPolicySpec,
  DestinationSpec,
  FaultSpec,
  HttpRouteSpec,
  RedirectSpec,
  RetriesSpec,
  RewriteSpec,
} from '../kinds/networking.ts';
import { parseDuration } from './durations.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { grpcStatusNames } from './route-actions.ts';
import {
  durationProblems,
  invalid,
  patternProblems,
  percentProblems,
  rangeProblems,
  regexProblems,
} from './validate-values.ts';

const retryConditions = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

const maxBodyBytes = 1024 * 1024;

export function redirectProblems(
  redirect: RedirectSpec | undefined,
  route: HttpRouteSpec,
  path: string,
): Problem[] {
  if (redirect === undefined) return [];
  const { uri, prefixRewrite, authority, scheme, port, derivePort, redirectCode } = redirect;
  const problems: Problem[] = [];
  if ([uri, prefixRewrite, authority, scheme, port, derivePort].every((one) => one === undefined)) {
    problems.push(invalid(path, 'needs uri, prefixRewrite, authority, scheme or port'));
  }
  if (uri !== undefined && prefixRewrite !== undefined) {
    problems.push(invalid(path, 'cannot have both uri and prefixRewrite'));
  }
  const onlyPrefixes =
    (route.match ?? []).length > 0 &&
    route.match?.every((match) => match.uri?.prefix !== undefined);
  if (prefixRewrite !== undefined && onlyPrefixes !== true) {
    problems.push(
      invalid(`${path}.prefixRewrite`, 'needs every match of the route to be on a prefix'),
    );
  }
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    problems.push(invalid(`${path}.scheme`, `"${scheme}" must be http or https`));
  }
  if (redirectCode !== undefined && ![301, 302, 303, 307, 308].includes(redirectCode)) {
    const text = `${redirectCode} must be 301, 302, 303, 307 or 308`;
    problems.push({ code: 'AMB1606', field: `${path}.redirectCode`, text });
  }
  return problems;
}

export function rewriteProblems(rewrite: RewriteSpec | undefined, path: string): Problem[] {
  if (rewrite === undefined) return [];
  const { uri, authority, uriRegexRewrite } = rewrite;
  if (uri === undefined && authority === undefined && uriRegexRewrite === undefined) {
    return [invalid(path, 'needs uri, authority or uriRegexRewrite')];
  }
  if (uriRegexRewrite === undefined) return [];
  if (uri !== undefined) return [invalid(path, 'cannot have both uri and uriRegexRewrite')];
  if (uriRegexRewrite.match === undefined || uriRegexRewrite.rewrite === undefined) {
    return [invalid(`${path}.uriRegexRewrite`, 'needs both match and rewrite')];
  }
  return regexProblems(uriRegexRewrite.match, `${path}.uriRegexRewrite.match`);
}

export function faultProblems(fault: FaultSpec | undefined, path: string): Problem[] {
  if (fault === undefined) return [];
  const { delay, abort } = fault;
  if (delay === undefined && abort === undefined) return [invalid(path, 'needs delay or abort')];
  const problems: Problem[] = [
    ...durationProblems(delay?.fixedDelay, `${path}.delay.fixedDelay`, 'at least 1ms'),
    ...percentProblems(delay?.percentage?.value, `${path}.delay.percentage.value`),
    ...rangeProblems(delay?.percent, `${path}.delay.percent`, 0, 100),
    ...percentProblems(abort?.percentage?.value, `${path}.abort.percentage.value`),
    ...rangeProblems(abort?.httpStatus, `${path}.abort.httpStatus`, 200, 599),
  ];
  if (delay !== undefined && delay.fixedDelay === undefined) {
    problems.push(invalid(`${path}.delay`, 'needs fixedDelay; exponentialDelay is not supported'));
  }
  const { grpcStatus } = abort ?? {};
  if (grpcStatus !== undefined && !grpcStatusNames.includes(grpcStatus)) {
    problems.push(
      invalid(`${path}.abort.grpcStatus`, `"${grpcStatus}" is no name of a gRPC status`),
    );
  }
  if (grpcStatus !== undefined && abort?.httpStatus !== undefined) {
    problems.push(invalid(`${path}.abort`, 'cannot have both httpStatus and grpcStatus'));
  }
  if (abort?.http2Error !== undefined) {
    problems.push(invalid(`${path}.abort.http2Error`, 'is not supported; use httpStatus'));
  }
  return problems;
}

export function retryProblems(retries: RetriesSpec | undefined, path: string): Problem[] {
  if (retries === undefined) return [];
  const { attempts = 0, perTryTimeout, retryOn, backoff } = retries;
  const problems = [
    ...rangeProblems(attempts, `${path}.attempts`, 0, 2 ** 31 - 1),
    ...durationProblems(perTryTimeout, `${path}.perTryTimeout`, 'at least 1ms'),
    ...durationProblems(backoff, `${path}.backoff`, 'at least 1ms'),
  ];
  const others = [perTryTimeout, retryOn, backoff, retries.retryRemoteLocalities];
  if (attempts === 0 && others.some((one) => one !== undefined)) {
    problems.push(invalid(path, 'attempts 0 switches retries off: leave the other fields out'));
  }
  for (const word of retryOn === undefined || retryOn === '' ? [] : retryOn.split(',')) {
    if (!retryConditions.has(word) && !/^[1-5]\d\d$/.test(word)) {
      problems.push(invalid(`${path}.retryOn`, `"${word}" is no retry condition`));
    }
  }
  return problems;
}

export function directResponseProblems(route: HttpRouteSpec, path: string): Problem[] {
  const { directResponse } = route;
  if (directResponse === undefined) return [];
  const problems = rangeProblems(directResponse.status ?? 0, `${path}.status`, 200, 599);
  const { body } = directResponse;
  const size = Buffer.byteLength(body?.string ?? body?.bytes ?? '');
  if (size > maxBodyBytes) problems.push(invalid(`${path}.body`, 'is larger than 1 MB'));
  return problems;
}

const methods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  '*',
]);

export function corsProblems(cors: CorsPolicySpec | undefined, path: string): Problem[] {
  if (cors === undefined) return [];
  const { allowOrigins = [], allowMethods = [], maxAge, unmatchedPreflights } = cors;
  const names = (['allowHeaders', 'exposeHeaders'] as const).flatMap((field) =>
    (cors[field] ?? []).flatMap((name, index) =>
      /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)
        ? []
        : [invalid(`${path}.${field}[${index}]`, `"${name}" is no header name`)],
    ),
  );
  const seconds = maxAge === undefined ? 0 : parseDuration(maxAge);
  return [
    ...allowOrigins.flatMap((origin, index) => {
      const own = `${path}.allowOrigins[${index}]`;
      const isEmpty = [origin.exact, origin.prefix, origin.regex].every((one) => one === undefined);
      if (isEmpty) return [invalid(own, 'needs one of exact, prefix and regex')];
      return patternProblems(origin, own, 'no presence');
    }),
    ...allowMethods.flatMap((method, index) =>
      methods.has(method)
        ? []
        : [invalid(`${path}.allowMethods[${index}]`, `"${method}" is no HTTP method`)],
    ),
    ...names,
    ...durationProblems(maxAge, `${path}.maxAge`, 'zero allowed'),
    ...(seconds !== undefined && seconds % 1000 !== 0
      ? [{ code: 'AMB1605', field: `${path}.maxAge`, text: 'must be whole seconds' } as const]
      : []),
    ...(['FORWARD', 'IGNORE', 'UNSPECIFIED', undefined].includes(unmatchedPreflights)
      ? []
      : [invalid(`${path}.unmatchedPreflights`, 'must be FORWARD or IGNORE')]),
  ];
}

export function mirrorProblems(route: HttpRouteSpec, path: string): Problem[] {
  const { mirror, mirrors = [], mirrorPercentage, mirrorPercent } = route;
  return [
    ...(mirror !== undefined && mirrors.length > 0
      ? [invalid(`${path}.mirrors`, 'cannot be combined with mirror')]
      : []),
    ...(mirror === undefined ? [] : targetProblems(mirror, `${path}.mirror`)),
    ...percentProblems(mirrorPercentage?.value, `${path}.mirrorPercentage.value`),
    ...rangeProblems(mirrorPercent, `${path}.mirrorPercent`, 0, 100),
    ...mirrors.flatMap(({ destination, percentage }, index) => [
      ...targetProblems(destination, `${path}.mirrors[${index}].destination`),
      ...percentProblems(percentage?.value, `${path}.mirrors[${index}].percentage.value`),
    ]),
  ];
}

/** Checks a destination. */
export function targetProblems(destination: DestinationSpec | undefined, path: string): Problem[] {
  const host = destination?.host;
  if (host === undefined || host === '') {
    return [{ code: 'AMB1604', field: `${path}.host`, text: 'must name a service' }];
  }
  const problems: Problem[] = [];
  if (!isHostPattern(host)) {
    problems.push({ code: 'AMB1604', field: `${path}.host`, text: `"${host}" is no DNS name` });
  }
  const { subset, port } = destination ?? {};
  if (subset !== undefined && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(subset)) {
    problems.push(invalid(`${path}.subset`, `"${subset}" is no valid subset name`));
  }
  return [...problems, ...rangeProblems(port?.number, `${path}.port.number`, 1, 65_535)];
}
