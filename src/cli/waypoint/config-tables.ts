// The tables of `ambit waypoint-config`, from the dump of a waypoint's admin port. Pure.

import type { HttpRoute, RequestMatch, RouteBackend, ServiceConfig } from '../../mesh/route.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../ztunnel/dump.ts';

type Rows = readonly (readonly string[])[];

/** One row for each entry of the route tables, in the order in which they are tried. */
export function routeRows(configs: readonly ServiceConfig[]): Rows {
  const rows = configs
    .toSorted((one, other) => (one.service < other.service ? -1 : 1))
    .flatMap((config) => {
      const { service } = config;
      const http = config.routes.map((route) => [
        service,
        'HTTP',
        matchesInWords(route.matches),
        targetInWords(route),
        route.origin,
      ]);
      const connections = (config.connectionRoutes ?? []).map((route) => [
        service,
        'TCP',
        matchesInWords(route.matches),
        backendsInWords(route.backends),
        route.origin,
      ]);
      const none = [[service, 'ANY', '*', 'the service itself', '']];
      return http.length + connections.length === 0 ? none : [...http, ...connections];
    });
  return [['SERVICE', 'PROTOCOL', 'MATCH', 'DESTINATION', 'FROM'], ...rows];
}

function targetInWords({ backends, redirect, directResponse }: HttpRoute): string {
  if (redirect !== undefined) return `redirect ${redirect.status}`;
  if (directResponse !== undefined) return `answer ${directResponse.status}`;
  return backendsInWords(backends ?? []);
}

function backendsInWords(backends: readonly RouteBackend[]): string {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  return backends
    .map(({ service, subset, port, weight, unresolved }) => {
      const where = `${service.slice(service.indexOf('/') + 1)}${subset ? ` subset ${subset}` : ''}${port ? `:${port}` : ''}`;
      const share =
        backends.length > 1 && total > 0 ? ` ${Math.round((100 * weight) / total)}%` : '';
      return `${where}${share}${unresolved === undefined ? '' : ' (unresolved)'}`;
    })
    .join(', ');
}

/** Conditions of one match with `&`, matches with `|`; those that are no texts as JSON. */
function matchesInWords(matches: readonly Partial<RequestMatch>[]): string {
  const words = matches.map((match) =>
    Object.entries(match)
      .filter(([part]) => part !== 'name')
      .map(([part, value]) => `${part}=${conditionInWords(value)}`)
      .join(' & '),
  );
  return words.length === 0 || words.includes('') ? '*' : words.join(' | ');
}

function conditionInWords(value: unknown): string {
  if (Array.isArray(value)) {
    return value
      .map((one: unknown) => {
        const { name, match, invert } = fieldsOf(one);
        if (typeof name !== 'string') return conditionInWords(one);
        return `${invert === true ? '!' : ''}${name}:${conditionInWords(match)}`;
      })
      .join(',');
  }
  const fields = fieldsOf(value);
  const [exact, ...others] = ['exact', 'prefix', 'pathPrefix', 'regex'].map((kind) =>
    textOf(fields, kind),
  );
  if (exact !== undefined && exact !== '') return exact;
  const [prefix = '', pathPrefix = '', regex = ''] = others;
  if (prefix !== '' || pathPrefix !== '') return `${prefix}${pathPrefix}*`;
  if (regex !== '') return `/${regex}/`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is open to each destination that requests were sent to lately, and which of its endpoints are left out. */
export function destinationRows(destinations: readonly Fields[]): Rows {
  const count = (one: Fields, part: string): string => {
    const value = one[part];
    return typeof value === 'number' ? String(value) : '0';
  };
  return [
    ['DESTINATION', 'SUBSET', 'PORT', 'CONNECTIONS', 'REQUESTS', 'PENDING', 'RETRIES', 'EJECTED'],
    ...destinations.map((one) => [
      textOf(one, 'service'),
      textOf(one, 'subset'),
      count(one, 'port'),
      ...['connections', 'requests', 'pending', 'retries'].map((part) => count(one, part)),
      String(listOf(one, 'ejected').length),
    ]),
  ];
}
