import * as assert from 'uvu/assert';
import type { ParentStatus } from '../../src/controller/kinds/gateway-routes.ts';
import type { Condition } from '../../src/controller/kinds/object.ts';
import { suite } from '../support/suite.ts';
import { type RunningController, startApi, startController } from './running-controller.ts';

const test = suite<{ running: RunningController }>('what authors of Gateway API routes are told', {
  setup: async ({ stack }) => {
    const running = await startController(stack, await startApi(stack));
    return { running };
  },
});

const routes = 'gateway.networking.k8s.io/httproutes';

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
`;
const route = (backend: string, path: string, name = 'r'): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec:
  parentRefs: [{group: '', kind: Service, name: reviews}]
  rules:
    - matches: [{path: {type: RegularExpression, value: '${path}'}}]
      backendRefs: [{name: ${backend}, port: 9080}]
`;

/** Waits for a condition of the route's own parent entry. */
async function condition(
  running: RunningController,
  type: string,
  status: string,
  name = 'r',
): Promise<Condition> {
  return await running.eventually(`${type} ${status}`, () => {
    const object = running.api.store.get(routes, 'shop', name) as
      | { status?: { parents?: readonly ParentStatus[] } }
      | undefined;
    return object?.status?.parents
      ?.find((one) => one.controllerName === 'istio.io/gateway-controller')
      ?.conditions.find((one) => one.type === type && one.status === status);
  });
}

test('each parent gets its conditions, which follow the object', async ({ running }) => {
  running.apply(shop);
  running.apply(route('missing', '/a.*'));
  assert.is((await condition(running, 'Accepted', 'True')).reason, 'Accepted');
  assert.is((await condition(running, 'ResolvedRefs', 'False')).reason, 'BackendNotFound');
  assert.is(
    (await condition(running, 'ResolvedWaypoints', 'False')).reason,
    'MissingUseWaypointLabel',
  );
  running.apply(route('reviews', '/a.*'));
  assert.is((await condition(running, 'ResolvedRefs', 'True')).observedGeneration, 2);
  running.apply(route('reviews', '/('));
  assert.is((await condition(running, 'Accepted', 'False')).reason, 'UnsupportedValue');
  assert.match((await condition(running, 'ambit.io/Accepted', 'False')).message, 'AMB1602');
});

test('a route that leads nowhere is announced once', async ({ running }) => {
  running.apply(shop);
  running.apply(route('missing', '/a.*', 'lost'));
  const announced = (): number =>
    running.api.store
      .list('events', { namespace: 'shop' })
      .filter((one) => (one['involvedObject'] as { name: string }).name === 'lost')
      .filter((one) => /AMB1607/.test(String(one['message']))).length;
  await condition(running, 'ResolvedRefs', 'False', 'lost');
  await running.eventually('an event', () => announced() || undefined);
  // Another pass over everything, which has nothing new to say of this route.
  running.apply(route('reviews', '/a.*', 'other'));
  await running.eventually('the status of another route', () => {
    return running.api.store.get(routes, 'shop', 'other')?.['status'];
  });
  assert.is(announced(), 1);
});

test.run();
