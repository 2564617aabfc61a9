// Acceptance of traffic management, by the tasks of Istio's documentation: what a route does to requests
// and answers, mirrors, delegates, and several VirtualServices for one host.

import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { withinChance } from '../cases/chance.ts';
import { suite } from '../support/suite.ts';
import { type Answer, type EchoScene, makeEchoScene, type Seen } from './echo-scene.ts';
import { apply as applyObject } from './enrolled-pods.ts';

const test = suite<{ scene: EchoScene }>('acceptance of actions', {
  deadlineMs: 90_000,
  setup: async ({ stack }) => ({ scene: await makeEchoScene(stack, 'actions') }),
});

const to = (subset: string): object => ({ destination: { host: 'echo', subset } });
const backendRefs = [{ name: 'echo-v1', port: 8080 }];
const prefix = (path: string): object[] => [{ uri: { prefix: path } }];
const pathPrefix = (value: string): object[] => [{ path: { type: 'PathPrefix', value } }];
const seenBy = (answer: Answer): Seen => JSON.parse(answer.body) as Seen;

interface Form {
  readonly form: string;
  readonly apply: (scene: EchoScene) => Promise<void>;
}

/** The same routes in both languages. */
const forms = (http: readonly object[], rules: readonly object[]): readonly Form[] => [
  { form: 'VirtualService', apply: (scene) => scene.virtualService(http) },
  { form: 'HTTPRoute', apply: (scene) => scene.httpRoute(rules) },
];

/** Waits for as many copies; they come after the answer. */
async function mirrored(scene: EchoScene, least: number): Promise<void> {
  await until(`${least} copies`, async () => scene.v2.seen.length >= least || undefined);
}

const mirror = { host: 'echo', subset: 'v2' };
const mirrorRef = { name: 'echo-v2', port: 8080 };
for (const { form, apply } of forms(
  [{ route: [to('v1')], mirror }],
  [
    {
      filters: [{ type: 'RequestMirror', requestMirror: { backendRef: mirrorRef } }],
      backendRefs,
    },
  ],
)) {
  test(`A-16 by ${form}: a mirror gets every request, its failures harm nobody`, async ({
    scene,
  }) => {
    await apply(scene);
    assert.equal([...(await scene.count(80, '/first'))], [['v1', 80]]);
    await mirrored(scene, 80);
    scene.v2.status = 503;
    try {
      for (let index = 0; index < 8; index++) {
        const answer = await scene.ask('/second');
        assert.is(answer.status, 200);
        assert.is(seenBy(answer).pod, 'echo-v1');
      }
      await mirrored(scene, 88);
    } finally {
      scene.v2.status = undefined;
    }
    assert.is(scene.v1.seen.length, 88);
    assert.is(scene.v2.seen.length, 88);
    for (const { headers } of scene.v2.seen) assert.is(headers['host'], 'echo:8080');
  });
}

for (const { form, apply } of forms(
  [{ route: [to('v1')], mirror, mirrorPercentage: { value: 50 } }],
  [
    {
      filters: [{ type: 'RequestMirror', requestMirror: { backendRef: mirrorRef, percent: 50 } }],
      backendRefs,
    },
  ],
)) {
  test(`A-17 by ${form}: a mirror gets half of the requests`, async ({ scene }) => {
    await apply(scene);
    assert.equal([...(await scene.count(400))], [['v1', 400]]);
    await until('no copy to be on its way', quiet(scene));
    withinChance(scene.v2.seen.length, 400, 0.5);
  });
}

/** Whether no copy came since the last look, a quarter of a second ago. */
function quiet(scene: EchoScene): () => Promise<true | undefined> {
  let last = -1;
  let since = performance.now();
  return async () => {
    if (scene.v2.seen.length !== last) {
      last = scene.v2.seen.length;
      since = performance.now();
    }
    return performance.now() - since > 250 || undefined;
  };
}

for (const { form, apply } of forms(
  [
    { match: prefix('/old/'), rewrite: { uri: '/new/' }, route: [to('v1')] },
    {
      match: prefix('/gone'),
      redirect: { uri: '/here', authority: 'other.example', redirectCode: 302 },
    },
    { route: [to('v1')] },
  ],
  [
    {
      matches: pathPrefix('/old/'),
      filters: [
        {
          type: 'URLRewrite',
          urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new/' } },
        },
      ],
      backendRefs,
    },
    {
      matches: pathPrefix('/gone'),
      filters: [
        {
          type: 'RequestRedirect',
          requestRedirect: {
            hostname: 'other.example',
            path: { type: 'ReplaceFullPath', replaceFullPath: '/here' },
            port: 80,
            statusCode: 302,
          },
        },
      ],
    },
    { backendRefs },
  ],
)) {
  test(`A-23 by ${form}: paths are rewritten, redirects say where to`, async ({ scene }) => {
    await apply(scene);
    assert.is(seenBy(await scene.ask('/old/a/b?c=d')).path, '/new/a/b?c=d');
    assert.is(seenBy(await scene.ask('/other')).path, '/other');
    const { status, headers } = await scene.ask('/gone/a');
    assert.is(status, 302);
    assert.is(headers.location, 'http://other.example/here');
  });
}

test('A-23: a permanent redirect, and an answer of the route’s own', async ({ scene }) => {
  await scene.virtualService([
    { match: prefix('/gone'), redirect: { uri: '/here' } },
    { match: prefix('/own'), directResponse: { status: 418, body: { string: 'short and stout' } } },
    { route: [to('v1')] },
  ]);
  const moved = await scene.ask('/gone');
  assert.is(moved.status, 301);
  assert.is(moved.headers.location, 'http://echo:8080/here');
  const own = await scene.ask('/own');
  assert.is(own.status, 418);
  assert.is(own.body, 'short and stout');
  assert.is(scene.v1.seen.length, 0);
});

const preflight = (origin: string): { method: string; headers: Record<string, string> } => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'PUT' },
});

test('A-24: preflights are answered for allowed origins, others go by unmatchedPreflights', async ({
  scene,
}) => {
  const corsPolicy = {
    allowOrigins: [{ exact: 'http://a.example' }, { regex: 'https://[a-z]+[.]b[.]example' }],
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['x-custom'],
    maxAge: '24h',
  };
  await scene.virtualService([
    {
      match: prefix('/ignore'),
      corsPolicy: { ...corsPolicy, unmatchedPreflights: 'IGNORE' },
      route: [to('v1')],
    },
    { corsPolicy, route: [to('v1')] },
  ]);
  for (const origin of ['http://a.example', 'https://www.b.example']) {
    const { status, headers } = await scene.ask('/', preflight(origin));
    assert.is(status, 200);
    assert.is(headers['access-control-allow-origin'], origin);
    assert.is(headers['access-control-allow-methods'], 'GET,PUT');
    assert.is(headers['access-control-max-age'], '86400');
    const simple = await scene.ask('/', { headers: { origin } });
    assert.is(simple.headers['access-control-allow-origin'], origin);
  }
  assert.is(
    scene.v1.seen.filter(({ headers }) => 'access-control-request-method' in headers).length,
    0,
  );
  const strange = 'http://a.example.evil';
  await scene.ask('/', preflight(strange));
  assert.is(scene.v1.seen.at(-1)?.headers['origin'], strange, 'FORWARD is the default');
  const count = scene.v1.seen.length;
  const ignored = await scene.ask('/ignore', preflight(strange));
  assert.is(ignored.headers['access-control-allow-origin'], undefined);
  assert.is(scene.v1.seen.length, count, 'IGNORE sends nothing on');
});

test('A-24 by HTTPRoute: preflights are answered for allowed origins, and no others go on', async ({
  scene,
}) => {
  const cors = {
    allowOrigins: ['http://a.example', 'https://*.b.example'],
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['x-custom'],
    maxAge: 86_400,
  };
  await scene.httpRoute([{ filters: [{ type: 'CORS', cors }], backendRefs }]);
  for (const origin of ['http://a.example', 'https://www.b.example']) {
    const { status, headers } = await scene.ask('/', preflight(origin));
    assert.is(status, 200);
    assert.is(headers['access-control-allow-origin'], origin);
    assert.is(headers['access-control-max-age'], '86400');
    const simple = await scene.ask('/', { headers: { origin } });
    assert.is(simple.headers['access-control-allow-origin'], origin);
  }
  const strange = await scene.ask('/', preflight('http://a.example.evil'));
  assert.is(strange.headers['access-control-allow-origin'], undefined);
  const asked = scene.v1.seen.filter(({ headers }) => 'access-control-request-method' in headers);
  assert.is(asked.length, 0);
});

const change = (at: string): object => ({
  set: [{ name: 'x-set', value: at }],
  add: [{ name: 'x-add', value: at }],
  remove: ['x-drop'],
});
const operations = (at: string): object => ({
  set: { 'x-set': at },
  add: { 'x-add': at },
  remove: ['x-drop'],
});
for (const { form, apply } of forms(
  [{ route: [to('v1')], headers: { request: operations('route'), response: operations('route') } }],
  [
    {
      filters: [
        { type: 'RequestHeaderModifier', requestHeaderModifier: change('route') },
        { type: 'ResponseHeaderModifier', responseHeaderModifier: change('route') },
      ],
      backendRefs,
    },
  ],
)) {
  test(`A-25 by ${form}: headers are set, added and removed both ways`, async ({ scene }) => {
    await apply(scene);
    const headers = {
      'x-set': 'client',
      'x-add': 'client',
      'x-drop': 'client',
      'x-keep': 'client',
    };
    const answer = await scene.ask('/headers', { headers });
    const seen = seenBy(answer).headers;
    assert.is(seen['x-set'], 'route');
    assert.equal(seen['x-add']?.split(/, ?/), ['client', 'route']);
    assert.is(seen['x-drop'], undefined);
    assert.is(seen['x-keep'], 'client');
    assert.is(answer.headers['x-set'], 'route');
    assert.is(answer.headers['x-add'], 'route');
  });
}

test('A-25: headers of a destination are for its requests alone', async ({ scene }) => {
  const own = (subset: string): object => ({
    ...to(subset),
    weight: 50,
    headers: { request: { set: { 'x-for': subset } }, response: { set: { 'x-from': subset } } },
  });
  await scene.virtualService([{ route: [own('v1'), own('v2')] }]);
  const seen = new Set<string>();
  for (let index = 0; index < 100 && seen.size < 2; index++) {
    const answer = await scene.ask('/');
    const { pod, headers } = seenBy(answer);
    seen.add(pod);
    assert.is(`echo-${headers['x-for']}`, pod);
    assert.is(`echo-${answer.headers['x-from']?.toString()}`, pod);
  }
  assert.is(seen.size, 2);
});

const virtualService = (name: string, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name },
  spec,
});

test('A-26: delegates route their branches; a missing one costs its branch alone', async ({
  scene,
}) => {
  const branch = (name: string, subset: string): object =>
    virtualService(name, { http: [{ match: prefix(`/${name}/in`), route: [to(subset)] }] });
  await applyObject(scene.mesh, branch('one', 'v1'));
  await applyObject(scene.mesh, branch('two', 'v2'));
  await scene.virtualService([
    { match: prefix('/one'), delegate: { name: 'one' } },
    { match: prefix('/two'), delegate: { name: 'two' } },
    { match: prefix('/rest'), route: [to('v1')] },
  ]);
  assert.is(await scene.version('/one/in'), 'v1');
  assert.is(await scene.version('/two/in'), 'v2');
  assert.is((await scene.ask('/two/out')).status, 404);
  await scene.mesh.kubectl('delete', 'virtualservice', 'two');
  await until(
    'the branch to be gone',
    async () => (await scene.ask('/two/in')).status === 404 || undefined,
  );
  assert.is(await scene.version('/one/in'), 'v1');
  assert.is(await scene.version('/rest'), 'v1');
  await scene.mesh.kubectl('delete', 'virtualservice', 'one');
});

test('A-27: VirtualServices of one host follow each other by age', async ({ scene }) => {
  // The one of the scene is the older one; its name comes later in the alphabet.
  await scene.virtualService([{ match: prefix('/both'), route: [to('v1')] }]);
  const younger = [
    { match: prefix('/both'), route: [to('v2')] },
    { match: prefix('/younger'), route: [to('v2')] },
  ];
  await applyObject(scene.mesh, virtualService('a-younger', { hosts: ['echo'], http: younger }));
  await until(
    'the younger one',
    async () => (await scene.version('/younger')) === 'v2' || undefined,
  );
  assert.equal([...(await scene.count(40, '/both'))], [['v1', 40]]);
  await scene.mesh.kubectl('delete', 'virtualservice', 'a-younger');
});

test.run();
