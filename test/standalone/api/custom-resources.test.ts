// Kinds of CustomResourceDefinitions: pruning, defaults, validation, columns, status and scale.

import * as assert from 'uvu/assert';

import { suite } from '../../support/suite.ts';
import { type Harness, startHarness } from './api-harness.ts';
import { ask } from './https.ts';

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: routes.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {plural: routes, kind: Route, shortNames: [rt], categories: [meshes]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Host, type: string, jsonPath: .spec.host}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Weight, type: integer, jsonPath: .spec.weight, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema: &schema
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [host]
            properties:
              host: {type: string, pattern: '^[a-z.]+$', maxLength: 20}
              weight: {type: integer, minimum: 0, maximum: 100, default: 50}
              mode: {type: string, enum: [PERMISSIVE, STRICT]}
              replicas: {type: integer}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              port: {x-kubernetes-int-or-string: true}
              match:
                type: object
                oneOf: [{required: [exact]}, {required: [prefix]}]
                properties: {exact: {type: string}, prefix: {type: string}}
              rules:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, weight: {type: integer, default: 1}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: *schema
`;

const test = suite<{ api: Harness }>('custom resources', {
  setup: async ({ stack }) => {
    const api = await startHarness(stack);
    await api.succeed('apply -f -', definition);
    await api.succeed('wait crd/routes.test.example --for=condition=Established --timeout=5s');
    return { api };
  },
});

function route(name: string, spec: object, version = 'v1'): string {
  return JSON.stringify({
    apiVersion: `test.example/${version}`,
    kind: 'Route',
    metadata: { name },
    spec,
  });
}

test('defaults and keeps what the schema knows', async ({ api }) => {
  const spec = { host: 'a.b', free: { any: { thing: [1] } }, port: 'http', rules: [{ name: 'x' }] };
  await api.succeed('apply -f -', route('kept', spec));
  const seen = JSON.parse(await api.succeed('get rt kept -o jsonpath={.spec}')) as object;
  assert.equal(seen, { ...spec, weight: 50, rules: [{ name: 'x', weight: 1 }] });
});

test('prunes unknown fields with a warning and refuses them when strict', async ({ api }) => {
  const odd = route('odd', { host: 'a.b', hots: 'typo', rules: [{ name: 'x', wieght: 2 }] });
  const strict = await api.kubectl('apply -f -', odd);
  assert.is(strict.code, 1);
  assert.match(strict.stderr, 'unknown field "', 'by kubectl itself or by the server');
  const create = (validation: string): ReturnType<typeof ask> =>
    ask(api.server, {
      method: 'POST',
      path: `/apis/test.example/v1/namespaces/default/routes?fieldValidation=${validation}`,
      body: odd,
    });
  const refused = await create('Strict');
  assert.is(refused.code, 400);
  assert.match(
    refused.text,
    'unknown field \\"spec.hots\\", unknown field \\"spec.rules[0].wieght\\" [AMB1202]',
  );
  const warned = await create('Warn');
  assert.is(warned.code, 201);
  assert.match(String(warned.headers['warning']), '299 - "unknown field \\"spec.hots\\""');
  assert.is(await api.succeed('get rt odd -o jsonpath={.spec.hots}'), '');
});

test('refuses values that the schema does not allow, naming each field', async ({ api }) => {
  const cases: readonly [object, string][] = [
    [{}, 'spec.host: Required value'],
    [{ host: 'UPPER' }, "spec.host in body should match '^[a-z.]+$'"],
    [{ host: 'a', weight: 101 }, 'spec.weight in body should be less than or equal to 100'],
    [{ host: 'a', weight: 'x' }, 'spec.weight in body must be of type integer: "string"'],
    [
      { host: 'a', mode: 'OFF' },
      'spec.mode: Unsupported value: "OFF": supported values: "PERMISSIVE", "STRICT"',
    ],
    [
      { host: 'a', match: { exact: 'x', prefix: 'y' } },
      'must validate one and only one schema (oneOf)',
    ],
    [
      { host: 'a', rules: [{ name: 'x' }, { name: 'x' }] },
      'spec.rules[1]: Duplicate value: {"name":"x"}',
    ],
    [{ host: 'abcdefghijklmnopqrstuvwxyz' }, 'spec.host: Too long: may not be more than 20 bytes'],
  ];
  for (const [spec, message] of cases) {
    const { code, stderr } = await api.kubectl('apply --validate=false -f -', route('bad', spec));
    assert.is(code, 1, message);
    assert.ok(stderr.includes(message), `${message} in ${stderr}`);
    assert.ok(stderr.includes('AMB1203'), stderr);
  }
});

test('prints the columns of the definition', async ({ api }) => {
  await api.succeed('apply -f -', route('printed', { host: 'p.q', weight: 7 }));
  const status = {
    conditions: [
      { type: 'Other', status: 'x' },
      { type: 'Ready', status: 'True' },
    ],
  };
  api.server.store.mergePatch('test.example/routes', 'default', 'printed', { status }, 'status');
  assert.match(
    await api.succeed('get rt printed'),
    /NAME +HOST +READY +AGE\nprinted +p\.q +True +\d+s/,
  );
  assert.match(await api.succeed('get rt printed -o wide'), /WEIGHT.*\n.* 7 /);
  assert.match(await api.succeed('get meshes -o name'), 'route.test.example/printed');
});

test('keeps status apart and counts generations of the rest', async ({ api }) => {
  const { store } = api.server;
  const object = JSON.parse(route('apart', { host: 'a' })) as never;
  store.apply(object, 'test');
  const withStatus = store.mergePatch('test.example/routes', 'default', 'apart', {
    status: { x: 1 },
  });
  assert.is(withStatus.status, undefined, 'a plain write does not touch status');
  const written = store.mergePatch(
    'test.example/routes',
    'default',
    'apart',
    { spec: { host: 'no' }, status: { x: 1 } },
    'status',
  );
  assert.equal([written.status, written.metadata.generation], [{ x: 1 }, 1]);
  assert.is((written.spec as { host: string }).host, 'a');
  const changed = store.mergePatch('test.example/routes', 'default', 'apart', {
    spec: { host: 'b' },
  });
  assert.equal([changed.status, changed.metadata.generation], [{ x: 1 }, 2]);
});

test('serves several versions of one object, and warns of deprecated ones', async ({ api }) => {
  await api.succeed('apply -f -', route('versions', { host: 'a' }));
  const { stdout, stderr } = await api.kubectl(
    'get routes.v1beta1.test.example versions -o jsonpath={.apiVersion}',
  );
  assert.is(stdout, 'test.example/v1beta1');
  assert.match(stderr, 'Warning: test.example/v1beta1 Route is deprecated');
});

test('scales, patches and applies on the server', async ({ api }) => {
  await api.succeed('apply -f -', route('scaled', { host: 'a', replicas: 1 }));
  await api.succeed('scale rt scaled --replicas=5');
  assert.is(await api.succeed('get rt scaled -o jsonpath={.spec.replicas}'), '5');
  await api.succeed(['patch', 'rt', 'scaled', '--type=merge', '-p', '{"spec":{"weight":9}}']);
  const applied = route('applied', { host: 'a', rules: [{ name: 'one' }] });
  await api.succeed('apply --server-side -f -', applied);
  await api.succeed(
    'apply --server-side --field-manager=two -f -',
    route('applied', { host: 'a', rules: [{ name: 'two' }] }),
  );
  assert.is(await api.succeed('get rt applied -o jsonpath={.spec.rules[*].name}'), 'one two');
});

test('explains the kind and forgets it when the definition goes', async ({ api }) => {
  assert.match(await api.succeed('explain routes.spec.host'), 'host <string>');
  await api.succeed(
    'apply -f -',
    definition
      .replaceAll('routes', 'tracks')
      .replaceAll('Route', 'Track')
      .replaceAll('[rt]', '[tk]'),
  );
  await api.succeed('apply -f -', route('one', { host: 'a' }).replace('Route', 'Track'));
  await api.succeed('delete crd tracks.test.example');
  assert.not.match(await api.succeed('api-resources --api-group=test.example'), 'tracks');
});

test('refuses a definition that is wrong', async ({ api }) => {
  const wrong = definition.replace('name: routes.test.example', 'name: other.test.example');
  const { stderr } = await api.kubectl('create -f -', wrong);
  assert.match(stderr, 'must be spec.names.plural+"."+spec.group');
});

test('groups and versions are listed by their order in Kubernetes, whenever they were defined', async ({
  stack,
}) => {
  const { server } = await startHarness(stack);
  const define = (group: string, ...versions: string[]): void => {
    server.store.create({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `gateways.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'gateways', kind: 'Gateway' },
        versions: versions.map((name, index) => ({
          name,
          served: true,
          storage: index === 0,
          schema: { openAPIV3Schema: { type: 'object' } },
        })),
      },
    });
  };
  define('z.example', 'v1alpha1', 'v1', 'v1beta1');
  define('a.example', 'v1');
  const { text } = await ask(server, { path: '/apis' });
  const { groups } = JSON.parse(text) as {
    groups: { name: string; versions: { version: string }[] }[];
  };
  const shown = groups
    .filter(({ name }) => name.endsWith('.example'))
    .map(({ name, versions }) => `${name}: ${versions.map(({ version }) => version).join(' ')}`);
  assert.equal(shown, ['a.example: v1', 'z.example: v1 v1beta1 v1alpha1']);
});

test.run();
