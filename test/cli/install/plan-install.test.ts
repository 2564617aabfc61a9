// What is installed, in which order, and with which values.

import path from 'node:path';
import * as assert from 'uvu/assert';
import { deployFolder } from '../../../src/cli/install/deploy-folder.ts';
import { type KubernetesObject, titleOf } from '../../../src/cli/install/object.ts';
import { planInstall, versionStep } from '../../../src/cli/install/plan-install.ts';
import { readDeploy } from '../../../src/cli/install/read-deploy.ts';
import { readValues, valueNames, withValues } from '../../../src/cli/install/values.ts';
import { codeOf } from '../../../src/runtime/errors.ts';
import { suite } from '../../support/suite.ts';

const test = suite('plan of an installation');
const deploy = readDeploy(deployFolder);
const none = { hasGatewayApi: true, installed: [] };

interface Pod {
  readonly containers: readonly {
    readonly image: string;
    readonly env: readonly { readonly name: string; readonly value?: string }[];
  }[];
  readonly volumes: readonly { readonly hostPath?: { readonly path: string } }[];
}

/** The spec of an object that is there. */
function specOf<Spec>(objects: readonly KubernetesObject[], title: string): Spec {
  const found = objects.find((one) => titleOf(one) === title);
  assert.ok(found, title);
  return found['spec'] as Spec;
}

function podOf(objects: readonly KubernetesObject[], title: string): Pod {
  return specOf<{ template: { spec: Pod } }>(objects, title).template.spec;
}

function rendered(...set: string[]): KubernetesObject[] {
  const values = readValues(set);
  return deploy.objects.map((one) => withValues(one, values, deploy.images, deploy.version));
}

test('the folder is read as kubectl apply -k reads it', () => {
  const titles = deploy.objects.map(titleOf);
  for (const wanted of [
    'Namespace istio-system',
    'CustomResourceDefinition virtualservices.networking.istio.io',
    'Deployment istio-system/istiod',
    'DaemonSet istio-system/ztunnel',
    'DaemonSet istio-system/istio-cni-node',
    'ConfigMap istio-system/istiod-images',
  ]) {
    assert.ok(titles.includes(wanted), wanted);
  }
  assert.equal(titles.length, new Set(titles).size);
  assert.match(deploy.version, /^\d+\.\d+\.\d+$/);
});

test('a folder that is not one is named', () => {
  try {
    readDeploy(path.join(deployFolder, 'controller'));
    assert.unreachable();
  } catch (error) {
    assert.is(codeOf(error), 'AMB1855');
    assert.match(String(error), /controller\/kustomization\.yaml/);
  }
});

test('each stage has what the next needs, and waits for what starts', () => {
  const { stages, left } = planInstall(deploy.objects, '1.2.3', none);
  assert.equal(
    stages.map(({ name }) => name),
    ['Base', 'Control plane', 'Nodes'],
  );
  const [base, control, nodes] = stages.map(({ objects }) => objects.map(titleOf));
  assert.is(base?.[0], 'Namespace istio-system');
  assert.ok(control?.includes('Deployment istio-system/istiod'));
  assert.ok((control?.indexOf('ServiceAccount istio-system/istiod') ?? 99) < 3);
  assert.equal(stages[2]?.awaited.map(titleOf), [
    'DaemonSet istio-system/istio-cni-node',
    'DaemonSet istio-system/ztunnel',
  ]);
  assert.ok(nodes?.includes('ClusterRole ambit-node'));
  assert.is(stages.flatMap(({ objects }) => objects).length, deploy.objects.length);
  assert.equal(left, []);
  for (const { metadata } of stages.flatMap(({ objects }) => objects)) {
    assert.is(metadata.labels?.['app.kubernetes.io/managed-by'], 'ambit');
    assert.is(metadata.labels?.['app.kubernetes.io/version'], '1.2.3');
  }
});

test('what needs the Gateway API waits for it', () => {
  const { stages, left } = planInstall(deploy.objects, '1.0.0', { ...none, hasGatewayApi: false });
  assert.equal(left.map(titleOf), ['GatewayClass istio-waypoint']);
  const titles = stages.flatMap(({ objects }) => objects.map(titleOf));
  assert.not.ok(titles.includes('GatewayClass istio-waypoint'));
});

test('what a version no longer has is removed, but never definitions', () => {
  const gone = (kind: string, name: string, apiVersion = 'v1'): KubernetesObject => ({
    apiVersion,
    kind,
    metadata: { name },
  });
  const installed = [
    gone('ClusterRole', 'of-long-ago', 'rbac.authorization.k8s.io/v1'),
    gone('CustomResourceDefinition', 'old.istio.io', 'apiextensions.k8s.io/v1'),
    gone('Namespace', 'istio-old'),
    // The same object in another version of its kind.
    gone('GatewayClass', 'istio-waypoint', 'gateway.networking.k8s.io/v1beta1'),
  ];
  const { prune } = planInstall(deploy.objects, '1.0.0', { ...none, installed });
  assert.equal(prune.map(titleOf), ['ClusterRole of-long-ago']);
});

test('values reach the objects that they are about', () => {
  const objects = rendered(
    'global.hub=registry.example/mesh',
    'global.tag=2.0.0',
    'pilot.replicaCount=3',
    'meshConfig.trustDomain=corp.example',
    'global.multiCluster.clusterName=east',
    'cni.cniBinDir=/home/kubernetes/bin',
    'ztunnel.env.LOG_FORMAT=json',
  );
  const pods = ['Deployment istio-system/istiod', 'DaemonSet istio-system/ztunnel'].map((one) =>
    podOf(objects, one),
  );
  const variable = (pod: Pod | undefined, name: string): string | undefined =>
    pod?.containers[0]?.env.find((one) => one.name === name)?.value;
  assert.is(pods[0]?.containers[0]?.image, 'registry.example/mesh/controller:2.0.0');
  assert.is(pods[1]?.containers[0]?.image, 'registry.example/mesh/ztunnel:2.0.0');
  assert.is(variable(pods[0], 'TRUST_DOMAIN'), 'corp.example');
  assert.is(variable(pods[0], 'CLUSTER_ID'), 'east');
  assert.is(variable(pods[1], 'CLUSTER_ID'), 'east');
  assert.is(variable(pods[1], 'LOG_FORMAT'), 'json');
  const agent = podOf(objects, 'DaemonSet istio-system/istio-cni-node');
  assert.is(variable(agent, 'CNI_BIN_DIR'), '/home/kubernetes/bin');
  const folders = agent.volumes.map(({ hostPath }) => hostPath?.path);
  assert.ok(folders.includes('/home/kubernetes/bin'));
  assert.not.ok(folders.includes('/opt/cni/bin'));
  const images = objects.find(({ metadata }) => metadata.name === 'istiod-images');
  assert.equal(images?.['data'], { waypoint: 'registry.example/mesh/waypoint:2.0.0' });
  assert.is(specOf<{ replicas: number }>(objects, 'Deployment istio-system/istiod').replicas, 3);
});

test('without values images are those of the version, and everything else is as it stands', () => {
  const [pod] = podOf(rendered(), 'Deployment istio-system/istiod').containers;
  assert.is(pod?.image, `ambit/controller:${deploy.version}`);
});

for (const [given, said] of [
  ['nonsense', /it is not NAME=VALUE/],
  ['global.hubb=x', /there is no such value; known are .*global\.hub/],
  ['other.env.A=1', /there is no such value/],
  ['cni.env.lower=1', /there is no such value/],
  ['pilot.replicaCount=none', /whole number from 1 to 999/],
] as const) {
  test(`--set ${given} is refused with what is known`, () => {
    try {
      readValues([given]);
      assert.unreachable();
    } catch (error) {
      assert.is(codeOf(error), 'AMB1850');
      assert.match(String(error), said);
    }
  });
}

test('values may come in one flag, as with Helm, and hold commas', () => {
  const values = readValues(['global.tag=1,global.hub=a', 'cni.excludeNamespaces=a,b']);
  assert.equal(
    [...values],
    [
      ['global.tag', '1'],
      ['global.hub', 'a'],
      ['cni.excludeNamespaces', 'a,b'],
    ],
  );
  assert.ok(valueNames.includes('pilot.env.NAME'));
});

for (const [from, to, refused] of [
  [undefined, '1.0.0', false],
  ['1.0.0', '1.0.0', false],
  ['1.9.0', '1.10.0', false],
  ['1.10.0', '1.9.0', true],
  ['2.0.0', '1.9.9', true],
  ['latest', '1.0.0', false],
] as const) {
  test(`from ${from} to ${to} is ${refused ? 'refused' : 'a step'}`, () => {
    assert.is(versionStep(from, to) !== undefined, refused);
  });
}

test.run();
