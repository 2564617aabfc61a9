import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { DestinationRule } from '../../../src/controller/kinds/networking.ts';
import { formatProblem } from '../../../src/controller/translate/finding.ts';
import {
  validateDestinationRule,
  warnOfDestinationRule,
} from '../../../src/controller/translate/validate-destination-rules.ts';
import { suite } from '../../support/suite.ts';

const test = suite('invalid destination rules');

function rule(spec: string): DestinationRule {
  return {
    apiVersion: 'v1',
    kind: 'DestinationRule',
    metadata: { name: 'r', namespace: 'default' },
    spec: parse(spec) as object,
  };
}

/** Rows of features section 7.3: a traffic policy, and what is said of it. */
const policies: readonly [policy: string, expected: RegExp][] = [
  ['{}', /AMB1601 P: must have at least one field/],
  [
    '{tunnel: {targetHost: a, targetPort: 1}, proxyProtocol: {}}',
    /AMB1601 P: tunnel and proxyProtocol must not be set together/,
  ],
  ['{tunnel: {protocol: GET, targetHost: a, targetPort: 1}}', /must be CONNECT or POST/],
  ['{tunnel: {targetHost: "*.a", targetPort: 1}}', /AMB1604 P.tunnel.targetHost: .* full DNS name/],
  ['{tunnel: {targetHost: 1.2.3.4, targetPort: 70000}}', /AMB1606 P.tunnel.targetPort/],
  ['{tunnel: {targetHost: a}}', /AMB1606 P.tunnel.targetPort/],
  ['{proxyProtocol: {version: V3}}', /"V3" must be V1 or V2/],
  ['{portLevelSettings: [{tls: {}}]}', /portLevelSettings\[0\].port.number: must be a valid port/],
  ['{portLevelSettings: [{port: {number: 0}, tls: {}}]}', /AMB1606 P.portLevelSettings\[0\].port/],
  ['{portLevelSettings: [{port: {number: 80}}]}', /portLevelSettings\[0\]: must have at least one/],
  [
    '{portLevelSettings: [{port: {number: 80}, connectionPool: {}}]}',
    /portLevelSettings\[0\].connectionPool: must have at least one field/,
  ],
  ['{connectionPool: {}}', /P.connectionPool: must have at least one field/],
  ['{connectionPool: {tcp: {maxConnections: -1}}}', /AMB1606 P.connectionPool.tcp.maxConnections/],
  ['{connectionPool: {tcp: {connectTimeout: 0s}}}', /AMB1605 P.connectionPool.tcp.connectTimeout/],
  ['{connectionPool: {tcp: {tcpKeepalive: {time: 1.5ms}}}}', /AMB1605 .*tcpKeepalive.time/],
  ['{connectionPool: {tcp: {maxConnectionDuration: 0s}}}', /AMB1605 .*maxConnectionDuration/],
  ...[
    'http1MaxPendingRequests',
    'http2MaxRequests',
    'maxRequestsPerConnection',
    'maxRetries',
    'maxConcurrentStreams',
  ].map((field): [string, RegExp] => [
    `{connectionPool: {http: {${field}: -1}}}`,
    new RegExp(`AMB1606 P.connectionPool.http.${field}`),
  ]),
  ['{connectionPool: {http: {idleTimeout: soon}}}', /AMB1605 P.connectionPool.http.idleTimeout/],
  ['{connectionPool: {http: {h2UpgradePolicy: MAYBE}}}', /h2UpgradePolicy: "MAYBE" must be/],
  [
    '{connectionPool: {http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}}}',
    /useClientProtocol: must not be true/,
  ],
  ['{connectionPool: {http: {http2KeepAlive: {interval: 1s}}}}', /KeepAlive.timeout: is required/],
  ['{connectionPool: {http: {http2KeepAlive: {timeout: 1s}}}}', /KeepAlive.interval: is required/],
  ['{loadBalancer: {simple: FASTEST}}', /P.loadBalancer.simple: "FASTEST" must be/],
  ['{loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}', /both simple and/],
  ['{loadBalancer: {consistentHash: {}}}', /needs exactly one of/],
  ['{loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: a}}}', /exactly one of/],
  ['{loadBalancer: {consistentHash: {httpHeaderName: ""}}}', /must not be empty/],
  ['{loadBalancer: {consistentHash: {httpCookie: {ttl: 1s}}}}', /httpCookie.name: is required/],
  [
    '{loadBalancer: {consistentHash: {httpCookie: {name: a, attributes: [{name: X}, {name: x}]}}}}',
    /attributes\[1\].name: "x" is a duplicate attribute name/,
  ],
  ...['ringHash: {}, minimumRingSize: 1', 'ringHash: {}, maglev: {tableSize: 7}'].map(
    (text): [string, RegExp] => [
      `{loadBalancer: {consistentHash: {useSourceIp: true, ${text}}}}`,
      /only one of ringHash, maglev and minimumRingSize/,
    ],
  ),
  ...(
    [
      ['0', /must be set/],
      ['5000011', /must be less than 5000011/],
      ['65536', /must be prime/],
    ] as const
  ).map(([size, expected]): [string, RegExp] => [
    `{loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: ${size}}}}}`,
    expected,
  ]),
  ['{loadBalancer: {localityLbSetting: {}, zoneAwareLbSetting: {}}}', /both localityLbSetting and/],
  ...(
    [
      ['{distribute: [{from: a/*, to: {a/*: 100}}], failover: [{from: a, to: b}]}', /both distr/],
      ['{distribute: [{from: a/*, to: {a/*: 60, b/*: 50}}]}', /AMB1603 .* add up to 110/],
      ['{distribute: [{from: a/*, to: {a/*: 100, b/*: 0}}]}', /AMB1603 .* from 1 to 100/],
      ['{distribute: [{from: a/*, to: {a/*: 50, a/z/*: 50}}]}', /"a\/z\/\*" overlaps/],
      [
        '{distribute: [{from: a/b, to: {x: 100}}, {from: a/*, to: {x: 100}}]}',
        /locality "a\/b" overlaps/,
      ],
      ['{distribute: [{from: "*/b", to: {x: 100}}]}', /"\*" only at its end/],
      ['{failover: [{from: a, to: a}]}', /must be different regions/],
      ['{failover: [{from: a, to: "b*"}]}', /without a wildcard/],
      ['{failover: [{from: a}]}', /needs from and to/],
    ] as const
  ).map(([setting, expected]): [string, RegExp] => [
    `{loadBalancer: {localityLbSetting: ${setting}}}`,
    expected,
  ]),
  ['{loadBalancer: {warmup: {}}}', /warmup.duration: is required/],
  ['{loadBalancer: {warmup: {duration: 1s, minimumPercent: 101}}}', /AMB1606 .*minimumPercent/],
  ['{loadBalancer: {warmup: {duration: 1s, aggression: 0}}}', /must be greater than 0/],
  ['{loadBalancer: {simple: RANDOM, warmup: {duration: 1s}}}', /only possible with ROUND_ROBIN/],
  ['{outlierDetection: {consecutive5xxErrors: -1}}', /AMB1606 P.outlierDetection.consecutive5xx/],
  ['{outlierDetection: {interval: 0s}}', /AMB1605 P.outlierDetection.interval/],
  ['{outlierDetection: {baseEjectionTime: 1us}}', /AMB1605 P.outlierDetection.baseEjectionTime/],
  ['{outlierDetection: {maxEjectionPercent: 101}}', /AMB1606 .*maxEjectionPercent/],
  ['{outlierDetection: {minHealthPercent: -1}}', /AMB1606 .*minHealthPercent/],
  [
    '{outlierDetection: {consecutiveLocalOriginFailures: 1}}',
    /splitting of local-origin errors is off/,
  ],
  ['{tls: {mode: STRICT}}', /P.tls.mode: "STRICT" must be/],
  ['{tls: {mode: MUTUAL, privateKey: k}}', /clientCertificate: is required with mode MUTUAL/],
  ['{tls: {mode: MUTUAL, clientCertificate: c}}', /privateKey: is required with mode MUTUAL/],
  ['{tls: {mode: SIMPLE, credentialName: a, caCertificates: c}}', /files \(caCertificates\) with/],
  ['{tls: {mode: ISTIO_MUTUAL, caCertificates: c}}', /certificates with mode ISTIO_MUTUAL/],
  ['{tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}}', /cannot be combined/],
  ['{tls: {mode: SIMPLE, insecureSkipVerify: true, caCertificates: c}}', /cannot be combined/],
  ['{tls: {mode: SIMPLE, credentialName: "configmap://A b"}}', /invalid configmap name/],
  ['{tls: {mode: SIMPLE, credentialName: "configmap://other/ca"}}', /foreign namespace/],
  ['{retryBudget: {percent: 101}}', /AMB1606 P.retryBudget.percent/],
];

for (const [text, expected] of policies) {
  for (const [place, spec] of [
    ['spec.trafficPolicy', `{host: a, trafficPolicy: ${text}}`],
    ['spec.subsets[0].trafficPolicy', `{host: a, subsets: [{name: s, trafficPolicy: ${text}}]}`],
  ] as const) {
    test(`${place} ${text}`, () => {
      const said = validateDestinationRule(rule(spec)).map(formatProblem).join('; ');
      assert.match(said.replaceAll(place, 'P'), expected);
    });
  }
}

const rules: readonly [spec: string, expected: RegExp][] = [
  ['{}', /AMB1604 spec.host/],
  ['{host: "a b"}', /AMB1604 spec.host/],
  ['{host: a, subsets: [{name: x}, {name: x}]}', /subsets\[1\].name: "x" is used twice/],
  ['{host: a, subsets: [null]}', /subsets\[0\]: may not be null/],
  ['{host: a, subsets: [{name: "!"}]}', /no valid subset name/],
  ['{host: a, exportTo: [default, .]}', /has an entry twice/],
  ['{host: a, exportTo: [~x, "~"]}', /"~" is not allowed here/],
  ['{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: ["*"]}', /cannot be exported/],
  ['{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: [., x]}', /several entries/],
  ['{host: a, workloadSelector: {matchLabels: {a: "*"}}}', /must not have wildcards/],
];

for (const [spec, expected] of rules) {
  test(`rule ${spec}`, () => {
    assert.match(validateDestinationRule(rule(spec)).map(formatProblem).join('; '), expected);
  });
}

const warnings: readonly [spec: string, expected: RegExp][] = [
  [
    '{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}}',
    /AMB1644 .*localityLbSetting: has no effect unless outlierDetection/,
  ],
  ['{host: a, workloadSelector: {}}', /holds for all waypoints/],
  [
    '{host: a, trafficPolicy: {outlierDetection: {consecutiveErrors: 3}}}',
    /AMB1644 .*consecutiveErrors: is deprecated and does nothing/,
  ],
  ['{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}', /AMB1644 .*ISTIO_MUTUAL does nothing/],
  ['{host: a, trafficPolicy: {tls: {mode: DISABLE}}}', /AMB1644 .*DISABLE does nothing/],
  ['{host: a, trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {}}}}', /use localityLbSetting/],
  [
    '{host: a, trafficPolicy: {loadBalancer: {warmupDurationSecs: 1s}}}',
    /deprecated; write warmup.duration/,
  ],
  [
    '{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 1}}}}',
    /deprecated; write ringHash.minimumRingSize/,
  ],
];

for (const [spec, expected] of warnings) {
  test(`warns of ${spec}`, () => {
    assert.equal(validateDestinationRule(rule(spec)), []);
    assert.match(warnOfDestinationRule(rule(spec)).map(formatProblem).join('; '), expected);
  });
}

test('a whole rule of what is allowed has no problem and no warning', () => {
  const spec = `{host: '*.a', exportTo: ['*'], subsets: [{name: v1.x, labels: {version: v1}},
      {name: v2, trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: [a]}}}}],
    trafficPolicy: {
      loadBalancer: {
        consistentHash: {httpCookie: {name: a, ttl: 0s}, maglev: {tableSize: 131}},
        localityLbSetting: {distribute: [{from: a/b, to: {a/b: 70, a/c/*: 30}}, {from: b/*, to: {a: 100}}]}},
      connectionPool: {tcp: {idleTimeout: 0s, maxConnections: 0}, http: {}},
      tls: {mode: SIMPLE, credentialName: configmap://ca},
      outlierDetection: {},
      retryBudget: {},
      portLevelSettings: [{port: {number: 80}, outlierDetection: {}}]}}`;
  assert.equal(validateDestinationRule(rule(spec)), []);
  assert.equal(warnOfDestinationRule(rule(spec)), []);
});

test.run();
