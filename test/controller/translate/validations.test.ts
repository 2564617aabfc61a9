// The rules for kinds that nothing acts on yet, and the rows of features section 7.3 that concern all kinds.

import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { KubernetesObject } from '../../../src/controller/kinds/object.ts';
import { validateObject } from '../../../src/controller/translate/validations.ts';
import { suite } from '../../support/suite.ts';

const test = suite('validation of all kinds');

const groups: Readonly<Record<string, string>> = {
  AuthorizationPolicy: 'security',
  PeerAuthentication: 'security',
  RequestAuthentication: 'security',
  Telemetry: 'telemetry',
  WasmPlugin: 'extensions',
  TrafficExtension: 'extensions',
};

function objectOf(kind: string, spec: string, annotations = '{}'): KubernetesObject {
  const group = groups[kind] ?? 'networking';
  return parse(
    `{apiVersion: ${group}.istio.io/v1, kind: ${kind}, metadata: {name: x, namespace: shop, annotations: ${annotations}}, spec: ${spec}}`,
  ) as KubernetesObject;
}

/** Kind, spec, and the fields of the problems; none for valid ones. */
const problems: readonly (readonly [string, string, ...string[]])[] = [
  [
    'RequestAuthentication',
    '{jwtRules: [{issuer: a, jwksUri: "https://a/keys", fromHeaders: [{name: x}]}]}',
  ],
  ['RequestAuthentication', '{jwtRules: [{}]}', 'spec.jwtRules[0].issuer'],
  [
    'RequestAuthentication',
    '{jwtRules: [{issuer: a, jwks: "{}", jwksUri: "https://a"}]}',
    'spec.jwtRules[0]',
    'spec.jwtRules[0].jwks',
  ],
  [
    'RequestAuthentication',
    '{jwtRules: [{issuer: a, jwksUri: "ftp://a"}]}',
    'spec.jwtRules[0].jwksUri',
  ],
  [
    'RequestAuthentication',
    '{jwtRules: [{issuer: a, audiences: [""], fromCookies: [""], fromHeaders: [{}]}]}',
    'spec.jwtRules[0].audiences[0]',
    'spec.jwtRules[0].fromCookies[0]',
    'spec.jwtRules[0].fromHeaders[0].name',
  ],
  [
    'RequestAuthentication',
    '{jwtRules: [{issuer: a, outputClaimToHeaders: [{header: x}], timeout: 1us}]}',
    'spec.jwtRules[0].outputClaimToHeaders[0]',
    'spec.jwtRules[0].timeout',
  ],
  [
    'RequestAuthentication',
    '{selector: {}, targetRefs: [{kind: Service, name: a}]}',
    'spec.selector',
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: ["*.a.b"], tls: {mode: SIMPLE, credentialName: c}}]}',
  ],
  ['Gateway', '{}', 'spec.servers'],
  ['Gateway', '{servers: [{hosts: []}]}', 'spec.servers[0].port', 'spec.servers[0].hosts'],
  [
    'Gateway',
    '{servers: [{port: {number: 80, name: a, protocol: HTTP, targetPort: 1}, hosts: [short, ns//x], tls: {mode: SIMPLE}}]}',
    'spec.servers[0].port.targetPort',
    'spec.servers[0].hosts[0]',
    'spec.servers[0].hosts[1]',
    'spec.servers[0].tls',
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: ["*"]}]}',
    'spec.servers[0].tls',
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: TLS}, hosts: ["*"], tls: {mode: MUTUAL, serverCertificate: a, caCrl: b}}]}',
    'spec.servers[0].tls.privateKey',
    'spec.servers[0].tls.caCertificates',
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: TLS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: a, credentialNames: [b], caCrl: c}}]}',
    'spec.servers[0].tls',
    'spec.servers[0].tls.caCrl',
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: TLS}, hosts: ["*"], tls: {mode: ISTIO_MUTUAL, credentialName: a}}]}',
    'spec.servers[0].tls',
  ],
  ['Sidecar', '{egress: [{hosts: ["./*", "~/*"]}]}'],
  ['Sidecar', '{}', 'spec'],
  [
    'Sidecar',
    '{ingress: [{defaultEndpoint: nowhere}]}',
    'spec.ingress[0].port',
    'spec.ingress[0].defaultEndpoint',
  ],
  [
    'Sidecar',
    '{egress: [{hosts: [a]}, {port: {number: 1}, bind: "unix:///x", hosts: []}]}',
    'spec.egress[0].port',
    'spec.egress[0].hosts[0]',
    'spec.egress[1].port.number',
    'spec.egress[1].hosts',
  ],
  ['WorkloadGroup', '{template: {serviceAccount: a}, probe: {exec: {command: [a]}}}'],
  ['WorkloadGroup', '{}', 'spec.template'],
  [
    'WorkloadGroup',
    '{template: {}, probe: {periodSeconds: -1, exec: {}, grpc: {port: 0}}}',
    'spec.probe',
    'spec.probe.periodSeconds',
    'spec.probe.exec.command',
    'spec.probe.grpc.port',
  ],
  ['ProxyConfig', '{concurrency: 0}'],
  [
    'ProxyConfig',
    '{concurrency: -1, image: {imageType: big}}',
    'spec.concurrency',
    'spec.image.imageType',
  ],
  ['EnvoyFilter', '{configPatches: [{applyTo: HTTP_FILTER, patch: {operation: REMOVE}}]}'],
  [
    'EnvoyFilter',
    '{configPatches: [{applyTo: ROOF, patch: {operation: BEND}}, {applyTo: CLUSTER}]}',
    'spec.configPatches[0].applyTo',
    'spec.configPatches[0].patch.operation',
    'spec.configPatches[0].patch.value',
    'spec.configPatches[1].patch',
  ],
  [
    'Telemetry',
    '{metrics: [{overrides: [{tagOverrides: {a: {value: "x"}, b: {operation: REMOVE}}}]}]}',
  ],
  [
    'Telemetry',
    '{tracing: [{randomSamplingPercentage: 101, customTags: {a: {}, b: {literal: {value: ""}}}}]}',
    'spec.tracing[0].randomSamplingPercentage',
    'spec.tracing[0].customTags.a',
    'spec.tracing[0].customTags.b.literal.value',
  ],
  [
    'Telemetry',
    '{metrics: [{providers: [{}], overrides: [{match: {customMetric: ""}, tagOverrides: {a: {}}}]}], accessLogging: [{filter: {expression: " "}}]}',
    'spec.metrics[0].providers[0].name',
    'spec.metrics[0].overrides[0].match.customMetric',
    'spec.metrics[0].overrides[0].tagOverrides.a.value',
    'spec.accessLogging[0].filter.expression',
  ],
  ['WasmPlugin', '{url: "oci://a/b"}'],
  [
    'WasmPlugin',
    '{url: "ftp://a", sha256: abc, vmConfig: {env: [{name: a}, {name: a, valueFrom: HOST, value: b}]}, match: [{ports: [{number: 0}]}]}',
    'spec.url',
    'spec.sha256',
    'spec.vmConfig.env[1].name',
    'spec.vmConfig.env[1].value',
    'spec.match[0].ports[0].number',
  ],
  ['TrafficExtension', '{lua: {inlineCode: "x"}}'],
  ['TrafficExtension', '{}', 'spec'],
  [
    'TrafficExtension',
    '{wasm: {}, lua: {inlineCode: ""}}',
    'spec',
    'spec.wasm.url',
    'spec.lua.inlineCode',
  ],
  [
    'AuthorizationPolicy',
    '{action: CUSTOM, provider: {name: a}, rules: [{to: [{operation: {paths: ["/a/{*}/b"]}}]}]}',
  ],
  [
    'AuthorizationPolicy',
    '{action: CUSTOM, provider: {name: ""}}',
    'spec.rules',
    'spec.provider.name',
  ],
  [
    'AuthorizationPolicy',
    '{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {namespaces: [b]}}], when: [{key: request.auth.principal, values: [c]}]}]}',
    'spec.rules[0].from[0].source.namespaces',
    'spec.rules[0].when[0].key',
  ],
  [
    'AuthorizationPolicy',
    '{rules: [{to: [{operation: {paths: ["/{**}/{*}"]}}]}]}',
    'spec.rules[0].to[0].operation.paths[0]',
  ],
  [
    'AuthorizationPolicy',
    '{selector: {matchLabels: {app: "a*"}}, rules: [{}]}',
    'spec.selector.matchLabels.app',
  ],
  [
    'VirtualService',
    '{hosts: [a.b], http: [{match: [{sourceNamespace: "A B"}], route: [{destination: {host: a}}]}]}',
    'spec.http[0].match[0].sourceNamespace',
  ],
];

test('names every field that is wrong, and nothing of what is right', () => {
  const wrong = problems.flatMap(([kind, spec, ...fields]) => {
    const found = (validateObject(objectOf(kind, spec))?.problems ?? []).map(({ field }) => field);
    const isSame = JSON.stringify(found.toSorted()) === JSON.stringify(fields.toSorted());
    return isSame ? [] : [{ kind, spec, found, fields }];
  });
  assert.equal(wrong, []);
});

/** Kind, spec and the fields of warnings. */
const warnings: readonly (readonly [string, string, ...string[]])[] = [
  [
    'VirtualService',
    '{hosts: [a.b], http: [{route: [{destination: {host: a}}]}, {match: [{uri: {prefix: /a}}], route: [{destination: {host: a}}]}]}',
    'spec.http[1]',
  ],
  ['AuthorizationPolicy', '{}', 'spec.rules'],
  [
    'VirtualService',
    '{hosts: [short], gateways: [g], http: [{route: [{destination: {host: a}}], mirrorPercent: 5, fault: {abort: {}}}]}',
    'spec.hosts[0]',
    'spec.http[0].mirrorPercent',
    'spec.http[0].fault.abort',
  ],
  [
    'VirtualService',
    '{hosts: [1.2.3.4], tls: [{match: [{sniHosts: [1.2.3.4]}], route: [{destination: {host: a}}]}]}',
    'spec.tls[0].match[0].sniHosts[0]',
  ],
  [
    'RequestAuthentication',
    `{jwtRules: [{issuer: a, jwks: '{"keys": [{"kty": "RSA", "d": "x"}]}'}]}`,
    'kind',
    'spec.jwtRules[0].jwks',
  ],
  ['Sidecar', '{egress: [{hosts: ["a/b", "a/b"]}]}', 'kind', 'spec.egress'],
  [
    'Telemetry',
    '{tracing: [{providers: [{name: a}, {name: b}]}, {}]}',
    'kind',
    'spec.tracing',
    'spec.tracing[0].providers',
  ],
];

test('warns of what is valid and does not do what it seems to', () => {
  for (const [kind, spec, ...fields] of warnings) {
    const found = validateObject(objectOf(kind, spec));
    assert.equal(found?.problems, [], spec);
    assert.equal(found?.warnings.map(({ field }) => field).toSorted(), fields.toSorted(), spec);
  }
});

test('annotations have their place and their values', () => {
  const codes = (kind: string, annotations: string): string[] =>
    (validateObject(objectOf(kind, '{host: a, rules: [{}]}', annotations))?.problems ?? []).map(
      ({ code, field }) => `${code} ${field}`,
    );
  const dryRun = 'metadata.annotations["istio.io/dry-run"]';
  assert.equal(codes('AuthorizationPolicy', '{istio.io/dry-run: "true"}'), []);
  assert.equal(codes('AuthorizationPolicy', '{istio.io/dry-run: maybe}'), [`AMB1684 ${dryRun}`]);
  assert.equal(codes('DestinationRule', '{istio.io/dry-run: "true"}'), [`AMB1684 ${dryRun}`]);
  const internal = 'internal.istio.io/anything';
  assert.equal(codes('DestinationRule', `{${internal}: a}`), [
    `AMB1684 metadata.annotations["${internal}"]`,
  ]);
});

test('a value of any other type is a problem of the object, and never an exception', () => {
  for (const kind of [
    'VirtualService',
    'Gateway',
    'Sidecar',
    'Telemetry',
    'WasmPlugin',
    'EnvoyFilter',
  ]) {
    for (const value of ['text', '1', 'true', '[1]', '{a: 1}', '[null]']) {
      for (const field of [
        'http',
        'servers',
        'egress',
        'tracing',
        'vmConfig',
        'configPatches',
        'selector',
      ]) {
        const judged = validateObject(objectOf(kind, `{${field}: ${value}}`));
        assert.ok(judged !== undefined, `${kind} ${field}: ${value}`);
      }
    }
  }
  assert.is(validateObject({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }), undefined);
});

test.run();
