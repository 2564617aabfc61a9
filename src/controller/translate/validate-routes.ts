// What makes a VirtualService invalid (features section 7.3).

import { parseCidr, parseIp } from '../../mesh/address.ts';
import type {
  ConnectionMatchSpec,
  ConnectionRouteSpec,
  HttpMatchSpec,
  HttpRouteSpec,
  VirtualService,
  VirtualServiceSpec,
} from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { hostCovers, isHostPattern } from './hostnames.ts';
import {
  corsProblems,
  directResponseProblems,
  faultProblems,
  mirrorProblems,
  redirectProblems,
  retryProblems,
  rewriteProblems,
  targetProblems,
} from './validate-route-actions.ts';
import {
  durationProblems,
  exportProblems,
  headerProblems,
  invalid,
  patternProblems,
  rangeProblems,
} from './validate-values.ts';
import { forMesh } from './virtual-services.ts';

/** All problems of a VirtualService. */
export function validateVirtualService(object: VirtualService): Problem[] {
  const spec = object.spec ?? {};
  const problems = [...hostProblems(object), ...exportProblems(spec.exportTo, 'spec.exportTo')];
  const kinds = [spec.http, spec.tls, spec.tcp].filter((list) => (list ?? []).length > 0);
  if (kinds.length === 0) problems.push(invalid('spec', 'needs at least one of http, tls and tcp'));
  for (const [index, route] of (spec.http ?? []).entries()) {
    problems.push(...routeProblems(route, `spec.http[${index}]`));
    if (route.delegate !== undefined && (spec.hosts ?? []).length === 0) {
      const text = 'a delegate (spec.hosts is empty) cannot delegate in its turn';
      problems.push(invalid(`spec.http[${index}].delegate`, text));
    }
  }
  return [...problems, ...connectionProblems(spec)];
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
    ...mirrorProblems(route, path),
    ...corsProblems(route.corsPolicy, `${path}.corsPolicy`),
    ...authorityProblems(route, path),
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

function destinationProblems(route: HttpRouteSpec | ConnectionRouteSpec, path: string): Problem[] {
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
  return problems;
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
      patternProblems(match[field], `${path}.${field}`, 'no presence'),
    ),
    ...maps,
    ...rangeProblems(match.port, `${path}.port`, 1, 65_535),
    ...namespaceProblems(match.sourceNamespace, `${path}.sourceNamespace`),
  ];
}

function namespaceProblems(namespace: string | undefined, path: string): Problem[] {
  if (namespace === undefined || /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/.test(namespace))
    return [];
  return [invalid(path, `"${namespace}" is no name of a namespace`)];
}

/** The host of the request can be set in one place only. */
function authorityProblems(route: HttpRouteSpec, path: string): Problem[] {
  const { set = {}, add = {} } = route.headers?.request ?? {};
  const places = [
    ...(route.rewrite?.authority === undefined ? [] : ['rewrite.authority']),
    ...[...Object.keys(set), ...Object.keys(add)].filter((name) =>
      ['host', ':authority'].includes(name.toLowerCase()),
    ),
  ];
  if (places.length < 2) return [];
  return [invalid(path, `sets the host more than once: ${places.join(', ')}`)];
}

/** Problems of tls and tcp routes. */
function connectionProblems({ hosts = [], tls = [], tcp = [] }: VirtualServiceSpec): Problem[] {
  const of = (routes: typeof tcp, field: 'tls' | 'tcp'): Problem[] =>
    routes.flatMap((route, index) => {
      const path = `spec.${field}[${index}]`;
      const needed = field === 'tls' && (route.match ?? []).length === 0;
      return [
        ...((route.route ?? []).length === 0
          ? [{ code: 'AMB1604', field: `${path}.route`, text: 'is required' } as const]
          : []),
        ...(needed ? [invalid(`${path}.match`, 'needs at least one match with sniHosts')] : []),
        ...destinationProblems(route, path),
        ...(route.match ?? []).flatMap((match, place) =>
          connectionMatchProblems(match, `${path}.match[${place}]`, field, hosts),
        ),
      ];
    });
  return [...of(tls, 'tls'), ...of(tcp, 'tcp')];
}

function connectionMatchProblems(
  match: ConnectionMatchSpec,
  path: string,
  field: 'tls' | 'tcp',
  hosts: readonly string[],
): Problem[] {
  const { sniHosts = [], destinationSubnets = [], port } = match;
  const names = sniHosts.flatMap((name, index) => {
    const isInside = hosts.some((host) => hostCovers(host.toLowerCase(), name.toLowerCase()));
    if (isInside) return [];
    return [invalid(`${path}.sniHosts[${index}]`, `"${name}" lies within none of spec.hosts`)];
  });
  return [
    ...(field === 'tls' && sniHosts.length === 0
      ? [invalid(`${path}.sniHosts`, 'needs at least one name')]
      : []),
    ...names,
    ...destinationSubnets.flatMap((subnet, index) =>
      parseCidr(subnet) === undefined
        ? [invalid(`${path}.destinationSubnets[${index}]`, `"${subnet}" is no address or network`)]
        : [],
    ),
    ...rangeProblems(port, `${path}.port`, 1, 65_535),
    ...namespaceProblems(match.sourceNamespace, `${path}.sourceNamespace`),
  ];
}
