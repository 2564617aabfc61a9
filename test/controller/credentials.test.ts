import * as assert from 'uvu/assert';
import { type CredentialUse, credentialOf } from '../../src/controller/credentials.ts';
import type { Condition } from '../../src/controller/kinds/object.ts';
import type { Credential } from '../../src/mesh/credential.ts';
import { decodeCredential } from '../../src/wire/waypoint-config.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';
import { ProxyStream, waypointNode } from './proxy-client.ts';
import { type RunningController, startApi, startController } from './running-controller.ts';

const test = suite<{ running: RunningController; rootPem: string }>('credentials of waypoints', {
  setup: async ({ stack }) => {
    const api = await startApi(stack);
    const running = await startController(stack, api);
    running.apply(shop);
    const root = await running.eventually('root certificate', () =>
      api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
    );
    return { running, rootPem: (root['data'] as Record<string, string>)['root-cert.pem']! };
  },
});

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Pod
metadata: {name: waypoint-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: waypoint}}
spec: {nodeName: node1, serviceAccountName: waypoint, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: 10.244.1.9, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: out, namespace: shop}
spec: {hosts: [api.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: out, namespace: shop}
spec:
  host: api.example.com
  trafficPolicy: {tls: {mode: MUTUAL, credentialName: out-tls}}
  subsets: [{name: plain, labels: {a: b}, trafficPolicy: {tls: {mode: SIMPLE, credentialName: 'configmap://roots'}}}]
`;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = (key: string, more = ''): string => `
apiVersion: v1
kind: Secret
metadata: {name: out-tls, namespace: shop}
data: {tls.crt: ${base64('certificate')}, ${key} ca.crt: ${base64('authorities')}${more}}
`;

function open(
  stack: AsyncDisposableStack,
  { running, rootPem }: { running: RunningController; rootPem: string },
  token: string,
): ProxyStream {
  const stream = new ProxyStream(
    stack,
    running.address,
    rootPem,
    token,
    waypointNode('shop', 'waypoint'),
  );
  stream.subscribe(typeUrls.credential);
  return stream;
}

/** Reads on until the stream has brought a credential that fits. */
async function follow(
  stream: ProxyStream,
  held: Map<string, Credential>,
  isDone: (held: ReadonlyMap<string, Credential>) => boolean,
): Promise<void> {
  while (!isDone(held)) {
    const response = await stream.next();
    stream.ack(response);
    for (const name of response.removed) held.delete(name);
    for (const { name, bytes } of response.resources) {
      const decoded = decodeCredential(bytes);
      if (decoded.kind === 'ok') held.set(name, decoded.value);
    }
  }
}

function conditionOf(
  running: RunningController,
  fits: (one: Condition) => boolean,
): Promise<Condition> {
  return running.eventually('the condition', () => {
    const kind = 'networking.istio.io/destinationrules';
    const status = running.api.store.get(kind, 'shop', 'out')?.['status'];
    const { conditions = [] } = (status ?? {}) as { conditions?: Condition[] };
    return conditions.find((one) => one.type === 'ambit.io/ResolvedCredentials' && fits(one));
  });
}

test('a waypoint is sent what its rules name, as it changes, and authors are told', async ({
  running,
  rootPem,
  stack,
}) => {
  const missing = await conditionOf(running, ({ status }) => status === 'False');
  assert.match(
    missing.message,
    /AMB1645 waypoint shop\/waypoint: Secret shop\/out-tls does not exist/,
  );
  assert.match(missing.message, /ConfigMap shop\/roots does not exist/);
  const token = await running.token('shop', 'waypoint');
  const stream = open(stack, { running, rootPem }, token);
  const held = new Map<string, Credential>();
  await follow(stream, held, () => held.size === 2);
  assert.equal(held.get('out-tls'), {
    name: 'out-tls',
    problem: 'Secret shop/out-tls does not exist',
  });
  running.apply(secret(''));
  await follow(stream, held, () => held.get('out-tls')?.problem?.includes('tls.key') === true);
  running.apply(secret(`tls.key: ${base64('key-1')},`, `, ca.crl: ${base64('list')}`));
  running.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: roots, namespace: shop}
data: {ca.crt: roots}
`);
  await follow(
    stream,
    held,
    () =>
      held.get('out-tls')?.privateKey !== undefined &&
      held.get('configmap://roots')?.authorities !== undefined,
  );
  assert.equal(held.get('out-tls'), {
    name: 'out-tls',
    certificateChain: 'certificate',
    privateKey: 'key-1',
    authorities: 'authorities',
    revocationLists: 'list',
  });
  assert.equal(held.get('configmap://roots'), { name: 'configmap://roots', authorities: 'roots' });
  assert.is((await conditionOf(running, ({ status }) => status === 'True')).reason, 'Resolved');
  running.apply(secret(`tls.key: ${base64('key-2')},`));
  await follow(stream, held, () => held.get('out-tls')?.privateKey === 'key-2');
  const { monitoring } = running.controller.ports;
  const dump = await (await fetch(`http://127.0.0.1:${monitoring}/debug/config_dump`)).text();
  assert.match(dump, /out-tls/);
  assert.is(dump.includes('key-2'), false, 'keys are in no dump');
  running.api.store.delete('secrets', 'shop', 'out-tls');
  await follow(stream, held, () => held.get('out-tls')?.problem !== undefined);
  await conditionOf(running, ({ status }) => status === 'False');
});

test('who only says that it is the waypoint is sent nothing', async ({
  running,
  rootPem,
  stack,
}) => {
  const stream = open(stack, { running, rootPem }, await running.token('shop', 'default'));
  const response = await stream.next();
  assert.is(response.typeUrl, typeUrls.credential);
  assert.equal(response.resources, []);
  const proved = open(stack, { running, rootPem }, await running.token('shop', 'waypoint'));
  assert.is((await proved.next()).resources.length, 2);
  const elsewhere = open(stack, { running, rootPem }, await running.token('default', 'waypoint'));
  const refused = await elsewhere.next().then(
    () => 'answered',
    (error: Error) => error.message,
  );
  assert.match(refused, /AMB1632/);
});

test('the authority of the mesh is given to nobody', () => {
  const read = (name: string): Credential => {
    const reference = { kind: 'Secret', namespace: 'istio-system', name } as const;
    const use: CredentialUse = {
      reference,
      named: name,
      waypoint: 'istio-system/w',
      rules: new Set(),
    };
    const data = { 'tls.crt': base64('c'), 'tls.key': base64('k') };
    return credentialOf(use, () => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      data,
    }));
  };
  assert.match(read('cacerts').problem ?? '', /authority of the mesh itself/);
  assert.match(read('istio-ca-secret').problem ?? '', /authority of the mesh itself/);
  assert.is(read('other').privateKey, 'k');
});

test.run();
