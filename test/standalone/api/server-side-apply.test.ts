// Server-side apply: ownership, conflicts, removal, and the way from client-side apply.

import * as assert from 'uvu/assert';

import { suite } from '../../support/suite.ts';
import { type Harness, startHarness } from './api-harness.ts';
import { ask } from './https.ts';

const test = suite<{ api: Harness }>('server-side apply', {
  setup: async ({ stack }) => ({ api: await startHarness(stack) }),
});

function manifest(name: string, spec: object, labels: object = {}): string {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name, ...labels } },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: {} },
      ...spec,
    },
  });
}

function template(name: string, containers: object[]): object {
  return { template: { metadata: { labels: { app: name } }, spec: { containers } } };
}

const main = { name: 'main', image: 'program:1', ports: [{ containerPort: 80 }] };

test('refuses to take a field from another manager unless forced', async ({ api }) => {
  const first = manifest('taken', { replicas: 2, ...template('taken', [main]) });
  await api.succeed('apply --server-side -f -', first);
  await api.succeed('scale deploy taken --replicas=4');
  const conflict = await api.kubectl('apply --server-side --field-manager=other -f -', first);
  assert.is(conflict.code, 1);
  assert.match(conflict.stderr, 'Apply failed with 1 conflict');
  assert.match(conflict.stderr, '.spec.replicas');
  await api.succeed('apply --server-side --field-manager=other --force-conflicts -f -', first);
  assert.is(await api.succeed('get deploy taken -o jsonpath={.spec.replicas}'), '2');
});

test('takes out what is no longer applied, and leaves what others own', async ({ api }) => {
  const probe = { readinessProbe: { httpGet: { port: 80 } } };
  const first = manifest('leaves', template('leaves', [{ ...main, ...probe }]), {
    mine: 'x',
    shared: 'y',
  });
  await api.succeed('apply --server-side -f -', first);
  const labels = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'leaves', labels: { shared: 'y' } },
  };
  await api.succeed('apply --server-side --field-manager=other -f -', JSON.stringify(labels));
  await api.succeed('apply --server-side -f -', manifest('leaves', template('leaves', [main])));
  assert.is(
    await api.succeed('get deploy leaves -o jsonpath={.metadata.labels}'),
    '{"app":"leaves","shared":"y"}',
  );
  const container = await api.succeed('get deploy leaves -o jsonpath={..containers[0]}');
  assert.not.match(container, 'readinessProbe', 'the defaults in it go with the probe');
});

test('merges lists by their keys', async ({ api }) => {
  await api.succeed('apply --server-side -f -', manifest('lists', template('lists', [main])));
  const side = manifest('lists', template('lists', [{ name: 'side', image: 'side:1' }]));
  await api.succeed('apply --server-side --field-manager=injector -f -', side);
  const names = 'get deploy lists -o jsonpath={..containers[*].name}';
  assert.is(await api.succeed(names), 'main side');
  await api.succeed(
    'apply --server-side -f -',
    manifest('lists', template('lists', [{ ...main, image: 'program:2' }])),
  );
  assert.is(await api.succeed(names), 'main side');
  const other = manifest('lists', template('lists', [main]));
  const conflict = await api.kubectl('apply --server-side --field-manager=injector -f -', other);
  assert.match(conflict.stderr, '.spec.template.spec.containers[name="main"].image');
});

test('goes on from client-side apply without conflicts', async ({ api }) => {
  await api.succeed(
    'apply -f -',
    manifest('migrates', { replicas: 1, ...template('migrates', [main]) }),
  );
  const changed = { ...main, image: 'program:2', ports: [] };
  await api.succeed(
    'apply --server-side -f -',
    manifest('migrates', { replicas: 3, ...template('migrates', [changed]) }),
  );
  const entries = api.server.store.get('apps/deployments', 'default', 'migrates')?.metadata
    .managedFields;
  const managers = (entries ?? []).map(({ manager }) => manager ?? '').toSorted();
  // Newer ones rewrite the entries of their client-side past.
  const past = api.kubectlMinor < 26 ? 'kubectl-client-side-apply' : 'kubectl-last-applied';
  assert.equal(managers, ['kubectl', past]);
  assert.is(await api.succeed('get deploy migrates -o jsonpath={.spec.replicas}'), '3');
});

test('makes no new version when nothing changes', async ({ api }) => {
  const same = manifest('same', template('same', [main]));
  await api.succeed('apply --server-side -f -', same);
  const version = 'get deploy same -o jsonpath={.metadata.resourceVersion}';
  const before = await api.succeed(version);
  await api.succeed('apply --server-side -f -', same);
  assert.is(await api.succeed(version), before);
});

test('applies status apart from the rest', async ({ api }) => {
  await api.succeed(
    'apply --server-side -f -',
    manifest('state', { replicas: 2, ...template('state', [main]) }),
  );
  const applied = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'state' },
    spec: { replicas: 9 },
    status: { replicas: 2, conditions: [{ type: 'Available', status: 'True' }] },
  };
  const answer = await ask(api.server, {
    method: 'PATCH',
    path: '/apis/apps/v1/namespaces/default/deployments/state/status?fieldManager=status-writer',
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: JSON.stringify(applied),
  });
  assert.is(answer.code, 200, answer.text);
  const object = api.server.store.get('apps/deployments', 'default', 'state');
  assert.equal(object?.status, applied.status);
  assert.is((object?.spec as { replicas: number } | undefined)?.replicas, 2);
  const entry = object?.metadata.managedFields?.find(({ manager }) => manager === 'status-writer');
  assert.is(entry?.subresource, 'status');
  assert.equal(Object.keys(entry?.fieldsV1 ?? {}), ['f:status']);
});

test('applies in-process, with conflicts forced', ({ api }) => {
  const { store } = api.server;
  const object = JSON.parse(manifest('inside', template('inside', [main]))) as never;
  const created = store.apply(object, 'controller');
  assert.is(created.metadata.managedFields?.[0]?.operation, 'Apply');
  assert.is(created.metadata.managedFields?.[0]?.manager, 'controller');
  const again = store.apply(object, 'controller');
  assert.is(again.metadata.resourceVersion, created.metadata.resourceVersion);
});

test('records plain writes by the fields that they change', async ({ api }) => {
  await api.succeed('create configmap plain --from-literal=a=1');
  await api.succeed([
    'patch',
    'cm',
    'plain',
    '--field-manager=patcher',
    '-p',
    '{"data":{"b":"2"}}',
  ]);
  const entries = api.server.store.get('configmaps', 'default', 'plain')?.metadata.managedFields;
  const entry = entries?.find(({ manager }) => manager === 'patcher');
  assert.equal(entry?.fieldsV1, { 'f:data': { 'f:b': {} } });
});

test.run();
