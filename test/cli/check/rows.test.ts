// What is found of a cluster before the mesh is installed.

import * as assert from 'uvu/assert';
import {
  checkNetwork,
  checkNodes,
  checkPlatforms,
  platformsOf,
} from '../../../src/cli/check/check-nodes.ts';
import {
  checkInstallations,
  checkWebhooks,
  otherInstaller,
} from '../../../src/cli/check/check-others.ts';
import {
  checkGatewayApi,
  checkPermissions,
  checkVersion,
} from '../../../src/cli/check/check-server.ts';
import { linesOf, summaryOf } from '../../../src/cli/check/print-rows.ts';
import type { CheckRow } from '../../../src/cli/check/row.ts';
import type { KubernetesObject } from '../../../src/cli/install/object.ts';
import { withPlatform } from '../../../src/cli/install/values.ts';
import { suite } from '../../support/suite.ts';

const test = suite('checks of a cluster');
const object = (kind: string, name: string, more: object = {}): KubernetesObject =>
  ({ apiVersion: 'v1', kind, metadata: { name }, ...more }) as KubernetesObject;
const brief = (rows: readonly CheckRow[]): string[] =>
  rows.map(({ level, code }) => [level, code].filter((one) => one !== undefined).join(' '));

for (const [version, found] of [
  ['v1.33.1+k3s1', 'ok'],
  ['v1.30.0-eks-123', 'ok'],
  ['v1.29.9', 'error AMB1842'],
  ['devel', 'warning AMB1842'],
] as const) {
  test(`version ${version} is ${found}`, () => {
    assert.equal(brief([checkVersion(version)]), [found]);
  });
}

test('each missing permission is named with its place', () => {
  const permission = { verb: 'create', group: 'apps', resource: 'daemonsets', namespace: 'a' };
  assert.equal(brief(checkPermissions([permission], [])), ['ok']);
  const [row] = checkPermissions([permission], [{ permission, reason: 'no role' }]);
  assert.is(row?.message, 'you may not create daemonsets.apps in namespace a: no role');
  assert.is(row?.code, 'AMB1843');
});

const definition = (plural: string, ...versions: string[]): KubernetesObject =>
  object('CustomResourceDefinition', `${plural}.gateway.networking.k8s.io`, {
    spec: { versions: versions.map((name) => ({ name, served: true })) },
  });
const standard = ['gatewayclasses', 'gateways', 'httproutes', 'grpcroutes', 'referencegrants'];

test('the Gateway API is there, missing, partly there or too old', () => {
  const all = standard.map((one) => definition(one, 'v1', 'v1beta1'));
  assert.equal(brief(checkGatewayApi(all)), ['ok']);
  assert.equal(brief(checkGatewayApi([])), ['warning AMB1845']);
  assert.match(checkGatewayApi(all.slice(1))[0]?.message ?? '', 'no gatewayclasses');
  const old = [...all.slice(0, 2), definition('httproutes', 'v1beta1'), ...all.slice(3)];
  assert.match(checkGatewayApi(old)[0]?.message ?? '', /serves v1beta1, and v1 is needed/);
});

const node = (info: object): KubernetesObject =>
  object('Node', 'n', { status: { nodeInfo: info } });
for (const [title, info, found] of [
  [
    'a usual node',
    { kernelVersion: '6.1.0-18', operatingSystem: 'linux', architecture: 'arm64' },
    'ok',
  ],
  ['an old kernel', { kernelVersion: '4.18.0-553.el8', operatingSystem: 'linux' }, 'error AMB1846'],
  ['the first kernel', { kernelVersion: '5.2.0', operatingSystem: 'linux' }, 'ok'],
  ['no kernel', {}, 'warning AMB1846'],
  ['another machine', { kernelVersion: '6.1', architecture: 's390x' }, 'error AMB1846'],
  ['Windows', { operatingSystem: 'windows' }, 'info AMB1846'],
] as const) {
  test(`a node: ${title}`, () => {
    assert.equal(brief(checkNodes([node(info)])), [found]);
  });
}

test('the platform of the nodes tells where their plugins are, if they agree', () => {
  const k3s = node({ kubeletVersion: 'v1.33.1+k3s1', osImage: 'Debian' });
  const plain = node({ kubeletVersion: 'v1.33.1' });
  const [found] = platformsOf([k3s, k3s]);
  assert.is(found?.plugins, '/var/lib/rancher/k3s/data/cni');
  assert.match(checkPlatforms(platformsOf([k3s]))[0]?.message ?? '', /^k3s \(.*data\/cni/);
  assert.equal(checkPlatforms(platformsOf([plain])), []);
  assert.equal(brief(checkPlatforms(platformsOf([k3s, plain]))), ['warning AMB1846']);
  const given = new Map([['cni.cniConfDir', '/mine']]);
  assert.equal(
    [...withPlatform(given, platformsOf([k3s]))],
    [
      ['cni.cniBinDir', '/var/lib/rancher/k3s/data/cni'],
      ['cni.cniConfDir', '/mine'],
    ],
  );
});

test('network plugins are told apart, and what they need is said', () => {
  const config = (data: object): KubernetesObject => object('ConfigMap', 'cilium-config', { data });
  const cilium = [object('DaemonSet', 'cilium')];
  assert.equal(brief(checkNetwork(cilium, [config({})])), ['warning AMB1847']);
  const asked = { 'cni-exclusive': 'false', 'enable-bpf-masquerade': 'true' };
  assert.equal(brief(checkNetwork(cilium, [config(asked)])), ['warning AMB1847']);
  assert.equal(brief(checkNetwork(cilium, [config({ 'cni-exclusive': 'false' })])), ['ok']);
  assert.equal(brief(checkNetwork([object('DaemonSet', 'calico-node')], [])), ['ok']);
  assert.equal(checkNetwork([], []), []);
});

const labelled = (labels: object, namespace = 'istio-system'): KubernetesObject =>
  object('Deployment', 'istiod', { metadata: { name: 'istiod', namespace, labels } });
const ours = { 'app.kubernetes.io/part-of': 'ambit' };

test('another mesh, another place and another class are conflicts', () => {
  const conflicts = (...all: KubernetesObject[]) => brief(checkInstallations(all, 'istio-system'));
  assert.equal(conflicts(), ['ok']);
  assert.equal(conflicts(labelled(ours)), ['ok']);
  assert.equal(conflicts(labelled({})), ['error AMB1844']);
  assert.equal(conflicts(labelled(ours, 'mesh')), ['error AMB1844']);
  const ofClass = (controllerName: string): KubernetesObject =>
    object('GatewayClass', 'istio-waypoint', { spec: { controllerName } });
  assert.equal(conflicts(ofClass('istio.io/mesh-controller')), ['ok']);
  assert.equal(conflicts(ofClass('example.com/other')), ['error AMB1844']);
});

test('who installed is told apart', () => {
  assert.is(otherInstaller([]), undefined);
  assert.is(
    otherInstaller([labelled({ ...ours, 'app.kubernetes.io/managed-by': 'ambit' })]),
    undefined,
  );
  assert.is(
    otherInstaller([labelled({ ...ours, 'app.kubernetes.io/managed-by': 'Helm' })]),
    'Helm',
  );
  assert.is(otherInstaller([labelled(ours)]), 'kubectl');
});

test('a webhook that fails closed without an endpoint is named', () => {
  const webhook = (more: object): KubernetesObject =>
    object('ValidatingWebhookConfiguration', 'guard', {
      webhooks: [
        {
          name: 'guard.example.com',
          rules: [{ apiGroups: ['apps'] }],
          clientConfig: { service: { namespace: 'guard', name: 'guard' } },
          ...more,
        },
      ],
    });
  const slice = (ready: boolean): KubernetesObject =>
    object('EndpointSlice', 'guard-1', {
      metadata: {
        name: 'guard-1',
        namespace: 'guard',
        labels: { 'kubernetes.io/service-name': 'guard' },
      },
      endpoints: [{ conditions: { ready } }],
    });
  assert.equal(brief(checkWebhooks([webhook({})], [])), ['warning AMB1848']);
  assert.equal(brief(checkWebhooks([webhook({})], [slice(false)])), ['warning AMB1848']);
  assert.equal(checkWebhooks([webhook({})], [slice(true)]), []);
  assert.equal(checkWebhooks([webhook({ failurePolicy: 'Ignore' })], []), []);
  assert.equal(checkWebhooks([webhook({ rules: [{ apiGroups: ['batch'] }] })], []), []);
});

test('findings are lines, and the last line sums up', () => {
  const context = { env: {}, terminal: { stdout: false, stderr: false } };
  const rows = [checkVersion('v1.33.0'), checkVersion('v1.20.0')];
  const lines = linesOf(rows, context as Parameters<typeof linesOf>[1]);
  assert.is(lines[0], '✔ Kubernetes: version v1.33.0');
  assert.match(lines[1] ?? '', /^✘ Kubernetes: .*\(AMB1842\)$/);
  assert.match(summaryOf(rows), /1 errors, 0 warnings/);
  assert.match(summaryOf(rows.slice(0, 1)), /^No issues found/);
});

test.run();
