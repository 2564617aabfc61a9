// What makes a VirtualService invalid (features section 7.3).

import { parseIp } from '../../mesh/address.ts';
import type {
  DestinationSpec,
  FaultSpec,
  HttpMatchSpec,
  HttpRouteSpec,
  RedirectSpec,
  RetriesSpec,
  RewriteSpec,
  VirtualService,
} from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import {
  durationProblems,
  exportProblems,
  headerProblems,
  invalid,
  patternProblems,
  percentProblems,
  rangeProblems,
  regexProblems,
} from './validate-values.ts';
import { forMesh } from './virtual-services.ts';

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

/** All problems of a VirtualService. */
export function validateVirtualService(object: VirtualService): Problem[] {
  const spec = object.spec ?? {};
  const problems = [...hostProblems(object), ...exportProblems(spec.exportTo, 'spec.exportTo')];
  const kinds = [spec.http, spec.tls, spec.tcp].filter((list) => (list ?? []).length > 0);
  if (kinds.length === 0) problems.push(invalid('spec', 'needs at least one of http, tls and tcp'));
  for (const [index, route] of (spec.http ?? []).entries()) {
    problems.push(...routeProblems(route, `spec.http[${index}]`));
  }
  return problems;
}

function hostProblems(object: VirtualService): Problem[] {
  const spec = object.spec ?? {};
  const hosts = (spec.hosts ?? []).map((host) => host.toLowerCase());
  if (hosts.length === 0) {
    const others = [spec.gateways, spec.tls, spec.tcp].some((list) => (list ?? []).length > 0);
    return others
      ? [
          invalid(
            'spec.hosts',
            'is empty, which makes this a delegate: gateways, tls and tcp must be left out',
          ),
        ]
      : [];
  }
  const problems: Problem[] = [];
  if (new Set(hosts).size < hosts.length) problems.push(invalid('spec.hosts', 'has a host twice'));
  for (const [index, host] of hosts.entries()) {
    const path = `spec.hosts[${index}]`;
    if (host === '*') {
      if (forMesh(spec)) problems.push(invalid(path, '"*" is not allowed for the gateway "mesh"'));
    } else if (!isHostPattern(host) && parseIp(host) === undefined) {
      problems.push(invalid(path, `"${host}" is no DNS name, "*.suffix" or IP address`));
    }
  }
  return problems;
}

function routeProblems(route: HttpRouteSpec, path: string): Problem[] {
  return [
    ...actionProblems(route, path),
    ...destinationProblems(route, path),
    ...(route.match ?? []).flatMap((match, index) =>
      matchProblems(match, `${path}.match[${index}]`),
    ),
    ...redirectProblems(route.redirect, route, `${path}.redirect`),
    ...rewriteProblems(route.rewrite, `${path}.rewrite`),
    ...faultProblems(route.fault, `${path}.fault`),
    ...retryProblems(route.retries, `${path}.retries`),
    ...durationProblems(route.timeout, `${path}.timeout`, 'zero allowed'),
    ...headerProblems(route.headers, `${path}.headers`),
    ...directResponseProblems(route, `${path}.directResponse`),
  ];
}

function actionProblems(route: HttpRouteSpec, path: string): Problem[] {
  const actions = [
    ...((route.route ?? []).length > 0 ? ['route'] : []),
    ...(['redirect', 'directResponse', 'delegate'] as const).filter(
      (one) => route[one] !== undefined,
    ),
  ];
  if (actions.length === 0) {
    const text = 'needs one of route, redirect, directResponse and delegate';
    return [{ code: 'AMB1604', field: path, text }];
  }
  if (actions.length > 1) return [invalid(path, `cannot contain both ${actions.join(' and ')}`)];
  const answered = route.redirect !== undefined || route.directResponse !== undefined;
  return (['fault', 'rewrite'] as const).flatMap((field) =>
    answered && route[field] !== undefined
      ? [invalid(`${path}.${field}`, `cannot be combined with ${actions[0]}`)]
      : [],
  );
}

function destinationProblems(route: HttpRouteSpec, path: string): Problem[] {
  const entries = route.route ?? [];
  const problems = entries.flatMap(({ destination, weight = 0, headers }, index) => {
    const own = `${path}.route[${index}]`;
    const negative: Problem[] =
      weight < 0
        ? [{ code: 'AMB1603', field: `${own}.weight`, text: `${weight} is negative` }]
        : [];
    return [
      ...negative,
      ...targetProblems(destination, `${own}.destination`),
      ...headerProblems(headers, `${own}.headers`),
    ];
  });
  const total = entries.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (entries.length > 1 && total === 0) {
    const text = 'all weights are 0; give at least one destination a weight';
    problems.push({ code: 'AMB1603', field: `${path}.route`, text });
  }
  const mirrors = route.mirror === undefined ? [] : targetProblems(route.mirror, `${path}.mirror`);
  return [...problems, ...mirrors];
}

function targetProblems(destination: DestinationSpec | undefined, path: string): Problem[] {
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

function matchProblems(match: HttpMatchSpec, path: string): Problem[] {
  const maps = (['headers', 'withoutHeaders', 'queryParams'] as const).flatMap((field) =>
    Object.entries(match[field] ?? {}).flatMap(([name, pattern]) => [
      ...(name === '' ? [invalid(`${path}.${field}`, 'a name must not be empty')] : []),
      ...(name.startsWith('@request.auth.claims')
        ? [invalid(`${path}.${field}`, 'matches on claims are for ingress gateways only')]
        : []),
      ...patternProblems(pattern, `${path}.${field}["${name}"]`),
    ]),
  );
  return [
    ...(['uri', 'scheme', 'method', 'authority'] as const).flatMap((field) =>
      patternProblems(match[field], `${path}.${field}`),
    ),
    ...maps,
    ...rangeProblems(match.port, `${path}.port`, 1, 65_535),
  ];
}

function redirectProblems(
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

function rewriteProblems(rewrite: RewriteSpec | undefined, path: string): Problem[] {
  if (rewrite === undefined) return [];
  const { uri, authority, uriRegexRewrite } = rewrite;
  if (uri === undefined && authority === undefined && uriRegexRewrite === undefined) {
    return [invalid(path, 'needs uri, authority or uriRegexRewrite')];
  }
  if (uriRegexRewrite === undefined) return [];
  if (uri !== undefined) return [invalid(path, 'cannot have both uri and uriRegexRewrite')];
  return regexProblems(uriRegexRewrite.match ?? '', `${path}.uriRegexRewrite.match`);
}

function faultProblems(fault: FaultSpec | undefined, path: string): Problem[] {
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
  if (abort?.http2Error !== undefined) {
    problems.push(invalid(`${path}.abort.http2Error`, 'is not supported; use httpStatus'));
  }
  return problems;
}

function retryProblems(retries: RetriesSpec | undefined, path: string): Problem[] {
  if (retries === undefined) return [];
  const { attempts = 0, perTryTimeout, retryOn } = retries;
  const problems = [
    ...rangeProblems(attempts, `${path}.attempts`, 0, 2 ** 31 - 1),
    ...durationProblems(perTryTimeout, `${path}.perTryTimeout`, 'at least 1ms'),
  ];
  if (attempts === 0 && (perTryTimeout !== undefined || retryOn !== undefined)) {
    problems.push(invalid(path, 'attempts 0 switches retries off: leave the other fields out'));
  }
  for (const word of retryOn === undefined || retryOn === '' ? [] : retryOn.split(',')) {
    if (!retryConditions.has(word) && !/^[1-5]\d\d$/.test(word)) {
      problems.push(invalid(`${path}.retryOn`, `"${word}" is no retry condition`));
    }
  }
  return problems;
}

function directResponseProblems(route: HttpRouteSpec, path: string): Problem[] {
  const { directResponse } = route;
  if (directResponse === undefined) return [];
  const problems = rangeProblems(directResponse.status ?? 0, `${path}.status`, 200, 599);
  const { body } = directResponse;
  const size = Buffer.byteLength(body?.string ?? body?.bytes ?? '');
  if (size > maxBodyBytes) problems.push(invalid(`${path}.body`, 'is larger than 1 MB'));
  return problems;
}
