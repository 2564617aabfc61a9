import * as assert from 'uvu/assert';
import { Controller } from '../../src/controller/controller.ts';
import { leaseMs } from '../../src/controller/kubernetes/leader-election.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';
import { ApiFront } from './api-front.ts';
import { LeapingClock } from './leaping-clock.ts';
import { ProxyStream, ztunnelNode } from './proxy-client.ts';
import { applyYaml, eventually, settingsFor, startApi, tokenOf } from './running-controller.ts';

const test = suite('replicas of the controller', { deadlineMs: 40_000 });

interface Replica {
  readonly controller: Controller;
  readonly front: ApiFront;
  readonly clock: LeapingClock;
  readonly name: string;
}

/** A controller with a clock and a way to the API server of its own. */
async function startReplica(
  stack: AsyncDisposableStack,
  api: ApiServer,
  name: string,
): Promise<Replica> {
  const front = stack.use(await ApiFront.open(api));
  const client = stack.use(front.client());
  const clock = new LeapingClock();
  const settings = settingsFor({ POD_NAME: name });
  const controller = stack.use(new Controller({ client, settings, clock, log: silentLogger }));
  await controller.start();
  return { controller, front, clock, name };
}

/** Requests that change something, apart from those about the Lease, certificates and callers. */
function writesOf({ front }: Replica): string[] {
  return front.requests.filter(
    (one) => !one.startsWith('GET') && !/\/leases|\/token|\/secrets/.test(one),
  );
}

async function leads({ controller }: Replica): Promise<boolean> {
  const url = `http://127.0.0.1:${controller.ports.monitoring}`;
  const { leads: does } = (await (await fetch(`${url}/debug/leader`)).json()) as { leads: boolean };
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, new RegExp(`^ambit_controller_leader ${does ? 1 : 0}$`, 'm'));
  return does;
}

const service = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels: { 'istio.io/use-waypoint': 'missing' } },
  spec: { selector: { app: name }, ports: [{ port: 80 }] },
});

/** The condition of a service whose waypoint does not exist. */
function bound(api: ApiServer, name: string): string | undefined {
  const { conditions = [] } = (api.store.get('services', 'default', name)?.['status'] ?? {}) as {
    conditions?: { type: string; reason: string }[];
  };
  return conditions.find(({ type }) => type === 'istio.io/WaypointBound')?.reason;
}

const apply = (api: ApiServer, object: object): unknown =>
  api.store.apply(object as Parameters<ApiServer['store']['apply']>[0], 'test');

test('of three only one writes, all serve proxies, and a successor goes on where it was', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const replicas: Replica[] = [];
  for (const name of ['one', 'two', 'three']) replicas.push(await startReplica(stack, api, name));
  apply(api, service('early'));
  await eventually('the condition', () => bound(api, 'early'));
  const written = api.store.get('services', 'default', 'early')?.metadata.resourceVersion;
  const [first, ...others] = replicas;
  assert.ok(first !== undefined && (await leads(first)));
  assert.ok(writesOf(first).length > 0);
  for (const one of others) assert.equal(writesOf(one), []);
  for (const one of others) assert.not(await leads(one));
  await serveAll(stack, api, replicas);

  await first.controller[Symbol.asyncDispose]();
  const second = await eventually('a successor', async () => {
    for (const one of others) if (await leads(one)) return one;
    return undefined;
  });
  apply(api, service('late'));
  await eventually('the condition', () => bound(api, 'late'));
  // The successor found everything as it wanted it.
  assert.is(api.store.get('services', 'default', 'early')?.metadata.resourceVersion, written);
  assert.equal(
    writesOf(second).filter((one) => one.includes('/early')),
    [],
  );
  for (const one of others) if (one !== second) assert.equal(writesOf(one), []);
});

test('a leader that lost the API server writes nothing more, and is followed after the Lease', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const first = await startReplica(stack, api, 'one');
  const second = await startReplica(stack, api, 'two');
  await eventually('the root', () => api.store.get('configmaps', 'default', 'istio-ca-root-cert'));
  assert.ok(await leads(first));
  // Its requests arrive nowhere and fail in no way.
  first.front.intercept = () => 'silence';
  first.front.cut();
  const before = writesOf(first).length;
  apply(api, service('meanwhile'));
  for (const { clock } of [first, second]) clock.leap(leaseMs);
  assert.not(await leads(first));
  // One look shows the Lease unchanged since, the next begins when that was too long.
  await eventually('a successor', async () => {
    second.clock.leap(1000);
    return (await leads(second)) || undefined;
  });
  await eventually('the condition', () => bound(api, 'meanwhile'));
  first.front.intercept = () => undefined;
  first.front.cut();
  apply(api, service('after'));
  await eventually('the condition', () => bound(api, 'after'));
  assert.equal(
    writesOf(first)
      .slice(before)
      .filter((one) => one.includes('/services/')),
    [],
  );
});

test('replicas that start together agree on one authority', async ({ stack }) => {
  const api = await startApi(stack);
  const replicas = await Promise.all(['a', 'b', 'c'].map((name) => startReplica(stack, api, name)));
  await eventually('the root', () =>
    api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
  );
  await serveAll(stack, api, replicas);
});

test('what a proxy refuses at one replica is told by the one that leads', async ({ stack }) => {
  const api = await startApi(stack);
  for (const name of ['one', 'two']) {
    applyYaml(
      api,
      `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: istio-system}, spec: {nodeName: n, containers: [{name: c, image: i}]}}`,
    );
  }
  const first = await startReplica(stack, api, 'one');
  const second = await startReplica(stack, api, 'two');
  const rootPem = await rootOf(api);
  using client = second.front.client();
  const token = await tokenOf(api, client, 'istio-system', 'ztunnel');
  const address = `127.0.0.1:${second.controller.ports.grpc}`;
  const stream = new ProxyStream(stack, address, rootPem, token, ztunnelNode());
  stream.subscribe(typeUrls.authorization);
  stream.ack(await stream.next());
  applyYaml(
    api,
    '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: odd, namespace: default}, spec: {rules: [{}]}}',
  );
  stream.refuse(await stream.next(), 'default/odd: no idea');
  const told = (): string =>
    JSON.stringify(
      api.store.get('security.istio.io/authorizationpolicies', 'default', 'odd')?.['status'] ?? {},
    );
  await eventually('the refusal', () => told().includes('AMB1641') || undefined);
  assert.ok(await leads(first));
  const shared = (): object | undefined =>
    api.store.get('configmaps', 'istio-system', 'ambit-refusals-two');
  assert.ok(shared());
  // The replica is gone without a word: what it knew is no more.
  second.front.intercept = () => 'silence';
  second.front.cut();
  api.store.delete('pods', 'istio-system', 'two', { gracePeriodSeconds: 0 });
  await eventually('no refusal', () => !told().includes('AMB1641') || undefined);
  await eventually('no ConfigMap', () => shared() === undefined || undefined);
  second.front.intercept = () => ({ status: 503 });
  second.front.cut();
});

test.run();

/** Every replica answers a proxy with the same version. */
async function serveAll(
  stack: AsyncDisposableStack,
  api: ApiServer,
  replicas: readonly Replica[],
): Promise<void> {
  const rootPem = await rootOf(api);
  const versions: string[] = [];
  for (const { controller, front } of replicas) {
    using client = front.client();
    const token = await tokenOf(api, client, 'istio-system', 'ztunnel');
    const address = `127.0.0.1:${controller.ports.grpc}`;
    const stream = new ProxyStream(stack, address, rootPem, token, ztunnelNode());
    stream.subscribe(typeUrls.address);
    const first = await stream.next();
    stream.ack(first);
    versions.push(first.systemVersion);
  }
  assert.is(new Set(versions).size, 1);
}

async function rootOf(api: ApiServer): Promise<string> {
  const root = await eventually('the root', () =>
    api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
  );
  return (root['data'] as Record<string, string>)['root-cert.pem'] ?? '';
}
