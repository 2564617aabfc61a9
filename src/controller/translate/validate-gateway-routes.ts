// What makes a route of the Gateway API invalid as a whole (features section 5.3). References that lead
// nowhere and filters that are not known cost only their share of the requests instead.

import type {
  BackendReference,
  ConnectionRouteObject,
  GrpcRouteObject,
  HeaderModifier,
  HttpRouteObject,
  RouteFilter,
  RouteRule,
  SessionPersistenceSpec,
  TypedMatch,
} from '../kinds/gateway-routes.ts';
import { parseDuration } from './durations.ts';
import type { Problem } from './finding.ts';
import { invalid, rangeProblems, regexProblems } from './validate-values.ts';

const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const redirectCodes = [301, 302, 303, 307, 308];

/** All problems of an HTTPRoute. */
export function validateHttpRoute(object: HttpRouteObject): Problem[] {
  return (object.spec?.rules ?? []).flatMap((rule, index) => {
    const path = `spec.rules[${index}]`;
    const matches = (rule.matches ?? []).flatMap((match, place) => {
      const own = `${path}.matches[${place}]`;
      const { type = 'PathPrefix', value = '/' } = match.path ?? {};
      return [
        ...typeProblems(type, ['Exact', 'PathPrefix', 'RegularExpression'], `${own}.path.type`),
        ...(type === 'RegularExpression'
          ? regexProblems(value, `${own}.path.value`)
          : pathProblems(value, `${own}.path.value`)),
        ...matchProblems(match.headers, `${own}.headers`),
        ...matchProblems(match.queryParams, `${own}.queryParams`),
      ];
    });
    const isPrefixed = (rule.matches ?? []).every(
      ({ path: one }) => (one?.type ?? 'PathPrefix') === 'PathPrefix',
    );
    return [...matches, ...ruleProblems(rule, path, isPrefixed)];
  });
}

/** All problems of a GRPCRoute. */
export function validateGrpcRoute(object: GrpcRouteObject): Problem[] {
  return (object.spec?.rules ?? []).flatMap((rule, index) => {
    const path = `spec.rules[${index}]`;
    const matches = (rule.matches ?? []).flatMap(({ method, headers }, place) => {
      const own = `${path}.matches[${place}]`;
      const isRegex = method?.type === 'RegularExpression';
      return [
        ...typeProblems(
          method?.type ?? 'Exact',
          ['Exact', 'RegularExpression'],
          `${own}.method.type`,
        ),
        ...(['service', 'method'] as const).flatMap((field) =>
          isRegex && method?.[field] !== undefined
            ? regexProblems(method[field], `${own}.method.${field}`)
            : [],
        ),
        ...matchProblems(headers, `${own}.headers`),
      ];
    });
    return [...matches, ...ruleProblems(rule, path, false)];
  });
}

/** All problems of a TCPRoute or TLSRoute. */
export function validateConnectionRoute(object: ConnectionRouteObject): Problem[] {
  return (object.spec?.rules ?? []).flatMap(({ backendRefs }, index) =>
    backendProblems(backendRefs, `spec.rules[${index}].backendRefs`),
  );
}

function ruleProblems(rule: RouteRule<unknown>, path: string, isPrefixed: boolean): Problem[] {
  return [
    ...filterProblems(rule.filters, `${path}.filters`, isPrefixed),
    ...backendProblems(rule.backendRefs, `${path}.backendRefs`),
    ...(rule.backendRefs ?? []).flatMap(({ filters }, index) =>
      filterProblems(filters, `${path}.backendRefs[${index}].filters`, isPrefixed),
    ),
    ...limitProblems(rule, path),
    ...sessionProblems(rule.sessionPersistence, `${path}.sessionPersistence`),
  ];
}

/** Of GEP-1619. */
function sessionProblems(spec: SessionPersistenceSpec | undefined, path: string): Problem[] {
  if (spec === undefined) return [];
  const { sessionName, absoluteTimeout, idleTimeout, type = 'Cookie', cookieConfig } = spec;
  const { lifetimeType = 'Session' } = cookieConfig ?? {};
  const problems = [
    ...typeProblems(type, ['Cookie', 'Header'], `${path}.type`),
    ...typeProblems(lifetimeType, ['Session', 'Permanent'], `${path}.cookieConfig.lifetimeType`),
    ...durationProblems({ [`${path}.absoluteTimeout`]: absoluteTimeout }),
    ...durationProblems({ [`${path}.idleTimeout`]: idleTimeout }),
  ];
  if (sessionName !== undefined && !headerName.test(sessionName)) {
    problems.push(invalid(`${path}.sessionName`, 'must be the name of a cookie or a header'));
  }
  if (lifetimeType === 'Permanent' && absoluteTimeout === undefined) {
    problems.push(invalid(`${path}.absoluteTimeout`, 'is needed for a permanent cookie'));
  }
  if (type === 'Header' && lifetimeType === 'Permanent') {
    problems.push(invalid(`${path}.cookieConfig`, 'has no meaning for a header'));
  }
  return problems;
}

function durationProblems(texts: Readonly<Record<string, string | undefined>>): Problem[] {
  return Object.entries(texts).flatMap(([field, text]): Problem[] =>
    text !== undefined && parseDuration(text) === undefined
      ? [{ code: 'AMB1605', field, text: `"${text}" must be like 2s or 500ms` }]
      : [],
  );
}

function limitProblems({ timeouts, retry }: RouteRule<unknown>, path: string): Problem[] {
  const problems = durationProblems({
    [`${path}.timeouts.request`]: timeouts?.request,
    [`${path}.timeouts.backendRequest`]: timeouts?.backendRequest,
    [`${path}.retry.backoff`]: retry?.backoff,
  });
  const request = parseDuration(timeouts?.request ?? '') ?? 0;
  const backend = parseDuration(timeouts?.backendRequest ?? '') ?? 0;
  if (request > 0 && backend > request) {
    problems.push(invalid(`${path}.timeouts.backendRequest`, 'must not be longer than request'));
  }
  return [
    ...problems,
    ...rangeProblems(retry?.attempts, `${path}.retry.attempts`, 0, 2 ** 31 - 1),
    ...(retry?.codes ?? []).flatMap((code, index) =>
      rangeProblems(code, `${path}.retry.codes[${index}]`, 400, 599),
    ),
  ];
}

function backendProblems(
  references: readonly BackendReference[] | undefined,
  path: string,
): Problem[] {
  return (references ?? []).flatMap(({ weight, port }, index) => [
    ...(weight !== undefined && (weight < 0 || weight > 1_000_000)
      ? [
          {
            code: 'AMB1603',
            field: `${path}[${index}].weight`,
            text: `${weight} must be from 0 to 1000000`,
          } as const,
        ]
      : []),
    ...rangeProblems(port, `${path}[${index}].port`, 1, 65_535),
  ]);
}

function filterProblems(
  filters: readonly RouteFilter[] | undefined,
  path: string,
  isPrefixed: boolean,
): Problem[] {
  const list = filters ?? [];
  const types = list.map(({ type }) => type);
  const problems: Problem[] =
    types.includes('RequestRedirect') && types.includes('URLRewrite')
      ? [invalid(path, 'cannot have both RequestRedirect and URLRewrite')]
      : [];
  for (const [index, filter] of list.entries()) {
    const own = `${path}[${index}]`;
    const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter;
    problems.push(
      ...modifierProblems(requestHeaderModifier, `${own}.requestHeaderModifier`),
      ...modifierProblems(responseHeaderModifier, `${own}.responseHeaderModifier`),
    );
    const { statusCode } = requestRedirect ?? {};
    if (statusCode !== undefined && !redirectCodes.includes(statusCode)) {
      const text = `${statusCode} must be one of ${redirectCodes.join(', ')}`;
      problems.push({ code: 'AMB1606', field: `${own}.requestRedirect.statusCode`, text });
    }
    const change = requestRedirect?.path ?? urlRewrite?.path;
    if (change?.type === 'ReplacePrefixMatch' && !isPrefixed) {
      problems.push(
        invalid(own, 'ReplacePrefixMatch needs every match of the rule to be a PathPrefix'),
      );
    }
    const { percent, fraction } = filter.requestMirror ?? {};
    problems.push(...rangeProblems(percent, `${own}.requestMirror.percent`, 0, 100));
    if (fraction !== undefined && fraction.numerator > (fraction.denominator ?? 100)) {
      problems.push(invalid(`${own}.requestMirror.fraction`, 'is more than the whole'));
    }
  }
  return problems;
}

function modifierProblems(modifier: HeaderModifier | undefined, path: string): Problem[] {
  const { set = [], add = [], remove = [] } = modifier ?? {};
  return [...set.map(({ name }) => name), ...add.map(({ name }) => name), ...remove].flatMap(
    (name) => (headerName.test(name) ? [] : [invalid(path, `"${name}" is no header name`)]),
  );
}

function matchProblems(matches: readonly TypedMatch[] | undefined, path: string): Problem[] {
  return (matches ?? []).flatMap(({ type = 'Exact', name, value }, index) => {
    const own = `${path}[${index}]`;
    return [
      ...typeProblems(type, ['Exact', 'RegularExpression'], `${own}.type`),
      ...(name === '' ? [invalid(`${own}.name`, 'must not be empty')] : []),
      ...(type === 'RegularExpression' ? regexProblems(value, `${own}.value`) : []),
    ];
  });
}

function typeProblems(type: string, known: readonly string[], path: string): Problem[] {
  return known.includes(type) ? [] : [invalid(path, `"${type}" must be ${known.join(' or ')}`)];
}

function pathProblems(value: string, path: string): Problem[] {
  return value.startsWith('/') ? [] : [invalid(path, `"${value}" must begin with a slash`)];
}
