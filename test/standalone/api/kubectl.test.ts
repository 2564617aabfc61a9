// The stock kubectl on the embedded API server, without any flag that a cluster would not need.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as assert from 'uvu/assert';

import { suite } from '../../support/suite.ts';
import { type Harness, outputWith, startHarness } from './api-harness.ts';

const test = suite<{ api: Harness }>('kubectl', {
  setup: async ({ stack }) => ({ api: await startHarness(stack) }),
});

function deployment(name: string, labels = ''): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, labels: {app: ${name}${labels}}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - {name: main, image: "program:1", ports: [{containerPort: 8080}], env: [{name: A, value: "1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{port: 80, targetPort: 8080}]}
`;
}

test('applies, applies again unchanged, and applies a change', async ({ api }) => {
  const first = await api.succeed('apply -f -', deployment('apply'));
  assert.match(first, 'deployment.apps/apply created');
  const again = await api.succeed('apply -f -', deployment('apply'));
  assert.is(again.trim(), 'deployment.apps/apply unchanged\nservice/apply unchanged');
  const changed = deployment('apply')
    .replace('program:1', 'program:2')
    .replace('A, value: "1"', 'B, value: "2"');
  assert.match(await api.succeed('apply -f -', changed), 'deployment.apps/apply configured');
  const env = await api.succeed(
    'get deploy apply -o jsonpath={.spec.template.spec.containers[0].env}{.metadata.generation}',
  );
  assert.is(env, '[{"name":"B","value":"2"}]2', 'the variable that left the manifest is gone');
});

test('fills in defaults and addresses of both families', async ({ api }) => {
  await api.succeed('apply -f -', deployment('defaults'));
  const policy = await api.succeed(
    'get deploy defaults -o jsonpath={.spec.replicas},{.spec.strategy.rollingUpdate.maxSurge},{.spec.template.spec.restartPolicy}',
  );
  assert.is(policy, '1,25%,Always');
  const addresses = await api.succeed('get svc defaults -o jsonpath={.spec.clusterIPs[*]}');
  assert.match(addresses, /^10\.96\.\d+\.\d+ fd00:10:96::[0-9a-f]+$/);
});

test('shows the columns that its users know', async ({ api }) => {
  await api.succeed('apply -f -', deployment('columns'));
  const lines = (await api.succeed('get deploy,svc -l app=columns -o wide')).split('\n');
  assert.match(
    lines[0]!,
    /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR$/,
  );
  assert.match(
    lines[1]!,
    /^deployment.apps\/columns +0\/1 +0 +0 +\d+s +main +program:1 +app=columns$/,
  );
  const service = await api.succeed('get svc columns');
  assert.match(service, /NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE/);
  assert.match(service, /columns +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP/);
});

test('shows pods with their state, in all namespaces', async ({ api }) => {
  await api.succeed('run shown --image=program --labels=app=shown -- sleep 1');
  api.server.store.mergePatch(
    'pods',
    'default',
    'shown',
    {
      status: {
        phase: 'Running',
        podIP: '10.244.1.2',
        containerStatuses: [
          {
            name: 'shown',
            ready: false,
            restartCount: 3,
            image: 'program',
            imageID: '',
            state: { waiting: { reason: 'CrashLoopBackOff' } },
          },
        ],
      },
    },
    'status',
  );
  const pods = await api.succeed('get pods -A -o wide -l app=shown');
  assert.match(pods, /NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/);
  assert.match(pods, /default +shown +0\/1 +CrashLoopBackOff +3 +\d+s +10\.244\.1\.2 +<none>/);
  assert.match(await api.succeed('describe pod shown'), /Restart Count: +3/);
});

test('selects by labels and by fields', async ({ api }) => {
  const maps = ['a', 'b', 'c'].map((name) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `pick-${name}`, labels: { set: 'pick', name } },
  }));
  await api.succeed('apply -f -', maps.map((one) => JSON.stringify(one)).join('\n'));
  const names = async (selector: readonly string[]): Promise<string> =>
    (await api.succeed(['get', 'cm', '-o', 'name', ...selector])).trim().split('\n').join(' ');
  assert.is(await names(['-l', 'set=pick,name in (a,c)']), 'configmap/pick-a configmap/pick-c');
  assert.is(await names(['-l', 'set=pick,name!=a,name']), 'configmap/pick-b configmap/pick-c');
  assert.is(await names(['-l', 'set=pick,!missing,name notin (a,b)']), 'configmap/pick-c');
  assert.is(await names(['--field-selector', 'metadata.name=pick-b']), 'configmap/pick-b');
  const unknown = await api.kubectl('get cm --field-selector data.x=y');
  assert.match(unknown.stderr, 'field label not supported: data.x');
});

test('labels, annotates, scales, restarts and replaces', async ({ api }) => {
  await api.succeed('apply -f -', deployment('verbs'));
  await api.succeed('label deploy verbs tier=back');
  await api.succeed('annotate deploy verbs note=here');
  await api.succeed('scale deploy verbs --replicas=3');
  await api.succeed('rollout restart deploy verbs');
  const seen = await api.succeed(
    'get deploy verbs -o jsonpath={.metadata.labels.tier},{.metadata.annotations.note},{.spec.replicas},{.spec.template.metadata.annotations}',
  );
  assert.match(seen, /^back,here,3,.*restartedAt/);
  const current = await api.succeed('get deploy verbs -o json');
  await api.succeed('replace -f -', current.replace('"replicas": 3', '"replicas": 4'));
  assert.is(await api.succeed('get deploy verbs -o jsonpath={.spec.replicas}'), '4');
  const stale = await api.kubectl('replace -f -', current);
  assert.is(stale.code, 1);
  assert.match(stale.stderr, 'the object has been modified');
});

test('patches in all three ways', async ({ api }) => {
  await api.succeed('apply -f -', deployment('patches'));
  const patch = (type: string, body: object): Promise<string> =>
    api.succeed(['patch', 'deploy', 'patches', `--type=${type}`, '-p', JSON.stringify(body)]);
  const spec = (containers: object[]): object => ({ spec: { template: { spec: { containers } } } });
  await patch('strategic', spec([{ name: 'side', image: 'side:1' }]));
  await patch('strategic', spec([{ name: 'main', env: [{ name: 'B', value: '2' }] }]));
  const containers = 'get deploy patches -o jsonpath={.spec.template.spec.containers[*].name}';
  assert.is((await api.succeed(containers)).split(' ').toSorted().join(), 'main,side');
  const env = await api.succeed(
    'get deploy patches -o jsonpath={..containers[?(@.name=="main")].env[*].name}',
  );
  assert.is(env.split(' ').toSorted().join(), 'A,B');
  await patch('strategic', spec([{ name: 'side', $patch: 'delete' } as object]));
  assert.is(await api.succeed(containers), 'main');
  await patch('merge', { metadata: { labels: { app: null, kind: 'merged' } } });
  await patch('json', [
    { op: 'test', path: '/metadata/labels/kind', value: 'merged' },
    { op: 'add', path: '/metadata/labels/more', value: 'x' },
  ]);
  assert.is(
    await api.succeed('get deploy patches -o jsonpath={.metadata.labels}'),
    '{"kind":"merged","more":"x"}',
  );
  const failing = await api.kubectl([
    'patch',
    'deploy',
    'patches',
    '--type=json',
    '-p',
    '[{"op":"test","path":"/metadata/labels/kind","value":"other"}]',
  ]);
  assert.is(failing.code, 1);
});

test('edits with the editor of the user', async ({ api }) => {
  await api.succeed('create configmap edited --from-literal=a=1');
  const editor = path.join(api.folder, 'editor.sh');
  await writeFile(editor, '#!/bin/sh\nsed -i "s/a: \\"1\\"/a: \\"2\\"/" "$1"\n', { mode: 0o755 });
  const { stdout, stderr } = await api.kubectl('edit cm edited', '', { EDITOR: editor });
  assert.match(stdout, 'configmap/edited edited', stderr);
  assert.is(await api.succeed('get cm edited -o jsonpath={.data.a}'), '2');
});

test('watches and waits', async ({ api, signal }) => {
  await api.succeed('apply -f -', deployment('watched'));
  const watching = api.start('get deploy watched -w -o name');
  await outputWith(watching, 'deployment.apps/watched', signal);
  const second = outputWith(watching, 'deployment.apps/watched\n', signal);
  await api.succeed('label deploy watched seen=yes');
  await second;
  const waiting = api.start('wait deploy/watched --for=condition=Available --timeout=15s');
  const met = outputWith(waiting, 'condition met', signal);
  const status = { conditions: [{ type: 'Available', status: 'True' }], replicas: 1 };
  api.server.store.mergePatch('apps/deployments', 'default', 'watched', { status }, 'status');
  await met;
  if (api.kubectlMinor < 23) return;
  const path = api.start('wait deploy/watched --for=jsonpath={.status.replicas}=1 --timeout=15s');
  await outputWith(path, 'condition met', signal);
});

test('warns of what laptop mode does not do', async ({ api }) => {
  const service = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'outside' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  });
  const { code, stderr } = await api.kubectl('apply -f -', service);
  assert.is(code, 0, stderr);
  assert.match(
    stderr,
    'Warning: Service outside: laptop mode opens no ports for type LoadBalancer',
  );
});

test('explains kinds and tells versions', async ({ api }) => {
  assert.match(await api.succeed('explain pod.spec.containers.image'), /image\t? ?<string>/);
  assert.match(await api.succeed('explain deploy'), /KIND: +Deployment/);
  assert.match(await api.succeed('api-versions'), 'apps/v1\n');
  const resources = await api.succeed('api-resources');
  assert.match(resources, /deployments +deploy +apps\/v1 +true +Deployment/);
  assert.match(await api.succeed('cluster-info'), 'is running at');
  assert.match(await api.succeed('version'), /Server Version: .*v1\.32/);
  assert.match(await api.succeed('get --raw /healthz'), 'ok');
  assert.match(await api.succeed('auth can-i create pods'), 'yes');
});

test('does a dry run without storing anything', async ({ api }) => {
  const output = await api.succeed('apply --dry-run=server -f -', deployment('dry'));
  assert.match(output, 'deployment.apps/dry created (server dry run)');
  assert.match((await api.kubectl('get deploy dry')).stderr, '"dry" not found');
});

test('lists page by page', async ({ api }) => {
  for (let index = 0; index < 7; index++) {
    api.server.store.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `page-${index}`, namespace: 'default', labels: { page: 'yes' } },
    });
  }
  const names = await api.succeed('get cm -l page=yes --chunk-size=3 -o name');
  assert.is(names.trim().split('\n').length, 7);
});

test.run();
