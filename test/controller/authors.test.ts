import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { Condition } from '../../src/controller/kinds/object.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { decodeServiceConfig } from '../../src/wire/waypoint-config.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';
import { ProxyStream, waypointNode, ztunnelNode } from './proxy-client.ts';
import { type RunningController, startApi, startController } from './running-controller.ts';

const test = suite<{ running: RunningController }>('what authors are told', {
  setup: async ({ stack }) => {
    const running = await startController(stack, await startApi(stack));
    return { running };
  },
});

interface ForeignDefinition {
  readonly spec: {
    readonly versions: readonly {
      readonly schema: {
        readonly openAPIV3Schema: { readonly properties: Record<string, object> };
      };
    }[];
  };
}

const virtualServices = 'networking.istio.io/virtualservices';
const authorizationPolicies = 'security.istio.io/authorizationpolicies';
const gateways = 'gateway.networking.k8s.io/gateways';

const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
`;

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http: [{match: [{uri: {regex: '/a+'}}], route: [{destination: {host: reviews}}]}]
`;

const waypointPod = `
apiVersion: v1
kind: Pod
metadata: {name: waypoint-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: waypoint}}
spec: {nodeName: node1, serviceAccountName: waypoint, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: 10.244.1.9, conditions: [{type: Ready, status: 'True'}]}
`;

test('runs a waypoint for a Gateway, and programs it when its pod is ready', async ({
  running,
  stack,
}) => {
  running.apply(shop);
  running.apply(gateway);
  const { api } = running;
  const deployment = await running.eventually('deployment', () =>
    api.store.get('apps/deployments', 'shop', 'waypoint'),
  );
  assert.is(deployment.metadata.ownerReferences?.[0]?.name, 'waypoint');
  await running.eventually('service', () => api.store.get('services', 'shop', 'waypoint'));
  await running.eventually('account', () => api.store.get('serviceaccounts', 'shop', 'waypoint'));
  await condition(running, gateways, 'waypoint', 'Accepted', 'True');
  await condition(running, gateways, 'waypoint', 'Programmed', 'False');
  await condition(running, 'services', 'reviews', 'istio.io/WaypointBound', 'False');
  running.apply(waypointPod);
  await condition(running, gateways, 'waypoint', 'Programmed', 'True');
  await condition(running, 'services', 'reviews', 'istio.io/WaypointBound', 'True');
  const found = api.store.get(gateways, 'shop', 'waypoint')!['status'] as { addresses: unknown };
  assert.equal(found.addresses, [{ type: 'Hostname', value: 'waypoint.shop.svc.cluster.local' }]);
  const stream = await waypointStream(running, stack);
  stream.subscribe(typeUrls.serviceConfig);
  const { resources } = await stream.until(({ resources: some }) => some.length > 0);
  assert.equal(
    resources.map(({ name }) => name),
    ['shop/reviews.shop.svc.cluster.local'],
  );
  // The Deployment comes back when someone deletes it.
  api.store.delete('apps/deployments', 'shop', 'waypoint');
  await running.eventually('deployment again', () => {
    const again = api.store.get('apps/deployments', 'shop', 'waypoint');
    return again?.metadata.uid === deployment.metadata.uid ? undefined : again;
  });
});

test('keeps the last valid version in force, and says so on the object and in an Event', async ({
  running,
  stack,
}) => {
  running.apply(shop + '---' + gateway + '---' + waypointPod);
  await condition(running, virtualServices, 'reviews', 'ambit.io/Programmed', 'True');
  const stream = await waypointStream(running, stack);
  stream.subscribe(typeUrls.serviceConfig);
  await stream.until(({ resources }) => resources.some((one) => regexOf(one.bytes) === '/a+'));
  running.apply(shop.replace("'/a+'", "'/a(b'"));
  const refused = await condition(
    running,
    virtualServices,
    'reviews',
    'ambit.io/Accepted',
    'False',
  );
  assert.match(refused.message, /AMB1602 spec.http\[0\].match\[0\].uri.regex: ".a\(b" is not RE2/);
  assert.match(refused.message, /the last valid version \(generation \d+\) stays in force/);
  const event = await running.eventually('event', () =>
    running.api.store
      .list('events', { namespace: 'shop' })
      .find((one) => String(one['message']).includes('AMB1602')),
  );
  assert.is((event['involvedObject'] as { kind: string }).kind, 'VirtualService');
  assert.is(event['type'], 'Warning');
  running.apply(shop.replace("'/a+'", "'/c+'"));
  await stream.until(({ resources }) => resources.some((one) => regexOf(one.bytes) === '/c+'));
  await condition(running, virtualServices, 'reviews', 'ambit.io/Accepted', 'True');
});

test('tells the author of a Gateway whose class nobody knows', async ({ running }) => {
  running.apply(shop);
  running.apply(
    gateway.replace('istio-waypoint', 'istio-wayponit').replace('name: waypoint', 'name: typo'),
  );
  const found = await condition(running, gateways, 'typo', 'ambit.io/Accepted', 'False');
  assert.match(
    found.message,
    /AMB1608 spec.gatewayClassName: there is no GatewayClass "istio-wayponit"; use istio-waypoint/,
  );
});

test('tells the author of a policy that is closed as no valid version is known', async ({
  running,
}) => {
  running.apply(shop);
  running.apply(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: broken, namespace: shop}
spec: {action: DENY, rules: [{from: [{source: {ipBlocks: [300.0.0.1]}}]}]}
`);
  const found = await condition(
    running,
    'security.istio.io/authorizationpolicies',
    'broken',
    'ambit.io/Accepted',
    'False',
  );
  assert.match(
    found.message,
    /AMB1609 .*ipBlocks\[0\].*AMB1619: .*denies everything for what it selects/,
  );
  await condition(
    running,
    'security.istio.io/authorizationpolicies',
    'broken',
    'ZtunnelAccepted',
    'False',
  );
});

test('announces by Event alone where a foreign definition has no place for conditions', async ({
  running,
}) => {
  const file = path.join(
    import.meta.dirname,
    '../../deploy/crds/istio/requestauthentications.yaml',
  );
  const definition = parse(readFileSync(file, 'utf8')) as ForeignDefinition;
  const parents = { type: 'array', items: { type: 'object' } };
  for (const { schema } of definition.spec.versions) {
    const status = { type: 'object', required: ['parents'], properties: { parents } };
    schema.openAPIV3Schema.properties['status'] = status;
  }
  running.apply(JSON.stringify(definition));
  running.apply(shop);
  running.apply(`
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: later, namespace: shop}
spec: {}
`);
  const eventsOn = (): ApiObject[] =>
    running.api.store
      .list('events', { namespace: 'shop' })
      .filter((one) => (one['involvedObject'] as { name: string }).name === 'later');
  await running.eventually('an event', () => eventsOn()[0]);
  running.apply(policyNamed('another'));
  await condition(running, authorizationPolicies, 'another', 'ZtunnelAccepted', 'True');
  assert.is(eventsOn().length, 1);
  assert.match(String(eventsOn()[0]!['message']), /AMB1611/);
});

test('stops writing once everything has been said', async ({ running }) => {
  running.apply(shop);
  await condition(running, virtualServices, 'reviews', 'ambit.io/ResolvedRefs', 'True');
  const count = async (): Promise<string> => {
    const url = `http://127.0.0.1:${running.controller.ports.monitoring}/metrics`;
    const text = await (await fetch(url)).text();
    return /ambit_controller_status_writes_total (\d+)/.exec(text)![1]!;
  };
  let last = '';
  await running.eventually('two equal counts', async () => {
    const now = await count();
    const same = now === last;
    last = now;
    if (same) return now;
    // Longer than changes are gathered before they are written.
    await new Promise((resolve) => setTimeout(resolve, 400));
    return undefined;
  });
});

test('refuses a proxy that says it is of another namespace', async ({ running, stack }) => {
  const rootPem = await rootOf(running);
  const token = await running.token('default', 'someone');
  const stream = new ProxyStream(stack, running.address, rootPem, token, ztunnelNode());
  stream.subscribe(typeUrls.address);
  let message = '';
  await stream.next().catch((error: unknown) => {
    message = String(error);
  });
  assert.match(message, /PERMISSION_DENIED.*AMB1632/);
});

test('tells the author what a proxy refuses, and goes on', async ({ running, stack }) => {
  running.apply(shop);
  const rootPem = await rootOf(running);
  const token = await running.token('istio-system', 'ztunnel');
  const stream = new ProxyStream(stack, running.address, rootPem, token, ztunnelNode());
  stream.subscribe(typeUrls.authorization);
  running.apply(policyNamed('odd'));
  const sent = await stream.until(({ resources }) =>
    resources.some(({ name }) => name === 'shop/odd'),
  );
  assert.ok(sent.nonce);
  running.apply(policyNamed('odd', 'DENY'));
  stream.refuse(await stream.next(), 'shop/odd: no idea');
  const told = await condition(running, authorizationPolicies, 'odd', 'ZtunnelAccepted', 'False');
  assert.match(told.message, /AMB1641 ztunnel istio-system\/ztunnel-x refuses it: no idea/);
  await running.eventually('a refusal', async () => {
    const url = `http://127.0.0.1:${running.controller.ports.monitoring}/debug/proxies`;
    const told = (await (await fetch(url)).json()) as {
      refusals: { reason: string }[];
      connected: { types: { state: string; reason?: string }[] }[];
    };
    const types = told.connected.flatMap((one) => one.types);
    const isError = types.some(
      (one) => one.state === 'ERROR' && one.reason === 'shop/odd: no idea',
    );
    return isError && told.refusals.find(({ reason }) => reason === 'shop/odd: no idea');
  });
  running.apply(policyNamed('odd'));
  const next = await stream.until(({ resources }) => resources.length > 0);
  assert.is(next.resources.at(-1)?.name, 'shop/odd');
  await condition(running, authorizationPolicies, 'odd', 'ZtunnelAccepted', 'True');
});

test.run();

function policyNamed(name: string, action = 'ALLOW'): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: shop}
spec: {action: ${action}, rules: [{}]}
`;
}

async function waypointStream(
  running: RunningController,
  stack: AsyncDisposableStack,
): Promise<ProxyStream> {
  const token = await running.token('shop', 'waypoint');
  const rootPem = await rootOf(running);
  return new ProxyStream(stack, running.address, rootPem, token, waypointNode('shop', 'waypoint'));
}

async function rootOf(running: RunningController): Promise<string> {
  const root = await running.eventually('root certificate', () =>
    running.api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
  );
  return (root['data'] as Record<string, string>)['root-cert.pem']!;
}

function regexOf(bytes: Uint8Array): string | undefined {
  const config = decodeServiceConfig(bytes);
  const uri = config.kind === 'ok' ? config.value.routes[0]?.matches[0]?.uri : undefined;
  return uri !== undefined && 'regex' in uri ? uri.regex : undefined;
}

async function condition(
  running: RunningController,
  kind: string,
  name: string,
  type: string,
  status: string,
): Promise<Condition> {
  return await running.eventually(`${kind} ${name} ${type}=${status}`, () => {
    const object: ApiObject | undefined = running.api.store.get(kind, 'shop', name);
    const conditions = (object?.['status'] as { conditions?: Condition[] } | undefined)?.conditions;
    return conditions?.find((one) => one.type === type && one.status === status);
  });
}
