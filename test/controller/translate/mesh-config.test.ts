import * as assert from 'uvu/assert';
import type { ConfigMap } from '../../../src/controller/kinds/core.ts';
import { ObjectTables } from '../../../src/controller/objects.ts';
import { readMeshConfig } from '../../../src/controller/translate/mesh-config.ts';
import { MeshConfigVersions } from '../../../src/controller/translate/settle-mesh-config.ts';
import { suite } from '../../support/suite.ts';
import { mesh as meshOptions } from '../tables.ts';

const test = suite('mesh configuration');

const root = 'istio-system';

function configMap(mesh?: string): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: root, uid: 'u' },
    ...(mesh !== undefined && { data: { mesh } }),
  };
}

function settle(versions: MeshConfigVersions, mesh?: string) {
  const tables = new ObjectTables();
  if (mesh !== undefined) tables.set('MeshConfig', configMap(mesh));
  const { config, findings } = versions.settle(tables, meshOptions);
  return [config.outboundPolicy, findings[0]?.message ?? ''] as const;
}

test('what is not said is as by default', () => {
  for (const text of [undefined, '', '  ', '{}', 'outboundTrafficPolicy: {}']) {
    const { config, problems } = readMeshConfig(configMap(text));
    assert.equal([config?.outboundPolicy, problems], ['allow-any', []]);
  }
});

const mistakes: readonly (readonly [string, RegExp])[] = [
  ['[', /is not YAML/],
  ['- a', /must be a map/],
  ['outboundTrafficPolicy: REGISTRY_ONLY', /outboundTrafficPolicy\.mode: undefined must be/],
  ['outboundTrafficPolicy: { mode: 7 }', /mode: 7 must be ALLOW_ANY or REGISTRY_ONLY/],
  ['connectTimeout: 0s', /connectTimeout: "0s" must be/],
  ['tcpKeepalive: [1]', /tcpKeepalive: must be a map/],
  ['h2UpgradePolicy: ALWAYS', /must be UPGRADE or DO_NOT_UPGRADE/],
  ['localityLbSetting: { failover: [{ from: a, to: a }] }', /must be different regions/],
  ['defaultTrafficPolicy: { connectionPool: {} }', /must have at least one field/],
  ['defaultTrafficPolicy: { outlierDetection: { interval: 1 } }', /outlierDetection.interval/],
  ['defaultDestinationRuleExportTo: "*"', /must be a list of namespaces/],
  ['serviceEntryVisibility: x', /serviceEntryVisibility: must be a map/],
  ['serviceEntryVisibility: { defaultVisibility: ALL }', /"ALL" must be NONE/],
  ['serviceEntryVisibility: { policies: x }', /policies: must be a list/],
  ['serviceEntryVisibility: { policies: [{ visibility: NONE }] }', /matchingRules: must have/],
  [
    'serviceEntryVisibility: { policies: [{ matchingRules: [{ namespaceSelector: 1 }] }] }',
    /must have a namespaceSelector/,
  ],
];

for (const [text, expected] of mistakes) {
  test(`names the mistake in: ${text}`, () => {
    const { config, problems } = readMeshConfig(configMap(text));
    assert.is(config, undefined);
    assert.match(problems.map(({ field, text: what }) => `${field}: ${what}`).join(), expected);
    assert.is(problems[0]?.code, 'AMB1661');
  });
}

test('a mistake leaves the last valid version in force, and its end the default', () => {
  const versions = new MeshConfigVersions();
  assert.is(settle(versions, 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }')[0], 'registry-only');
  const [policy, told] = settle(versions, 'outboundTrafficPolicy: { mode: ALLOW }');
  assert.is(policy, 'registry-only');
  assert.match(told, /AMB1661 .*last valid version stays in force/);
  assert.is(settle(versions)[0], 'allow-any');
  assert.is(settle(versions, '[')[0], 'allow-any', 'the version before is of another object');
});

test('an unreadable first version that speaks of REGISTRY_ONLY closes', () => {
  const [policy, told] = settle(new MeshConfigVersions(), 'a: [\nmode: REGISTRY_ONLY');
  assert.is(policy, 'registry-only');
  assert.match(told, /that is in force/);
});

test('fields without effect are named', () => {
  const [, told] = settle(new MeshConfigVersions(), 'enableTracing: true\ntrustDomain: x');
  assert.match(told, /AMB1610 .*enableTracing, trustDomain/);
});

test('what holds anyway is not called without effect', () => {
  const versions = new MeshConfigVersions();
  const same = 'trustDomain: cluster.local\nrootNamespace: istio-system\nenableAutoMtls: true';
  assert.equal(settle(versions, same), ['allow-any', '']);
  const [, message] = settle(versions, 'trustDomain: other.example\nenableAutoMtls: false');
  assert.match(message, /AMB1610 .*no effect in this version: trustDomain, enableAutoMtls$/);
});

test('selectors of namespaces are label selectors, and a slip is none', () => {
  const read = (text: string) => readMeshConfig(configMap(`discoverySelectors: ${text}`));
  const selector = { matchExpressions: [{ key: 'team', operator: 'Exists' }] };
  assert.equal(read(JSON.stringify([selector, {}])).config?.discoverySelectors, [selector, {}]);
  assert.is(read('[]').config?.discoverySelectors, undefined);
  for (const text of [
    'x',
    '[x]',
    '[{matchLabel: {a: b}}]',
    '[{matchLabels: {a: 1}}]',
    '[{matchExpressions: [{key: a, operator: Is}]}]',
  ]) {
    const [problem] = read(text).problems;
    assert.is(problem?.code, 'AMB1661', text);
    assert.match(problem?.field ?? '', /^data\.mesh discoverySelectors/);
  }
});

test.run();
