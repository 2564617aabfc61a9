// How requests are shared among endpoints, by what the rule of the destination says.

import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import type { LoadBalancer } from '../../src/mesh/destination.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { withinChance } from '../cases/chance.ts';
import { suite } from '../support/suite.ts';
import { detection, key, type Pod, placed, scene, service } from './balancing-scene.ts';
import { ask, serviceOf, startApp, startWaypoint, workloadAt } from './fixture.ts';

const test = suite('balancing at a waypoint');

const heavy = { changes: { capacity: 3 } };

test('turns, draws and the less busy of two go by weight', async ({ stack }) => {
  const { send, rule } = await scene(stack, [{ name: 'a', ...heavy }, { name: 'b' }]);
  rule({ loadBalancer: { simple: 'ROUND_ROBIN' } });
  assert.is((await send(80)).get('a'), 60);
  for (const simple of ['RANDOM', 'LEAST_REQUEST'] as const) {
    rule({ loadBalancer: { simple } });
    withinChance((await send(300)).get('a') ?? 0, 300, 0.75);
  }
});

test('turns are even, whatever else changes in the mesh', async ({ stack }) => {
  const { send, rule, waypoint } = await scene(stack, [
    { name: 'a' },
    { name: 'b' },
    { name: 'c' },
  ]);
  rule({ loadBalancer: { simple: 'ROUND_ROBIN' } });
  const seen = new Map<string, number>();
  for (let round = 0; round < 30; round++) {
    for (const [pod, count] of await send(1)) seen.set(pod, (seen.get(pod) ?? 0) + count);
    waypoint.table.applyLabels({ updated: new Map(), removed: [] });
  }
  assert.equal([...seen.values()], [10, 10, 10]);
});

test('the less busy of two is taken', async ({ stack }) => {
  const waypoint = await startWaypoint(stack);
  waypoint.mesh.services.push(service);
  waypoint.configure({ service: key, routes: [] });
  const held: (() => void)[] = [];
  const asked = new Map<string, number>();
  for (const name of ['a', 'b']) {
    const app = await startApp(stack, (_request, response) => {
      asked.set(name, (asked.get(name) ?? 0) + 1);
      held.push(() => response.end());
      if (held.length === 8) for (const release of held) release();
    });
    waypoint.mesh.add(service, placed({ name }), app.port);
  }
  const streams = await Promise.all(Array.from({ length: 8 }, () => waypoint.open()));
  await Promise.all(streams.map((stream) => ask(stream)));
  assert.equal([...asked.values()], [4, 4]);
});

for (const table of [{ minimumRingSize: 1024 }, { maglevTableSize: 65_537 }]) {
  test(`the same header leads to the same endpoint (${Object.keys(table)[0]})`, async ({
    stack,
  }) => {
    const pods = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
    const { one, rule, add, send } = await scene(stack, pods);
    rule({ loadBalancer: { consistentHash: { header: 'x-user', ...table } } });
    const homes = async (): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let user = 0; user < 60; user++)
        found.push((await one({ 'x-user': `${user}` }))['x-pod']);
      return found;
    };
    const before = await homes();
    assert.equal(await homes(), before);
    assert.is(new Set(before).size, 4);
    await add({ name: 'e' });
    const after = await homes();
    const moved = after.filter((home, index) => home !== before[index]);
    assert.ok(moved.length > 0 && moved.length < 24, `${moved.length} of 60 moved`);
    assert.ok(moved.filter((home) => home !== 'e').length <= 2);
    assert.is((await send(150)).size, 5, 'without the header chance decides');
  });
}

test('a query parameter and the source address lead to one endpoint', async ({ stack }) => {
  const { one, rule, send } = await scene(stack, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
  rule({ loadBalancer: { consistentHash: { queryParameter: 'user' } } });
  const homes = new Map<string, Set<unknown>>();
  for (let index = 0; index < 60; index++) {
    const user = `u${index % 12}`;
    const home = (await one({}, `/?x=${index}&user=${user}`))['x-pod'];
    homes.set(user, (homes.get(user) ?? new Set()).add(home));
  }
  assert.ok([...homes.values()].every((home) => home.size === 1));
  assert.is(new Set([...homes.values()].flatMap((home) => [...home])).size, 3);
  rule({ loadBalancer: { consistentHash: { sourceAddress: true } } });
  assert.is((await send(20)).size, 1);
});

test('a cookie is made that keeps the client where it is', async ({ stack }) => {
  const { one, rule } = await scene(stack, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
  const cookie = { name: 'home', path: '/', ttlMs: 60_000 };
  rule({ loadBalancer: { consistentHash: { cookie } } });
  const seen = new Set<unknown>();
  for (let client = 0; client < 20; client++) {
    const first = await one();
    const [made = ''] = first['set-cookie'] ?? [];
    assert.match(made, /^home=[0-9a-f]{16}; Max-Age=60; Path=\/; HttpOnly$/);
    seen.add(first['x-pod']);
    for (let again = 0; again < 3; again++) {
      const later = await one({ cookie: `other=x; ${made.split(';')[0]}` });
      assert.is(later['x-pod'], first['x-pod']);
      assert.is(later['set-cookie'], undefined);
    }
  }
  assert.is(seen.size, 3);
  rule({ loadBalancer: { consistentHash: { cookie: { name: 'home' } } } });
  assert.is((await one())['set-cookie'], undefined);
});

test('keys of an endpoint that is out go elsewhere, and come back', async ({ stack }) => {
  const pods: Pod[] = ['a', 'b', 'c'].map((name) => ({ name }));
  const { one, rule, clock } = await scene(stack, pods);
  rule({ loadBalancer: { consistentHash: { header: 'x-user' } }, outlierDetection: detection });
  const users = Array.from({ length: 12 }, (_, index) => ({ 'x-user': `${index}` }));
  const homes = async (): Promise<unknown[]> => {
    const found: unknown[] = [];
    for (const user of users) found.push((await one(user))['x-pod']);
    return found;
  };
  const before = await homes();
  pods[0]!.status = 500;
  await homes();
  const during = await homes();
  assert.not(during.includes('a'));
  for (const [index, home] of before.entries()) if (home !== 'a') assert.is(during[index], home);
  pods[0]!.status = 200;
  for (let second = 0; second < 30; second++) {
    await clock.waited(1_000);
    clock.advance(1_000);
  }
  await clock.waited(1_000);
  assert.equal(await homes(), before);
});

const places: readonly Pod[] = [
  { name: 'far', place: 'r2/z1' },
  { name: 'near-1', place: 'r1/z1/s1' },
  { name: 'zone', place: 'r1/z1/s2' },
  { name: 'near-2', place: 'r1/z1/s1' },
  { name: 'region', place: 'r1/z2' },
];

test('near endpoints get all until they fail, and then the next place does', async ({ stack }) => {
  const pods: Pod[] = places.map((pod) => ({ ...pod }));
  const { send, rule, waypoint } = await scene(stack, pods);
  rule({ loadBalancer: { simple: 'ROUND_ROBIN', locality: {} }, outlierDetection: detection });
  assert.equal(
    await send(20),
    new Map([
      ['near-1', 10],
      ['near-2', 10],
    ]),
  );
  assert.match(waypoint.records.at(-1)?.verdict.reason ?? '', /its subzone \(2 of 5 endpoints\)/);
  pods[1]!.status = 500;
  await send(2);
  // Half of them with 1.4 times what they need: 70 %, the rest goes on.
  const counts = await send(400);
  withinChance(counts.get('near-2') ?? 0, 400, 0.7);
  assert.is((counts.get('zone') ?? 0) + (counts.get('near-2') ?? 0), 400);
  for (const index of [2, 3, 4]) pods[index]!.status = 500;
  await send(200);
  assert.equal(await send(20), new Map([['far', 20]]));
});

test('places get the shares that are distributed to them', async ({ stack }) => {
  const { send, rule, one } = await scene(stack, places);
  const to = { 'r1/z1/*': 70, 'r1/z2': 20, r2: 10 };
  rule({ loadBalancer: { locality: { distribute: [{ from: 'r1/z1/*', to }] } } });
  const counts = await send(600);
  withinChance(counts.get('region') ?? 0, 600, 0.2);
  withinChance(counts.get('far') ?? 0, 600, 0.1);
  rule({ loadBalancer: { locality: { distribute: [{ from: '*', to: { r9: 100 } }] } } });
  assert.match((await one())['ambit-decision'] as string, 'AMB1730');
});

test("the service's own preference counts without outlier detection", async ({ stack }) => {
  const loadBalancing = {
    mode: 'failover',
    routingPreference: ['network', 'region', 'zone'],
    healthPolicy: 'only-healthy',
  } as const;
  const { send, waypoint, rule } = await scene(stack, places, { loadBalancing });
  rule({ loadBalancer: { ignoresPlace: true } });
  assert.is((await send(120)).size, 5);
  rule({});
  assert.equal([...(await send(60)).keys()].toSorted(), ['near-1', 'near-2', 'zone']);
  const left = waypoint.mesh
    .endpointsOf(key)
    .filter(({ workload }) => workload.locality.zone !== 'z1');
  waypoint.mesh.endpoints.set(key, [...left, ...waypoint.mesh.endpointsOf(key).slice(0, 1)]);
  assert.equal([...(await send(20)).keys()], ['region']);
});

test('strict balancing keeps to the node of the waypoint', async ({ stack }) => {
  const loadBalancing = {
    mode: 'strict',
    routingPreference: ['node'],
    healthPolicy: 'only-healthy',
  } as const;
  const pods = ['node1', 'node2'].map((node) => ({ name: node, changes: { node } }));
  const { send } = await scene(stack, pods, { loadBalancing });
  assert.equal(await send(10), new Map([['node1', 10]]));
});

test('a retry stays in its place, unless it may leave it', async ({ stack }) => {
  const pods: Pod[] = [
    { name: 'near', place: 'r1/z1', status: 503 },
    { name: 'far', place: 'r2/z1' },
  ];
  const { one, rule, clock } = await scene(stack, pods);
  const policy = {
    loadBalancer: { locality: {} },
    outlierDetection: { ...detection, consecutive5xxErrors: 0 },
  };
  const asked = async (remoteLocalities: boolean): Promise<unknown> => {
    rule(policy, { attempts: 1, retryOn: '5xx', backoffMs: 10, remoteLocalities });
    const answer = one();
    let isOver = false;
    void answer.finally(() => (isOver = true));
    while (!isOver) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return (await answer)['x-pod'];
  };
  assert.is(await asked(false), 'near');
  assert.is(await asked(true), 'far');
});

test('a new endpoint warms up', async ({ stack }) => {
  const { send, rule, clock, waypoint, add } = await scene(stack, [{ name: 'a' }]);
  const warmup = { durationMs: 60_000, minimumPercent: 10, aggression: 1 };
  await add({ name: 'b' });
  waypoint.mesh.arrivals.set('Kubernetes//Pod/default/b', clock.monotonic());
  const balancers: LoadBalancer[] = [{ simple: 'ROUND_ROBIN', warmup }, { warmup }];
  const start = clock.monotonic();
  for (const loadBalancer of balancers) {
    waypoint.mesh.arrivals.set('Kubernetes//Pod/default/b', clock.monotonic());
    rule({ loadBalancer });
    for (const [ageMs, weight] of [
      [0, 0.1],
      [30_000, 0.5],
      [30_000, 1],
    ] as const) {
      clock.advance(ageMs);
      // Turns that were given before are taken first.
      await send(20);
      const count = (await send(220)).get('b') ?? 0;
      withinChance(count, 220, weight / (1 + weight));
    }
  }
  assert.ok(clock.monotonic() > start);
});

test('PASSTHROUGH goes where the client wanted to, also without endpoints', async ({ stack }) => {
  const app = await startApp(stack, (_request, response) => response.end('there'));
  const waypoint = await startWaypoint(stack);
  const outside = serviceOf('out', 'http11', '127.0.0.1');
  const own = keyOfService(outside);
  const ports = [{ servicePort: app.port, targetPort: 0, appProtocol: 'http11' }] as const;
  waypoint.mesh.services.push({ ...outside, ports });
  const policy = { loadBalancer: { simple: 'PASSTHROUGH' } } as const;
  const destination = { origin: 'd', subsets: [], policy };
  waypoint.configure({ service: own, routes: [], destination });
  const authority = `127.0.0.1:${app.port}`;
  assert.is((await ask(await waypoint.open({ authority }))).body.toString(), 'there');
  const other = workloadAt('other', {
    tunnelProtocol: 'none',
    addresses: ['127.0.0.3' as IpAddress],
  });
  waypoint.mesh.endpoints.set(own, [
    { workload: other, ports: [{ servicePort: app.port, targetPort: app.port }] },
  ]);
  assert.is((await ask(await waypoint.open({ authority }))).body.toString(), 'there');
});

test('connections without HTTP go by their source and by place', async ({ stack, signal }) => {
  const waypoint = await startWaypoint(stack);
  const tcp = serviceOf('reviews', 'tcp');
  waypoint.mesh.services.push(tcp);
  waypoint.mesh.own = placed({ name: 'waypoint', place: 'r1/z1' });
  const app = await startApp(stack, (_request, response) => response.end());
  for (const [name, place] of [
    ['a', 'r1/z1'],
    ['b', 'r1/z1'],
    ['c', 'r2/z1'],
  ] as const) {
    waypoint.mesh.add(tcp, placed({ name, place }), app.port);
  }
  const chosen = async (loadBalancer: LoadBalancer): Promise<Set<unknown>> => {
    const policy = { loadBalancer, outlierDetection: detection };
    const destination = { origin: 'd', subsets: [], policy };
    waypoint.configure({ service: key, routes: [], destination });
    const found = new Set<unknown>();
    for (let index = 0; index < 30; index++) {
      await ask(await waypoint.open());
      const record = await waypoint.nextRecord(signal);
      found.add(record.destination.workload);
    }
    return found;
  };
  assert.is((await chosen({ consistentHash: { sourceAddress: true } })).size, 1);
  assert.equal(await chosen({ simple: 'RANDOM', locality: {} }), new Set(['a', 'b']));
});

test.run();
