// Bad input: each answered with a code that names object, field and remedy, and nothing else stopped.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as assert from 'uvu/assert';

import { systemClock } from '../../../src/runtime/clock.ts';
import { AmbitError } from '../../../src/runtime/errors.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import { startApiServer } from '../../../src/standalone/api/api-server.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, noPods, startHarness } from './api-harness.ts';
import { ask } from './https.ts';

const test = suite<{ api: Harness }>('bad input', {
  setup: async ({ stack }) => ({ api: await startHarness(stack) }),
});

const maps = '/api/v1/namespaces/default/configmaps';

function post(api: Harness, body: string, type: string, query = ''): ReturnType<typeof ask> {
  return ask(api.server, {
    method: 'POST',
    path: `${maps}${query}`,
    headers: { 'content-type': type },
    body,
  });
}

test('says where YAML or JSON is malformed', async ({ api }) => {
  const yaml = await post(
    api,
    'kind: ConfigMap\nmetadata: {name: x\ndata: {a: b}\n',
    'application/yaml',
  );
  assert.is(yaml.code, 400);
  assert.match(yaml.text, /AMB1201/);
  assert.match(yaml.text, /line \d+, column \d+/);
  const json = await post(api, '{"kind": "ConfigMap",}', 'application/json');
  assert.is(json.code, 400);
  assert.match(json.text, 'AMB1201');
  for (const body of ['[]', '"text"', '']) {
    const other = await post(api, body, 'application/json');
    assert.is(other.code, 400, body);
  }
});

test('takes YAML, and reports fields given twice', async ({ api }) => {
  const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: "1", a: "2"}\n';
  const strict = await post(api, body, 'application/yaml', '?fieldValidation=Strict');
  assert.is(strict.code, 400);
  assert.match(strict.text, 'duplicate field \\"data.a\\"');
  const json = '{"metadata":{"name":"twice"},"data":{"a":"1","b":{"c":1,"c":2}}}';
  const warned = await post(
    api,
    json.replace('"b"', '"a"').replace('{"c":1,"c":2}', '"2"'),
    'application/json',
  );
  assert.is(warned.code, 201);
  assert.match(String(warned.headers['warning']), '299 - "duplicate field \\"data.a\\""');
});

test('refuses what does not belong to the path', async ({ api }) => {
  const kind = await post(api, '{"kind":"Secret","metadata":{"name":"x"}}', 'application/json');
  assert.match(kind.text, 'kind must be ConfigMap');
  const version = await post(
    api,
    '{"apiVersion":"v2","metadata":{"name":"x"}}',
    'application/json',
  );
  assert.is(version.code, 400);
  const namespace = await post(
    api,
    '{"metadata":{"name":"x","namespace":"other"}}',
    'application/json',
  );
  assert.match(namespace.text, 'does not match the namespace sent on the request');
  const missing = await ask(api.server, {
    method: 'POST',
    path: '/api/v1/namespaces/nowhere/configmaps',
    body: '{"metadata":{"name":"x"}}',
  });
  assert.is(missing.code, 404);
  assert.match(missing.text, 'namespaces \\"nowhere\\" not found');
  const unnamed = await post(api, '{"metadata":{}}', 'application/json');
  assert.match(unnamed.text, 'name or generateName is required');
});

test('refuses names, labels and values that are not valid, naming each', async ({ api }) => {
  const wrong = {
    metadata: { name: 'Wrong_Name', labels: { 'bad key': 'x', ok: 'bad value!' } },
    data: { a: 1 },
  };
  const answer = await post(api, JSON.stringify(wrong), 'application/json');
  assert.is(answer.code, 422);
  const status = JSON.parse(answer.text) as { details: { causes: { field: string }[] } };
  assert.equal(
    status.details.causes.map(({ field }) => field),
    ['metadata.name', 'metadata.labels', 'metadata.labels', 'data.a'],
  );
});

test('refuses invalid built-in objects with the field at fault', async ({ api }) => {
  const cases: readonly [object, string][] = [
    [
      { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' }, spec: { containers: [] } },
      'spec.containers',
    ],
    [
      {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: { name: 'p' },
        spec: {
          containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        },
      },
      'spec.containers[0].volumeMounts[0].name',
    ],
    [
      {
        kind: 'Service',
        apiVersion: 'v1',
        metadata: { name: 's' },
        spec: { ports: [{ port: 1 }, { port: 2 }] },
      },
      'spec.ports[0].name',
    ],
    [
      {
        kind: 'Service',
        apiVersion: 'v1',
        metadata: { name: 's' },
        spec: { type: 'Magic', ports: [{ port: 1 }] },
      },
      'spec.type',
    ],
    [
      {
        kind: 'Deployment',
        apiVersion: 'apps/v1',
        metadata: { name: 'd' },
        spec: {
          selector: { matchLabels: { a: 'b' } },
          template: {
            metadata: { labels: { a: 'c' } },
            spec: { containers: [{ name: 'c', image: 'i' }] },
          },
        },
      },
      'spec.template.metadata.labels',
    ],
    [
      {
        kind: 'Service',
        apiVersion: 'v1',
        metadata: { name: 's' },
        spec: { clusterIP: '10.1.2.3', ports: [{ port: 1 }] },
      },
      'AMB1212',
    ],
  ];
  for (const [object, field] of cases) {
    const { code, stderr } = await api.kubectl(
      'create --validate=false -f -',
      JSON.stringify(object),
    );
    assert.is(code, 1, field);
    assert.ok(stderr.includes(field), `${field} in ${stderr}`);
  }
});

test('refuses other methods, patches, sizes and paths', async ({ api }) => {
  assert.is((await ask(api.server, { method: 'PUT', path: maps })).code, 405);
  assert.is((await ask(api.server, { path: '/apis/none/v1/things' })).code, 404);
  assert.is((await ask(api.server, { path: '/api/v1/namespaces/default/nodes' })).code, 404);
  const large = await post(api, `"${'x'.repeat(4 * 1024 * 1024)}"`, 'application/json').catch(
    (error: Error) => error,
  );
  assert.ok(large instanceof Error || large.code === 413);
  const patch = await ask(api.server, {
    method: 'PATCH',
    path: `${maps}/kube-root-ca.crt`,
    headers: { 'content-type': 'application/unknown' },
    body: '{}',
  });
  assert.is(patch.code, 415);
  for (const query of [
    'labelSelector=%3D%3D',
    'fieldSelector=x',
    'continue=nonsense',
    'dryRun=Some',
  ]) {
    const { code } = await ask(api.server, {
      method: query.startsWith('dry') ? 'POST' : 'GET',
      path: `${maps}?${query}`,
      body: '{}',
    });
    assert.is(code, 400, query);
  }
  const watch = await ask(api.server, { path: `${maps}?watch=1&resourceVersion=abc` });
  assert.is(watch.code, 400);
});

test('names the port that is in use, and a remedy', async ({ api, stack }) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()));
  stack.defer(() => void other.close());
  const { port } = other.address() as { port: number };
  const error = await startApiServer({
    databasePath: ':memory:',
    pkiFolder: path.join(api.folder, 'pki'),
    listeners: [{ host: '127.0.0.1', port }],
    clock: systemClock,
    log: silentLogger,
    podAccess: noPods,
  }).catch((caught: unknown) => caught);
  assert.instance(error, AmbitError);
  assert.is((error as AmbitError).code, 'AMB1206');
  assert.match((error as AmbitError).message, String(port));
});

test('names a state file or key that cannot be used', async ({ stack }) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ambit-api-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const start = (): Promise<unknown> =>
    startApiServer({
      databasePath: path.join(folder, 'state.db'),
      pkiFolder: path.join(folder, 'pki'),
      listeners: [{ host: '127.0.0.1', port: 0 }],
      clock: systemClock,
      log: silentLogger,
      podAccess: noPods,
    }).then(
      (server) => server.close(),
      (caught: unknown) => caught,
    );
  await writeFile(path.join(folder, 'state.db'), 'this is not a database'.repeat(100));
  const damaged = (await start()) as AmbitError;
  assert.is(damaged.code, 'AMB1205');
  assert.match(damaged.message, 'state.db');
  await rm(path.join(folder, 'state.db'));
  assert.is(await start(), undefined);
  await writeFile(path.join(folder, 'pki', 'tokens.key'), 'no key');
  const key = (await start()) as AmbitError;
  assert.is(key.code, 'AMB1213');
  assert.match(key.message, 'tokens.key');
});

test('goes on serving after all of that', async ({ api }) => {
  assert.match(await api.succeed('get ns default'), 'Active');
  await api.succeed('create configmap after');
});

test.run();
