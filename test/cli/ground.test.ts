// What commands on a cluster share: the choice of a cluster, writing objects, tables, colours, progress.

import * as assert from 'uvu/assert';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../../src/cli/cluster-options.ts';
import { documentOf, paint, withProgress } from '../../src/cli/output.ts';
import { tableOf } from '../../src/cli/table.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { noPods, startHarness } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';

const test = suite('the ground of commands');

const terminal = { stdout: true, stderr: true };
const choice = { istioNamespace: 'istio-system', name: 'no-such-mesh' };

test('objects are applied, patched and removed, and what is refused says why', async ({
  stack,
}) => {
  const api = await startHarness(stack, { podAccess: noPods });
  const cluster = openCluster({ ...choice, kubeconfig: api.kubeconfig }, {});
  assert.is(cluster.namespace, 'default');
  const path = '/api/v1/namespaces/default/configmaps/one';
  const object = (data: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'one', namespace: 'default' },
    data,
  });
  const read = async () => ((await cluster.find(path)) as { data?: object } | undefined)?.data;
  const how = { fieldManager: 'one' };
  await cluster.apply(path, object({ a: '1' }), { ...how, dryRun: true });
  assert.is(await read(), undefined);
  await cluster.apply(path, object({ a: '1' }), how);
  await cluster.patch(path, { data: { b: '2' } });
  assert.equal(await read(), { a: '1', b: '2' });
  const refused = await cluster
    .apply(path, object({ a: '3' }), { fieldManager: 'two' })
    .catch((error: unknown) => error);
  assert.is(codeOf(refused), 'AMB1832');
  assert.match(String(refused), /conflict/);
  await cluster.apply(path, object({ a: '3' }), { fieldManager: 'two', force: true });
  assert.equal(await read(), { a: '3', b: '2' });
  assert.is(await cluster.remove(path), true);
  assert.is(await cluster.remove(path), false);
});

test('a context that is not there is named with those that are', async ({ stack }) => {
  const api = await startHarness(stack, { podAccess: noPods });
  try {
    openCluster({ ...choice, kubeconfig: api.kubeconfig, context: 'elsewhere' }, {});
    assert.unreachable();
  } catch (error) {
    assert.is(codeOf(error), 'AMB1803');
    assert.match(String(error), /--context elsewhere is not one of \w+/);
  }
});

test('flags and forms have the names that kubectl gives them', () => {
  for (const flag of Object.keys(clusterOptions)) assert.match(clusterUsage, `--${flag}`);
  assert.is(outputOptions.output.short, 'o');
  assert.is(outputForm(undefined, ['table', 'json']), 'table');
  assert.is(outputForm('json', ['table', 'json']), 'json');
  assert.throws(() => outputForm('xml', ['table', 'json']), /-o xml is not one of table, json/);
});

test('columns are as wide as their widest cell', () => {
  assert.equal(
    tableOf([
      ['NAME', 'AGE'],
      ['a-long-name', '1s'],
      ['b', ''],
    ]),
    ['NAME          AGE', 'a-long-name   1s', 'b'],
  );
});

test('documents are JSON or YAML', () => {
  assert.is(documentOf({ a: [1] }, 'json'), '{\n  "a": [\n    1\n  ]\n}\n');
  assert.is(documentOf({ a: [1] }, 'yaml'), 'a:\n  - 1\n');
});

test('colours are for terminals that want them', () => {
  assert.is(paint('x', 'red', { env: {}, terminal }), '\u{1b}[31mx\u{1b}[0m');
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    assert.is(paint('x', 'red', { env, terminal }), 'x');
  }
  assert.is(paint('x', 'red', { env: {}, terminal: { ...terminal, stdout: false } }), 'x');
});

test('what takes longer than a second is told, once, and not on stdout', async ({ signal }) => {
  const told: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const context = {
    stdout: () => assert.unreachable(),
    stderr: (text: string) => {
      told.push(text);
      resolve();
    },
    env: {},
    cwd: '/',
    signal,
    terminal: { stdout: false, stderr: false },
  };
  assert.is(await withProgress('a quick step', context, async () => 1), 1);
  await withProgress('a long step', context, () => promise);
  assert.equal(told, ['a long step ...\n']);
});

test.run();
