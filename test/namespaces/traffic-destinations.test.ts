// Acceptance of traffic management, by the tasks of Istio's documentation: what a DestinationRule protects
// endpoints from.

import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { suite } from '../support/suite.ts';
import { type Answer, type EchoScene, makeEchoScene } from './echo-scene.ts';
import { apply } from './enrolled-pods.ts';

const test = suite<{ scene: EchoScene }>('acceptance of destinations', {
  deadlineMs: 90_000,
  setup: async ({ stack }) => ({ scene: await makeEchoScene(stack, 'destinations') }),
});

/** Puts a traffic policy in force for the service. */
async function protect(scene: EchoScene, trafficPolicy: object): Promise<void> {
  await apply(scene.mesh, {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'echo' },
    spec: { host: 'echo', trafficPolicy },
  });
  // What is in force comes whole, so a route that was applied later shows that the rule is there.
  await scene.virtualService([{ route: [{ destination: { host: 'echo' } }] }]);
}

/** As many requests by each of so many clients at once. */
async function load(scene: EchoScene, clients: number, each: number): Promise<Answer[]> {
  const work = async (): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (let index = 0; index < each; index++) answers.push(await scene.ask('/delay/300'));
    return answers;
  };
  return (await Promise.all(Array.from({ length: clients }, work))).flat();
}

/** The sum of a metric of the waypoint over all that labels it has. */
async function metric(scene: EchoScene, name: string): Promise<number> {
  const selector = 'gateway.networking.k8s.io/gateway-name=waypoint';
  const found = ['get', 'pod', '-l', selector, '-o', 'jsonpath={.items[0].metadata.name}'];
  const pod = await scene.mesh.kubectl(...found);
  const where = `/api/v1/namespaces/default/pods/${pod}:15020/proxy/stats/prometheus`;
  const text = await scene.mesh.kubectl('get', '--raw', where);
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
  return values.reduce((sum, value) => sum + value, 0);
}

test('A-14: more than a circuit breaker allows is refused, and counted', async ({ scene }) => {
  await protect(scene, {
    connectionPool: {
      tcp: { maxConnections: 1 },
      http: { http1MaxPendingRequests: 1, maxRequestsPerConnection: 1 },
    },
    // What is refused by the breaker is no failure of an endpoint.
    outlierDetection: {
      consecutive5xxErrors: 1,
      interval: '1s',
      baseEjectionTime: '3m',
      maxEjectionPercent: 100,
    },
  });
  const overflows = (): Promise<number> => metric(scene, 'ambit_waypoint_overflows_total');
  const before = await overflows();
  for (const { status } of await load(scene, 1, 6)) assert.is(status, 200);
  assert.is(await overflows(), before);

  const two = await load(scene, 2, 5);
  assert.ok(two.some(({ status }) => status === 200));
  const three = await load(scene, 3, 10);
  const refused = [...two, ...three].filter(({ status }) => status !== 200);
  for (const { status, headers, body } of refused) {
    assert.is(status, 503);
    assert.is(headers['x-envoy-overloaded'], 'true');
    assert.match(String(headers['ambit-decision']), 'AMB1720');
    assert.match(body, 'reset reason: overflow');
  }
  const share = three.filter(({ status }) => status === 503).length / three.length;
  assert.ok(share >= 0.3, `${share} of the requests were refused`);
  assert.is(await overflows(), before + refused.length);
  assert.is(await metric(scene, 'ambit_waypoint_ejections_total'), 0);
});

test('A-15: an endpoint with five errors in a row gets nothing for its time', async ({ scene }) => {
  await protect(scene, {
    loadBalancer: { simple: 'ROUND_ROBIN' },
    outlierDetection: {
      consecutive5xxErrors: 5,
      interval: '1s',
      baseEjectionTime: '4s',
      maxEjectionPercent: 50,
    },
  });
  scene.v2.status = 500;
  try {
    for (let errors = 0; errors < 5; ) errors += (await scene.ask('/')).status === 500 ? 1 : 0;
    const since = performance.now();
    assert.is(scene.v2.seen.length, 5);
    for (let index = 0; index < 30; index++) {
      assert.is((await scene.ask('/')).headers['x-pod'], 'echo-v1');
    }
    scene.v2.status = undefined;
    await until('the endpoint to be used again', async () => {
      await scene.ask('/');
      return scene.v2.seen.length > 5 || undefined;
    });
    assert.ok(performance.now() - since >= 3_900);
    assert.is(await metric(scene, 'ambit_waypoint_ejections_total'), 1);
    const counts = await scene.count(80);
    for (const version of ['v1', 'v2']) assert.ok((counts.get(version) ?? 0) >= 30);
  } finally {
    scene.v2.status = undefined;
  }
});

test.run();
