// Acceptance of traffic management, by the tasks of Istio's documentation: routing, shifting, faults,
// timeouts and retries. Where a task only needs something to be slow, it is slow by less.

import * as assert from 'uvu/assert';
import { withinChance } from '../cases/chance.ts';
import { suite } from '../support/suite.ts';
import { type EchoScene, makeEchoScene } from './echo-scene.ts';

const test = suite<{ scene: EchoScene }>('acceptance of routing', {
  deadlineMs: 90_000,
  setup: async ({ stack }) => ({ scene: await makeEchoScene(stack, 'routing') }),
});

const to = (subset: string, weight?: number, host = 'echo'): object => ({
  destination: { host, subset },
  ...(weight !== undefined && { weight }),
});
const backend = (name: string, weight?: number): object => ({
  name,
  port: 8080,
  ...(weight !== undefined && { weight }),
});
const jason = [{ headers: { 'end-user': { exact: 'jason' } } }];
const all = { value: 100 };

interface Form {
  readonly form: string;
  readonly apply: (scene: EchoScene) => Promise<void>;
}

/** The same routes in both languages. */
const forms = (http: readonly object[], rules: readonly object[]): readonly Form[] => [
  { form: 'VirtualService', apply: (scene) => scene.virtualService(http) },
  { form: 'HTTPRoute', apply: (scene) => scene.httpRoute(rules) },
];

test('A-01: without routes all versions of reviews take turns', async ({ scene }) => {
  const seen = new Set<string>();
  for (let index = 0; index < 200 && seen.size < 3; index++) seen.add((await scene.page()).stars);
  assert.equal([...seen].toSorted(), ['black', 'none', 'red']);
});

test('A-02: all requests to version 1', async ({ scene }) => {
  await scene.virtualService([{ route: [to('v1', undefined, 'reviews')] }], 'reviews');
  const pages = await Promise.all(Array.from({ length: 100 }, () => scene.page()));
  for (const { stars, body } of pages) {
    assert.is(stars, 'none');
    assert.match(body, 'class="version v1"');
  }
});

for (const { form, apply } of forms(
  [{ route: [to('v1')] }],
  [{ backendRefs: [backend('echo-v1')] }],
)) {
  test(`A-02 by ${form}: no request goes elsewhere`, async ({ scene }) => {
    await apply(scene);
    assert.equal([...(await scene.count(200))], [['v1', 200]]);
    assert.is(scene.v2.seen.length, 0);
  });
}

test('A-03: Jason has black stars, others have none', async ({ scene }) => {
  await scene.virtualService(
    [
      { match: jason, route: [to('v2', undefined, 'reviews')] },
      { route: [to('v1', undefined, 'reviews')] },
    ],
    'reviews',
  );
  for (let index = 0; index < 10; index++) {
    assert.is((await scene.page('jason')).stars, 'black');
    assert.is((await scene.page('anna')).stars, 'none');
    assert.is((await scene.page()).stars, 'none');
  }
});

for (const { form, apply } of forms(
  [{ match: jason, route: [to('v2')] }, { route: [to('v1')] }],
  [
    {
      matches: [{ headers: [{ name: 'end-user', value: 'jason' }] }],
      backendRefs: [backend('echo-v2')],
    },
    { backendRefs: [backend('echo-v1')] },
  ],
)) {
  test(`A-03 by ${form}: the header alone decides`, async ({ scene }) => {
    await apply(scene);
    const asJason = { headers: { 'end-user': 'jason' } };
    assert.equal([...(await scene.count(80, '/', asJason))], [['v2', 80]]);
    assert.equal([...(await scene.count(80))], [['v1', 80]]);
  });
}

test('A-04: a delay of ratings longer than the page waits costs Jason the reviews', async ({
  scene,
}) => {
  const ratings = { route: [{ destination: { host: 'ratings' } }] };
  const fault = { delay: { fixedDelay: '4s', percentage: all } };
  await scene.virtualService([{ match: jason, fault, ...ratings }, ratings], 'ratings');
  const [slow, other] = await Promise.all([scene.page('jason'), scene.page()]);
  assert.is(slow.status, 200);
  assert.match(slow.body, 'Product reviews are not available');
  assert.is(other.stars, 'none');
  assert.match(other.body, 'Reviews answered by');
});

test('A-05: a delay shorter than the page waits only delays', async ({ scene }) => {
  await scene.virtualService([{ route: [to('v3', undefined, 'reviews')] }], 'reviews');
  const fault = { delay: { fixedDelay: '0.7s', percentage: all } };
  const ratings = { route: [{ destination: { host: 'ratings' } }] };
  await scene.virtualService([{ fault, ...ratings }], 'ratings');
  const { stars, ms } = await scene.page();
  assert.is(stars, 'red');
  assert.ok(ms >= 700, `${ms} ms`);
});

test('A-10: a timeout below the delay of what is behind costs the reviews, none waits', async ({
  scene,
}) => {
  // The delay of A-05 is in force.
  const route = [to('v3', undefined, 'reviews')];
  await scene.virtualService([{ route, timeout: '0.2s' }], 'reviews');
  const cut = await scene.page();
  assert.match(cut.body, 'Product reviews are not available (504)');
  await scene.virtualService([{ route }], 'reviews');
  const waited = await scene.page();
  assert.is(waited.stars, 'red');
  assert.ok(waited.ms >= 700, `${waited.ms} ms`);
});

test('A-10 by HTTPRoute: a timeout below the delay of an answer cuts it, none waits', async ({
  scene,
}) => {
  const rule = { backendRefs: [backend('echo-v1')] };
  await scene.httpRoute([{ ...rule, timeouts: { request: '100ms' } }]);
  assert.is((await scene.ask('/delay/1000')).status, 504);
  await scene.httpRoute([rule]);
  assert.is((await scene.ask('/delay/300')).status, 200);
});

test('A-06: a fault of ratings costs Jason the stars', async ({ scene }) => {
  const ratings = { route: [{ destination: { host: 'ratings' } }] };
  const fault = { abort: { httpStatus: 500, percentage: all } };
  await scene.virtualService([{ match: jason, fault, ...ratings }, ratings], 'ratings');
  const page = await scene.page('jason');
  assert.is(page.stars, 'none');
  assert.match(page.body, 'Ratings service is currently unavailable');
  assert.is((await scene.page()).stars, 'red');
});

for (const { form, apply } of forms(
  [{ route: [to('v1', 50), to('v2', 50)] }],
  [{ backendRefs: [backend('echo-v1', 50), backend('echo-v2', 50)] }],
)) {
  test(`A-07 by ${form}: half of the requests, then all`, async ({ scene }) => {
    await apply(scene);
    const counts = await scene.count(1_000);
    withinChance(counts.get('v2') ?? 0, 1_000, 0.5);
    assert.is((counts.get('v1') ?? 0) + (counts.get('v2') ?? 0), 1_000);
    if (form === 'VirtualService')
      await scene.virtualService([{ route: [to('v1', 0), to('v2', 100)] }]);
    else await scene.httpRoute([{ backendRefs: [backend('echo-v1', 0), backend('echo-v2', 100)] }]);
    assert.equal([...(await scene.count(200))], [['v2', 200]]);
  });
}

test('A-08: weights change under load without a failed request', async ({ scene }) => {
  await scene.virtualService([{ route: [to('v1', 90), to('v2', 10)] }]);
  let running = true;
  const statuses = new Map<number, number>();
  const load = Array.from({ length: 2 }, async () => {
    while (running) {
      const { status } = await scene.ask('/load');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  try {
    const before = await scene.count(800);
    withinChance(before.get('v2') ?? 0, 800, 0.1);
    await scene.virtualService([{ route: [to('v1', 50), to('v2', 50)] }]);
    const after = await scene.count(800);
    withinChance(after.get('v2') ?? 0, 800, 0.5);
  } finally {
    running = false;
    await Promise.all(load);
  }
  assert.equal([...statuses.keys()], [200]);
});

test('A-08: twenty changes under load give no wrong answer', async ({ scene }) => {
  let wanted = ['v1'];
  await scene.virtualService([{ route: [to('v1')] }]);
  let running = true;
  let right = 0;
  const wrong: string[] = [];
  const load = Array.from({ length: 2 }, async () => {
    while (running) {
      const allowed = wanted;
      const version = (await scene.version('/load')) ?? 'none';
      // While a change is on its way both are right, afterwards only the new one is.
      if (allowed.includes(version) || wanted.includes(version)) right++;
      else wrong.push(`${version} instead of ${allowed.join(' or ')}`);
    }
  });
  try {
    for (let change = 0; change < 20; change++) {
      const next = change % 2 === 0 ? 'v2' : 'v1';
      wanted = ['v1', 'v2'];
      await scene.virtualService([{ route: [to(next)] }]);
      wanted = [next];
      await scene.ask('/load');
    }
  } finally {
    running = false;
    await Promise.all(load);
  }
  assert.equal(wrong, []);
  assert.ok(right >= 40, `${right} requests`);
});

test('A-11: a client may ask for a shorter timeout by header', async ({ scene }) => {
  await scene.virtualService([{ route: [to('v1')] }]);
  const headers = { 'x-envoy-upstream-rq-timeout-ms': '100' };
  assert.is((await scene.ask('/delay/1000', { headers })).status, 504);
  assert.is((await scene.ask('/delay/300')).status, 200);
});

for (const { form, apply } of forms(
  [{ route: [to('v1')], retries: { attempts: 3, retryOn: '5xx' } }],
  [{ backendRefs: [backend('echo-v1')], retry: { attempts: 3, codes: [503] } }],
)) {
  test(`A-12 by ${form}: three retries make four attempts`, async ({ scene }) => {
    await apply(scene);
    assert.is((await scene.ask('/status/503')).status, 503);
    assert.is(scene.v1.seen.length, 4);
    assert.is(scene.v2.seen.length, 0);
  });
}

test('A-13: a refused connection is tried elsewhere by default', async ({ scene }) => {
  await scene.virtualService([{ route: [{ destination: { host: 'echo' } }] }]);
  await scene.v1.stop();
  try {
    assert.equal([...(await scene.count(80))], [['v2', 80]]);
  } finally {
    await scene.v1.start();
  }
});

test.run();
