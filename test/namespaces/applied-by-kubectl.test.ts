// An empty cluster gets the mesh as a real one does: by the stock kubectl, from the manifests in deploy/.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { apply, createPods, enrolled } from './enrolled-pods.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const manifests = path.join(repository, 'test/deploy/laptop');
/** Of the Gateway API, which brings its own on a cluster. */
const definitions = path.join(repository, 'deploy/crds/gateway-api');

const gateway = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'waypoint' },
  spec: {
    gatewayClassName: 'istio-waypoint',
    listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
  },
};

const test = suite<{ mesh: LaptopMesh }>('a mesh applied by kubectl', {
  deadlineMs: 120_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'bykubectl', { args: ['--mesh-later'] });
    await mesh.kubectl('apply', '-f', definitions);
    return { mesh };
  },
});

/** Kind and name of every object of some kinds, without what every cluster has. */
async function objects(mesh: LaptopMesh, kinds: string): Promise<string[]> {
  const template = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const listed = await mesh.kubectl('get', kinds, '-A', '-o', `jsonpath=${template}`);
  return listed.split('\n').filter((line) => line !== '' && !line.includes('kube-'));
}

const namespaced = 'pods,deployments,daemonsets,services,configmaps,secrets,roles,rolebindings';
const everywhere = 'namespaces,clusterroles,clusterrolebindings,customresourcedefinitions';
const kinds = `${namespaced},poddisruptionbudgets,networkpolicies,validatingwebhookconfigurations,${everywhere}`;

test('starts from the manifests, and leaves nothing when they are deleted', async ({ mesh }) => {
  const before = await objects(mesh, kinds);
  await mesh.kubectl('apply', '-k', manifests);
  for (const part of ['deployment/istiod', 'daemonset/ztunnel', 'daemonset/istio-cni-node']) {
    await mesh.kubectl('rollout', 'status', part, '-n', 'istio-system', '--timeout=60s');
  }

  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
  await createPods(mesh, [{ name: 'client', node: 'node1' }]);
  await enrolled(mesh, 'client');
  await apply(mesh, gateway);
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
  const image = 'jsonpath={.spec.template.spec.containers[0].image}';
  assert.is(
    await mesh.kubectl('get', 'deployment', 'waypoint', '-o', image),
    'ambit/waypoint:0.1.0',
  );

  // As docs/install.md says: waypoints first, then the mesh, then what it wrote into other namespaces.
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode-');
  await enrolled(mesh, 'client', false);
  await mesh.kubectl('delete', 'gateway', 'waypoint');
  await until(
    'the waypoint to be gone',
    async () =>
      (await objects(mesh, 'deployments')).every((one) => !one.includes('default/')) || undefined,
  );
  await mesh.kubectl('delete', 'pod,service', 'client');
  await mesh.kubectl('delete', '-k', manifests, '--ignore-not-found');
  await mesh.kubectl('delete', 'configmap', '-A', '-l', 'istio.io/config=true');
  await until('the same objects as before', async () => {
    const now = await objects(mesh, kinds);
    return now.join() === before.join() || undefined;
  });

  // Its own roles were enough, up to the end.
  const log = path.join(mesh.stateFolder, mesh.name, 'logs/supervisor.log');
  const refused = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('AMB1036'));
  assert.equal(refused, []);
});

test.run();
