import { randomBytes } from 'node:crypto';
import { KubeConfig } from '@kubernetes/client-node';
import * as assert from 'uvu/assert';
import { ApiClient } from '../../src/controller/kubernetes/api-client.ts';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import { suite } from '../support/suite.ts';
import { ApiFront } from './api-front.ts';
import { applyYaml, eventually, startApi, startControllerThrough } from './running-controller.ts';

const test = suite('control planes in one cluster');

const gateway = (namespace: string, labels = ''): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: ${namespace}, labels: {${labels}}}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
`;
const lost = (namespace: string): string => `
apiVersion: v1
kind: Service
metadata: {name: lost, namespace: ${namespace}, labels: {istio.io/use-waypoint: nowhere}}
spec: {selector: {app: lost}, ports: [{port: 80}]}
`;
const namespaces = `
{apiVersion: v1, kind: Namespace, metadata: {name: mine}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: theirs, labels: {istio.io/rev: istio-1-30}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: blue, labels: {istio.io/rev: blue}}}
---
`;

const statusOf = (api: ApiServer, kind: string, namespace: string, name: string): string =>
  JSON.stringify(api.store.get(kind, namespace, name)?.['status'] ?? {});
const gateways = 'gateway.networking.k8s.io/gateways';
const bound = (api: ApiServer, namespace: string): boolean =>
  statusOf(api, 'services', namespace, 'lost').includes('WaypointNotFound');

/** Waits until a pass of writing that began now is over: two namespaces got what they need. */
async function passes(api: ApiServer): Promise<void> {
  for (let count = 0; count < 2; count++) {
    const name = `pass-${randomBytes(4).toString('hex')}`;
    applyYaml(api, `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`);
    await eventually(`the root in ${name}`, () =>
      api.store.get('configmaps', name, 'istio-ca-root-cert'),
    );
  }
}

test('what belongs to another revision is left alone, and a change of hands is followed', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  applyYaml(
    api,
    [namespaces, gateway('mine'), gateway('theirs'), lost('mine'), lost('theirs')].join('---'),
  );
  await startControllerThrough(stack, front);
  await eventually('the waypoint', () => api.store.get('apps/deployments', 'mine', 'waypoint'));
  await eventually('the condition', () => bound(api, 'mine') || undefined);
  await passes(api);
  assert.equal(
    front.requests.filter((one) => !one.startsWith('GET') && /\/(theirs|blue)(\/|$)/.test(one)),
    [],
  );
  assert.is(api.store.get('configmaps', 'theirs', 'istio-ca-root-cert'), undefined);
  // The namespace changes hands, and with it what is in it.
  api.store.mergePatch('namespaces', '', 'theirs', {
    metadata: { labels: { 'istio.io/rev': null } },
  });
  await eventually('the waypoint', () => api.store.get('apps/deployments', 'theirs', 'waypoint'));
  await eventually('the condition', () => bound(api, 'theirs') || undefined);
  // And back: nothing goes, as the other one takes it over as it is.
  api.store.mergePatch('namespaces', '', 'theirs', {
    metadata: { labels: { 'istio.io/rev': 'istio-1-30' } },
  });
  await passes(api);
  assert.ok(api.store.get('apps/deployments', 'theirs', 'waypoint'));
  assert.ok(bound(api, 'theirs'));
});

test('two revisions share a cluster, each with its own leader and its own objects', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const fronts = [stack.use(await ApiFront.open(api)), stack.use(await ApiFront.open(api))];
  applyYaml(
    api,
    [
      namespaces,
      gateway('mine'),
      gateway('blue'),
      lost('mine'),
      lost('blue'),
      gateway('theirs', 'istio.io/rev: blue'),
    ].join('---'),
  );
  const [first, second] = fronts;
  assert.ok(first && second);
  await startControllerThrough(stack, first);
  await startControllerThrough(stack, second, { REVISION: 'blue' });
  for (const namespace of ['mine', 'blue', 'theirs']) {
    await eventually(`the waypoint in ${namespace}`, () =>
      api.store.get('apps/deployments', namespace, 'waypoint'),
    );
  }
  for (const namespace of ['mine', 'blue']) {
    await eventually(`the condition in ${namespace}`, () => bound(api, namespace) || undefined);
  }
  const addresses = ['mine', 'blue'].map((namespace) => {
    return /"istiod[^"]*15012"/.exec(
      JSON.stringify(api.store.get('apps/deployments', namespace, 'waypoint')),
    )?.[0];
  });
  assert.equal(addresses, [
    '"istiod.istio-system.svc:15012"',
    '"istiod-blue.istio-system.svc:15012"',
  ]);
  assert.equal(
    api.store
      .list('coordination.k8s.io/leases')
      .map(({ metadata }) => metadata.name)
      .sort(),
    ['ambit-leader', 'ambit-leader-blue'],
  );
  assert.is(first.count(/^(PATCH|POST|DELETE) .*\/(blue|theirs)\//), 0);
  assert.is(second.count(/^(PATCH|POST|DELETE) .*\/mine\//), 0);
});

test('a class that another controller owns makes no waypoints here', async ({ stack }) => {
  const api = await startApi(stack);
  applyYaml(
    api,
    `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: istio-waypoint}, spec: {controllerName: example.com/theirs}}
---
${namespaces}${gateway('mine')}`,
  );
  const front = stack.use(await ApiFront.open(api));
  await startControllerThrough(stack, front);
  await eventually(
    'the condition',
    () =>
      statusOf(api, gateways, 'mine', 'waypoint').includes(
        'belongs to the controller \\"example.com/theirs\\"',
      ) || undefined,
  );
  assert.is(api.store.get('apps/deployments', 'mine', 'waypoint'), undefined);
  assert.is(front.count(/^(PATCH|PUT|DELETE) .*gatewayclasses/), 0);
});

test('a root certificate that another control plane keeps is left to it, and told', async ({
  stack,
}) => {
  const api = await startApi(stack);
  applyYaml(api, namespaces);
  const config = new KubeConfig();
  config.loadFromString(api.kubeconfig({ server: `https://127.0.0.1:${api.port}` }));
  using rival = new ApiClient(config, 'pilot-discovery');
  using user = new ApiClient(config, 'kubectl-edit');
  const root = (namespace: string, text: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio-ca-root-cert', namespace, labels: { 'istio.io/config': 'true' } },
    data: { 'root-cert.pem': text },
  });
  const create = (client: ApiClient, namespace: string, manager: string): Promise<unknown> =>
    client.create(
      `/api/v1/namespaces/${namespace}/configmaps?fieldManager=${manager}`,
      root(namespace, 'other'),
    );
  await create(rival, 'mine', 'pilot-discovery');
  await create(user, 'default', 'kubectl-edit');
  const front = stack.use(await ApiFront.open(api));
  await startControllerThrough(stack, front);
  const text = (namespace: string): string =>
    JSON.stringify(api.store.get('configmaps', namespace, 'istio-ca-root-cert')?.['data'] ?? '');
  // Whoever is no control plane has no business there.
  await eventually('the root', () => text('default').includes('BEGIN CERTIFICATE') || undefined);
  await eventually('the event', () =>
    api.store
      .list('events', { namespace: 'mine' })
      .find((one) => String(one['message']).includes('AMB1672')),
  );
  await passes(api);
  assert.is(text('mine'), '{"root-cert.pem":"other"}');
  const attempts = front.count(/PATCH .*\/mine\/configmaps\/istio-ca-root-cert/);
  await passes(api);
  assert.is(front.count(/PATCH .*\/mine\/configmaps\/istio-ca-root-cert/), attempts);
  // The other one is gone, and its ConfigMap with it.
  api.store.delete('configmaps', 'mine', 'istio-ca-root-cert');
  await eventually('the root', () => text('mine').includes('BEGIN CERTIFICATE') || undefined);
});

test('the ConfigMap of the mesh goes with the revision, and its selectors hold at once', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const config = (name: string, mesh: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'istio-system' },
      data: { mesh },
    });
  const pod = (namespace: string, ip: string): string =>
    `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ${namespace}}, spec: {nodeName: n, containers: [{name: c, image: i}]}, status: {phase: Running, podIP: ${ip}}}`;
  applyYaml(
    api,
    [
      namespaces,
      pod('mine', '10.0.0.1'),
      '---',
      pod('blue', '10.0.0.2'),
      '---',
      config('istio', 'discoverySelectors: [{matchLabels: {a: none}}]'),
    ].join('\n'),
  );
  const front = stack.use(await ApiFront.open(api));
  const controller = await startControllerThrough(stack, front, { REVISION: 'blue' });
  const dump = async (): Promise<string> => {
    const url = `http://127.0.0.1:${controller.ports.monitoring}/debug/config_dump`;
    const { workloads } = (await (await fetch(url)).json()) as { workloads: object };
    return Object.keys(workloads)
      .filter((uid) => uid.includes('/Pod/'))
      .sort()
      .join();
  };
  const becomes = (text: string) =>
    eventually(`the workloads ${text}`, async () => (await dump()) === text || undefined);
  await becomes('Kubernetes//Pod/blue/p,Kubernetes//Pod/mine/p');
  applyYaml(
    api,
    config('istio-blue', 'discoverySelectors: [{matchLabels: {"istio.io/rev": blue}}]'),
  );
  await becomes('Kubernetes//Pod/blue/p');
  // A pod alone, and a namespace that comes in.
  applyYaml(api, pod('mine', '10.0.0.3'));
  applyYaml(api, pod('blue', '10.0.0.4'));
  await becomes('Kubernetes//Pod/blue/p');
  api.store.mergePatch('namespaces', '', 'mine', {
    metadata: { labels: { 'istio.io/rev': 'blue' } },
  });
  await becomes('Kubernetes//Pod/blue/p,Kubernetes//Pod/mine/p');
  applyYaml(api, config('istio-blue', 'discoverySelectors: [{matchLabel: {a: b}}]'));
  await eventually('the event', () =>
    api.store
      .list('events', { namespace: 'istio-system' })
      .find((one) => /AMB1661 data.mesh discoverySelectors\[0\]/.test(String(one['message']))),
  );
  await becomes('Kubernetes//Pod/blue/p,Kubernetes//Pod/mine/p');
  applyYaml(api, config('istio-blue', ''));
  api.store.mergePatch('namespaces', '', 'mine', {
    metadata: { labels: { 'istio.io/rev': null } },
  });
  await becomes('Kubernetes//Pod/blue/p,Kubernetes//Pod/mine/p');
});

test.run();
