// ambit waypoint on the embedded API server; this test plays the controller.

import path from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { waypoint } from '../../src/cli/commands/waypoint.ts';
import { durationMs } from '../../src/cli/duration.ts';
import { isProgrammed, listRows, waypointGateway } from '../../src/cli/waypoint/gateways.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { readMeshManifests } from '../../src/standalone/mesh-parts.ts';
import { startHarness, until } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './run-command.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const crd = 'gateways.gateway.networking.k8s.io';

const test = suite('waypoint', {
  async setup({ stack }) {
    const api = await startHarness(stack);
    const definition = readMeshManifests(repository).find(
      ({ object }) => object.metadata.name === crd,
    );
    await api.succeed('apply -f -', JSON.stringify(definition?.object));
    await api.succeed(`wait --for=condition=established crd ${crd}`);
    const program = async (namespace: string, name: string, status: 'True' | 'False') => {
      const body = {
        status: {
          conditions: [
            {
              type: 'Programmed',
              status,
              reason: status === 'True' ? 'Programmed' : 'Pending',
              message: 'as the test says',
              lastTransitionTime: '2026-11-21T00:00:00Z',
              observedGeneration: 1,
            },
          ],
        },
      };
      const kind = 'gateway.networking.k8s.io/gateways';
      api.server.store.mergePatch(kind, namespace, name, body, 'status');
    };
    const space = async (name: string, labels = '') => {
      await api.succeed(`create namespace ${name}`);
      if (labels !== '') await api.succeed(`label namespace ${name} ${labels}`);
    };
    return { api, program, space };
  },
});

test('is generated without a cluster, with the labels that were asked for', async ({ signal }) => {
  const words = 'generate --for workload --name w -n shop --revision canary';
  const { stdout } = await runCommand(waypoint, '/nowhere', words, signal);
  assert.equal(parse(stdout), {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: {
      labels: { 'istio.io/rev': 'canary', 'istio.io/waypoint-for': 'workload' },
      name: 'w',
      namespace: 'shop',
    },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  });
  assert.throws(() => waypointGateway({ name: 'w', for: 'pods' }), /AMB1801 --for pods is none of/);
});

test('is applied, warns of a namespace outside the mesh, and is applied again unchanged', async ({
  api,
  space,
  signal,
}) => {
  await space('outside');
  const first = await runCommand(waypoint, api.kubeconfig, 'apply -n outside', signal);
  assert.equal([first.code, first.stdout], [0, '✅ waypoint outside/waypoint applied\n']);
  assert.match(first.stderr, 'kubectl label namespace outside istio.io/dataplane-mode=ambient');
  await runCommand(waypoint, api.kubeconfig, 'apply -n outside', signal);
  const json = await api.succeed('get gateway waypoint -n outside -o json');
  assert.is((JSON.parse(json) as { metadata: { generation: number } }).metadata.generation, 1);
});

test('with --wait it is ready before the namespace is labelled', async ({
  api,
  program,
  space,
  signal,
}) => {
  await space('shop', 'istio.io/dataplane-mode=ambient');
  const words = 'apply -n shop --enroll-namespace --wait --for all';
  const running = runCommand(waypoint, api.kubeconfig, words, signal);
  const isThere = async () => (await api.kubectl('get gateway waypoint -n shop')).code === 0;
  await until(isThere, signal);
  await program('shop', 'waypoint', 'False');
  const label = 'get namespace shop -o jsonpath={.metadata.labels.istio\\.io/use-waypoint}';
  assert.is(await api.succeed(label), '');
  await program('shop', 'waypoint', 'True');
  const { code, stdout, stderr } = await running;
  assert.equal([code, stderr.replace('waiting for waypoint shop/waypoint ...\n', '')], [0, '']);
  assert.is(
    stdout,
    '✅ waypoint shop/waypoint applied\n✅ waypoint shop/waypoint is ready!\n✅ namespace shop labeled with "istio.io/use-waypoint: waypoint"\n',
  );
  assert.is(await api.succeed(label), 'waypoint');
});

test('another waypoint of the namespace stays unless it is to be overwritten', async ({
  api,
  space,
  signal,
}) => {
  await space('used', 'istio.io/dataplane-mode=ambient istio.io/use-waypoint=old');
  const words = 'apply -n used --enroll-namespace --name new';
  const kept = await runCommand(waypoint, api.kubeconfig, words, signal);
  assert.is(kept.code, 1);
  assert.match(kept.stderr, 'namespace used keeps its waypoint old');
  assert.match(kept.stderr, 'AMB1858');
  const replaced = await runCommand(waypoint, api.kubeconfig, `${words} --overwrite`, signal);
  assert.is(replaced.code, 0);
  assert.match(replaced.stdout, 'labeled with "istio.io/use-waypoint: new"');
});

test('a waypoint that is not programmed in time is told with its reason', async ({
  api,
  program,
  space,
  signal,
}) => {
  await space('slow', 'istio.io/dataplane-mode=ambient');
  await runCommand(waypoint, api.kubeconfig, 'apply -n slow', signal);
  await program('slow', 'waypoint', 'False');
  const words = 'apply -n slow --wait --waypoint-timeout 1ms';
  const late = await runCommand(waypoint, api.kubeconfig, words, signal).catch(
    (error: unknown) => error,
  );
  assert.is(codeOf(late), 'AMB1859');
  assert.match(String(late), 'waypoint slow/waypoint (Pending: as the test says)');
  const shown = await runCommand(
    waypoint,
    api.kubeconfig,
    'status -n slow --waypoint-timeout 1ms',
    signal,
  );
  assert.is(shown.code, 1);
  assert.match(
    shown.stdout,
    /^NAME +STATUS +TYPE +REASON +MESSAGE\nwaypoint +False +Programmed +Pending +as the test says\n$/,
  );
});

test('lists waypoints and no other Gateways, and deletes only those', async ({
  api,
  space,
  signal,
}) => {
  await space('many');
  await runCommand(waypoint, api.kubeconfig, 'apply -n many --name a --revision blue', signal);
  await runCommand(waypoint, api.kubeconfig, 'apply -n many --name b --for none', signal);
  const other = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'edge', namespace: 'many' },
    spec: { gatewayClassName: 'istio', listeners: [{ name: 'h', port: 80, protocol: 'HTTP' }] },
  };
  await api.succeed('create -f -', JSON.stringify(other));
  const run = (words: string) => runCommand(waypoint, api.kubeconfig, words, signal);
  assert.is(
    (await run('list -n many')).stdout,
    'NAME   REVISION   TRAFFIC TYPE   PROGRAMMED\na      blue       service        Unknown\nb      default    none           Unknown\n',
  );
  assert.match((await run('list -A')).stdout, /^NAMESPACE +NAME[\s\S]*\nmany +a +blue/);
  const [first] = JSON.parse((await run('list -n many -o json')).stdout) as { metadata: object }[];
  assert.not.ok('managedFields' in (first?.metadata ?? {}));
  const byRevision = await run('delete -n many --all --revision blue');
  assert.equal([byRevision.code, byRevision.stdout], [0, 'waypoint many/a deleted\n']);
  const named = await run('delete -n many edge b');
  assert.is(named.code, 1, 'one of them is no waypoint');
  assert.is(named.stdout, 'waypoint many/edge not found\nwaypoint many/b deleted\n');
  assert.is((await run('list -n many')).stdout, 'No waypoints found in many.\n');
  assert.is((await api.kubectl('get gateway edge -n many')).code, 0);
});

test('what is missing is named: the namespace, the Gateway API, the verb', async ({
  api,
  stack,
  signal,
}) => {
  const codeFor = async (kubeconfig: string, words: string) =>
    await runCommand(waypoint, kubeconfig, words, signal).then(
      ({ code }) => code,
      (error: unknown) => codeOf(error),
    );
  assert.is(await codeFor(api.kubeconfig, 'apply -n nowhere'), 'AMB1860');
  assert.is(await codeFor(api.kubeconfig, 'make'), 'AMB1801');
  assert.is(await codeFor(api.kubeconfig, 'delete'), 'AMB1801');
  const bare = await startHarness(stack);
  assert.is(await codeFor(bare.kubeconfig, 'list'), 'AMB1857');
});

test('a condition of an older generation says nothing', () => {
  const condition = { type: 'Programmed', status: 'True', observedGeneration: 1 };
  const gateway = (generation: number) => ({
    metadata: { name: 'w', namespace: 'n', generation },
    status: { conditions: [condition] },
  });
  assert.ok(isProgrammed(gateway(1)) && !isProgrammed(gateway(2)));
  assert.is(listRows([gateway(1)], true)[0]?.[0], 'NAMESPACE');
});

test('durations are read as Go reads them', () => {
  assert.equal(
    ['90s', '1m30s', '2h', '500ms', '1.5s'].map((text) => durationMs('--t', text)),
    [90_000, 90_000, 7_200_000, 500, 1_500],
  );
  for (const text of ['', '90', 's', '0s', '-5s', '5 s', '25h', '1d']) {
    assert.throws(() => durationMs('--t', text), /AMB1801 --t/, text);
  }
});

test.run();
