import * as assert from 'uvu/assert';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { suite } from '../support/suite.ts';
import { type RunningController, startApi, startController } from './running-controller.ts';

const test = suite<{ running: RunningController }>('waypoints on an API server', {
  setup: async ({ stack }) => ({ running: await startController(stack, await startApi(stack)) }),
});

const gateway = (namespace: string, parameters = ''): string => `
{apiVersion: v1, kind: Namespace, metadata: {name: ${namespace}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: ${namespace}}
spec:
  gatewayClassName: istio-waypoint
  infrastructure: {labels: {team: a}${parameters && `, parametersRef: {group: "", kind: ConfigMap, name: ${parameters}}`}}
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
`;
const overrides = (namespace: string, data: object): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'overrides', namespace },
    data,
  });

const deployments = 'apps/deployments';
const budgets = 'policy/poddisruptionbudgets';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The condition of a Gateway as `STATUS REASON MESSAGE`; undefined when it has none of the type. */
function condition(
  { api }: RunningController,
  namespace: string,
  type: string,
): string | undefined {
  const found = api.store.get('gateway.networking.k8s.io/gateways', namespace, 'waypoint');
  const { conditions = [] } = (found?.['status'] ?? {}) as { conditions?: Condition[] };
  const one = conditions.find((each) => each.type === type);
  return one && `${one.status} ${one.reason} ${one.message}`;
}

/** The spec of an object of a waypoint; empty when there is none. */
function specOf(
  { api }: RunningController,
  kind: string,
  namespace: string,
): Record<string, unknown> {
  const found = api.store.get(kind, namespace, 'waypoint')?.['spec'];
  return (found ?? {}) as Record<string, unknown>;
}

const made = (running: RunningController, kind: string, namespace: string) =>
  running.eventually(`${kind} in ${namespace}`, () =>
    running.api.store.get(kind, namespace, 'waypoint'),
  );

const says = (running: RunningController, namespace: string, type: string, pattern: RegExp) =>
  running.eventually(
    `${type} ${String(pattern)}, not ${condition(running, namespace, type)}`,
    () => {
      return pattern.test(condition(running, namespace, type) ?? 'absent') || undefined;
    },
  );

test('belong to the controller field by field, and what a user scales or changes stays his', async ({
  running,
}) => {
  const { api, client, apply } = running;
  apply(gateway('shop'));
  const deployment = await made(running, deployments, 'shop');
  const managers = deployment.metadata.managedFields as { manager: string; operation: string }[];
  assert.equal(
    managers.map(({ manager, operation }) => `${manager} ${operation}`),
    ['ambit-controller Apply'],
  );
  const path = '/apis/apps/v1/namespaces/shop/deployments/waypoint';
  const asUser = (body: object) =>
    client.send('PATCH', `${path}?fieldManager=kubectl-edit`, body, {
      contentType: 'application/strategic-merge-patch+json',
    });
  await asUser({ spec: { replicas: 4 } });
  await asUser({
    spec: { template: { spec: { containers: [{ name: 'waypoint', image: 'mine' }] } } },
  });
  await says(
    running,
    'shop',
    'ambit.io/Provisioned',
    /^False FieldConflict AMB1670 Deployment shop\/waypoint: left as others have set it: spec\.template\.spec\.containers\[name="waypoint"\]\.image \("kubectl-edit"/,
  );
  // Wanted anew, with everything else in it.
  apply(gateway('shop').replace('team: a', 'team: b'));
  const spec = await running.eventually('the new label', () => {
    const found = api.store.get(deployments, 'shop', 'waypoint');
    const { template, replicas } = (found?.['spec'] ?? {}) as {
      template?: { spec: { containers: { image: string }[] } };
      replicas?: number;
    };
    return found?.metadata.labels?.['team'] === 'b' ? { template, replicas } : undefined;
  });
  assert.is(spec.replicas, 4);
  assert.is(spec.template?.spec.containers[0]?.image, 'mine');
  // Deleted, it is made anew as it should be, and nothing is left to be told.
  api.store.delete(deployments, 'shop', 'waypoint');
  await running.eventually('the image of the controller', () => {
    const found = api.store.get(deployments, 'shop', 'waypoint');
    return JSON.stringify(found?.['spec'] ?? '').includes('"image":"ambit/waypoint"') || undefined;
  });
  await says(running, 'shop', 'ambit.io/Provisioned', /^absent$/);
});

test('follow the ConfigMap that their Gateway names, whichever comes first', async ({
  running,
}) => {
  const { api, apply } = running;
  apply(gateway('overridden', 'overrides'));
  await says(
    running,
    'overridden',
    'Accepted',
    /^False InvalidParameters AMB1669 spec\.infrastructure\.parametersRef: there is no ConfigMap overridden\/overrides/,
  );
  assert.is(api.store.get(deployments, 'overridden', 'waypoint'), undefined);
  apply(
    overrides('overridden', {
      deployment: 'spec: {replicas: 3}',
      podDisruptionBudget: 'spec: {minAvailable: 1}',
    }),
  );
  const deployment = await made(running, deployments, 'overridden');
  assert.is((deployment['spec'] as { replicas: number }).replicas, 3);
  const budget = await made(running, budgets, 'overridden');
  assert.equal(budget['spec'], {
    minAvailable: 1,
    selector: { matchLabels: { 'gateway.networking.k8s.io/gateway-name': 'waypoint' } },
  });
  await says(running, 'overridden', 'Accepted', /^True Accepted/);
  apply(overrides('overridden', { deployment: 'spec: {replicas: 2}', podDisruptionBudgets: '' }));
  await says(
    running,
    'overridden',
    'Accepted',
    /^False InvalidParameters AMB1669 ConfigMap overridden\/overrides data\.podDisruptionBudgets: is not known/,
  );
  // Nothing of an invalid version takes effect, and nothing of the old one goes.
  assert.ok(api.store.get(budgets, 'overridden', 'waypoint'));
  const events = api.store.list('events', { namespace: 'overridden' });
  assert.ok(events.some((one) => String(one['message']).includes('AMB1669')));
  apply(overrides('overridden', { deployment: 'spec: {replicas: 2}' }));
  await running.eventually('the budget to go', () => {
    return api.store.get(budgets, 'overridden', 'waypoint') === undefined || undefined;
  });
  const replicas = (): unknown => specOf(running, deployments, 'overridden')['replicas'];
  await running.eventually('2 replicas', () => replicas() === 2 || undefined);
  await says(running, 'overridden', 'Accepted', /^True Accepted/);
});

test('take the defaults of their class from the oldest ConfigMap', async ({ running }) => {
  const { api, apply } = running;
  apply(gateway('of-class'));
  await made(running, deployments, 'of-class');
  const defaults = (name: string, type: string): ApiObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'istio-system',
      labels: { 'gateway.istio.io/defaults-for-class': 'istio-waypoint' },
    },
    data: { service: `spec: {type: ${type}}` },
  });
  api.store.create(defaults('a', 'LoadBalancer'));
  const type = (): unknown => specOf(running, 'services', 'of-class')['type'];
  await running.eventually('the type', () => type() === 'LoadBalancer' || undefined);
  api.store.delete('configmaps', 'istio-system', 'a');
  await running.eventually('the type', () => type() === 'ClusterIP' || undefined);
});

test('that the API server refuses are told of at their Gateway', async ({ running }) => {
  const { apply } = running;
  apply(overrides('default', { deployment: 'spec: {replicas: many}' }));
  apply(gateway('default', 'overrides'));
  await says(
    running,
    'default',
    'ambit.io/Provisioned',
    /^False Refused AMB1671 Deployment default\/waypoint: .*replicas/,
  );
  apply(overrides('default', { deployment: 'spec: {replicas: 1}' }));
  await made(running, deployments, 'default');
  await says(running, 'default', 'ambit.io/Provisioned', /^absent$/);
});

test.run();
