import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { HttpRouteObject } from '../../../src/controller/kinds/gateway-routes.ts';
import type { VirtualService } from '../../../src/controller/kinds/networking.ts';
import { formatProblem } from '../../../src/controller/translate/finding.ts';
import { validateHttpRoute } from '../../../src/controller/translate/validate-gateway-routes.ts';
import { validateVirtualService } from '../../../src/controller/translate/validate-routes.ts';
import { suite } from '../../support/suite.ts';

const test = suite('invalid routes');

const metadata = { name: 'r', namespace: 'default' };
const to = 'route: [{destination: {host: a}}]';

/** Rows of features section 7.3: the spec beside valid hosts, and what is said of it. */
const virtualServices: readonly [spec: string, expected: RegExp][] = [
  ['http: []', /AMB1601 spec: needs at least one of http, tls and tcp/],
  [`hosts: [], gateways: [g], http: [{${to}}]`, /spec.hosts: is empty/],
  [`hosts: ['*'], http: [{${to}}]`, /"\*" is not allowed/],
  [`hosts: [a, A], http: [{${to}}]`, /has a host twice/],
  ['http: [{match: [{port: 1}]}]', /AMB1604 spec.http\[0\]: needs one of/],
  [`http: [{${to}, redirect: {uri: /}}]`, /cannot contain both route and redirect/],
  [`http: [{redirect: {uri: /}, directResponse: {status: 200}}]`, /cannot contain both/],
  ['http: [{redirect: {uri: /}, rewrite: {uri: /}}]', /rewrite: cannot be combined with redirect/],
  ['http: [{directResponse: {status: 200}, fault: {abort: {httpStatus: 500}}}]', /fault: cannot/],
  [`http: [{${to}, delegate: {name: d}}]`, /cannot contain both route and delegate/],
  ['hosts: [], http: [{delegate: {name: d}}]', /cannot delegate in its turn/],
  [`http: [{${to}, mirror: {host: a}, mirrors: [{destination: {host: a}}]}]`, /mirrors: cannot be/],
  [`http: [{${to}, mirrors: [{}]}]`, /mirrors\[0\].destination.host: must name/],
  [`http: [{${to}, mirrorPercentage: {value: 101}}]`, /AMB1606 .*mirrorPercentage/],
  [`http: [{${to}, mirrorPercent: 101}]`, /AMB1606 .*mirrorPercent/],
  [
    'http: [{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]}]',
    /AMB1603 .*all weights are 0/,
  ],
  ['http: [{route: [{destination: {host: a}, weight: -1}]}]', /AMB1603 .*is negative/],
  ['http: [{route: [{destination: {}}]}]', /AMB1604 .*must name a service/],
  ['http: [{route: [{destination: {host: a, subset: "!"}}]}]', /no valid subset name/],
  [`http: [{${to}, match: [{uri: {regex: "("}}]}]`, /AMB1602 .*is not RE2/],
  [`http: [{${to}, match: [{uri: {regex: "*"}}]}]`, /AMB1602 .*"\*" is not RE2/],
  [`http: [{${to}, match: [{uri: {prefix: ""}}]}]`, /must not be empty/],
  [`http: [{${to}, match: [{uri: {exact: a, prefix: a}}]}]`, /use exactly one of/],
  [
    'http: [{match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}}]',
    /needs every match of the route to be on a prefix/,
  ],
  ['http: [{redirect: {uri: /, prefixRewrite: /}}]', /cannot have both uri and prefixRewrite/],
  ['http: [{redirect: {}}]', /redirect: needs/],
  ['http: [{redirect: {scheme: ftp}}]', /must be http or https/],
  ['http: [{redirect: {uri: /, redirectCode: 200}}]', /AMB1606/],
  [`http: [{${to}, rewrite: {}}]`, /rewrite: needs/],
  [`http: [{${to}, rewrite: {uri: /, uriRegexRewrite: {match: a, rewrite: b}}}]`, /both uri and/],
  [`http: [{${to}, rewrite: {uriRegexRewrite: {match: a}}}]`, /needs both match and rewrite/],
  [`http: [{${to}, retries: {attempts: 0, backoff: 1s}}]`, /attempts 0 switches retries off/],
  [`http: [{${to}, retries: {attempts: -1}}]`, /AMB1606/],
  [`http: [{${to}, retries: {attempts: 1, retryOn: "5xx, reset"}}]`, /" reset" is no retry/],
  [`http: [{${to}, retries: {attempts: 1, backoff: 0s}}]`, /AMB1605/],
  [`http: [{${to}, timeout: 1.5ms}]`, /AMB1605/],
  [`http: [{${to}, fault: {}}]`, /needs delay or abort/],
  [`http: [{${to}, fault: {abort: {httpStatus: 100}}}]`, /AMB1606/],
  [`http: [{${to}, fault: {abort: {grpcStatus: GONE}}}]`, /no name of a gRPC status/],
  [`http: [{${to}, fault: {abort: {http2Error: X}}}]`, /http2Error: is not supported/],
  [`http: [{${to}, fault: {delay: {exponentialDelay: 1s}}}]`, /exponentialDelay is not supported/],
  [`http: [{${to}, corsPolicy: {maxAge: 1500ms}}]`, /must be whole seconds/],
  [`http: [{${to}, corsPolicy: {allowMethods: [FETCH]}}]`, /is no HTTP method/],
  [`http: [{${to}, corsPolicy: {allowOrigins: [{}]}}]`, /needs one of exact, prefix and regex/],
  [`http: [{${to}, headers: {request: {set: {":path": /}}}}]`, /is no header name/],
  [`http: [{${to}, headers: {request: {remove: [Host]}}}]`, /cannot be removed/],
  [
    `http: [{${to}, rewrite: {authority: a}, headers: {request: {set: {host: b}}}}]`,
    /sets the host more than once/,
  ],
  [`tls: [{${to}}]`, /needs at least one match with sniHosts/],
  [`tls: [{match: [{port: 1}], ${to}}]`, /sniHosts: needs at least one name/],
  [`tls: [{match: [{sniHosts: [b]}], ${to}}]`, /lies within none of spec.hosts/],
  ['tcp: [{match: [{port: 1}]}]', /AMB1604 spec.tcp\[0\].route: is required/],
  [`tcp: [{match: [{destinationSubnets: [x]}], ${to}}]`, /is no address or network/],
  [`http: [{${to}, match: [{headers: {"@request.auth.claims.a": {exact: b}}}]}]`, /ingress/],
];

for (const [text, expected] of virtualServices) {
  test(`VirtualService ${text}`, () => {
    const spec = parse(`{hosts: [a.example], ${text}}`, { uniqueKeys: false }) as object;
    const object = { apiVersion: 'v1', kind: 'VirtualService', metadata, spec } as VirtualService;
    assert.match(validateVirtualService(object).map(formatProblem).join('; '), expected);
  });
}

const httpRoutes: readonly [rule: string, expected: RegExp][] = [
  ['matches: [{path: {type: Glob, value: /}}]', /"Glob" must be Exact or PathPrefix/],
  ['matches: [{path: {value: a}}]', /must begin with a slash/],
  ['matches: [{headers: [{type: RegularExpression, name: a, value: "["}]}]', /AMB1602/],
  ['timeouts: {request: soon}', /AMB1605/],
  ['timeouts: {request: 1s, backendRequest: 2s}', /must not be longer than request/],
  ['retry: {codes: [200]}', /AMB1606/],
  ['sessionPersistence: {type: Query}', /"Query" must be Cookie or Header/],
  ['sessionPersistence: {idleTimeout: soon}', /AMB1605/],
  ['sessionPersistence: {sessionName: "a b"}', /must be the name of a cookie/],
  ['sessionPersistence: {cookieConfig: {lifetimeType: Permanent}}', /absoluteTimeout: is needed/],
  [
    'sessionPersistence: {type: Header, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}',
    /no meaning for a header/,
  ],
  ['backendRefs: [{name: a, port: 80, weight: -1}]', /AMB1603/],
  ['filters: [{type: RequestRedirect, requestRedirect: {statusCode: 300}}]', /AMB1606/],
  [
    'matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]',
    /needs every match of the rule to be a PathPrefix/,
  ],
  [
    'filters: [{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, requestRedirect: {}}]',
    /cannot have both RequestRedirect and URLRewrite/,
  ],
  [
    'filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: ["a b"]}}]',
    /is no header name/,
  ],
];

for (const [text, expected] of httpRoutes) {
  test(`HTTPRoute rule ${text}`, () => {
    const spec = { rules: [parse(`{${text}}`)] };
    const object = { apiVersion: 'v1', kind: 'HTTPRoute', metadata, spec } as HttpRouteObject;
    assert.match(validateHttpRoute(object).map(formatProblem).join('; '), expected);
  });
}

test.run();
