// A whole mesh whose pods reach what is outside of it: by the hosts, addresses and networks that
// ServiceEntries declare, and by nothing else when the mesh says so.

import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { whyOf } from './enrolled-pods.ts';
import {
  apply,
  ask,
  joinOutside,
  lookUp,
  outside,
  pods,
  serve,
  waitForPods,
} from './outside-scene.ts';

const test = suite<{ readonly mesh: LaptopMesh }>('what is outside of a mesh', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'svc-out');
    const machine = await joinOutside(stack, mesh);
    await serve(stack, machine, 8080, 'outside');
    await serve(stack, machine, 80, 'outside');
    await apply(mesh, objects);
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await waitForPods(mesh);
    return { mesh };
  },
});

const entry = (name: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }], ${spec} }
---`;

const objects = `${pods.waiting('client')}${pods.answering('web', 'web')}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: alias }
spec: { type: ExternalName, externalName: web.default.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: by-name }
spec: { clusterIP: None, ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: by-name-1, labels: { kubernetes.io/service-name: by-name } }
addressType: IPv4
endpoints: [{ addresses: [${outside.second}], conditions: { ready: true } }]
ports: [{ name: http, port: 80, protocol: TCP }]
---${entry('fixed', `hosts: [api.example.com], resolution: STATIC, endpoints: [{ address: ${outside.ipv4} }]`)}${entry(
  'named',
  'hosts: [named.example.com], resolution: DNS, endpoints: [{ address: by-name.default.svc.cluster.local }]',
)}${entry('wild', `hosts: ["*.wild.example.com"], addresses: [192.0.2.9], resolution: STATIC, endpoints: [{ address: ${outside.ipv4} }]`)}${entry('nowhere', 'hosts: [nowhere.example.com], resolution: DNS, endpoints: [{ address: missing.default.svc.cluster.local }]')}${entry(
  'network',
  `hosts: [network.example.com], addresses: [${outside.second}/32, 172.30.0.200/31]`,
)}`;

async function addressesOf(mesh: LaptopMesh, name: string): Promise<string> {
  return await until('addresses to be given', async () => {
    const path = 'jsonpath={.status.addresses}';
    const text = await mesh.kubectl('get', 'serviceentry', name, '-o', path);
    return text === '' ? undefined : text;
  });
}

test('a pod reaches a host by the addresses that the mesh gave it, in both families', async ({
  mesh,
}) => {
  const given = JSON.parse(await addressesOf(mesh, 'fixed')) as { value: string; host: string }[];
  assert.equal(
    given.map(({ host }) => host),
    ['api.example.com', 'api.example.com'],
  );
  const [ipv4 = '', ipv6 = ''] = given.map(({ value }) => value);
  assert.match(ipv4, /^240\.240\./);
  assert.match(ipv6, /^2001:2::/);
  await until('the name to be known', async () => {
    const found = await lookUp(mesh, 'client', 'resolve4', 'api.example.com');
    return Array.isArray(found) || undefined;
  });
  assert.equal(await lookUp(mesh, 'client', 'resolve4', 'api.example.com'), [ipv4]);
  assert.equal(await lookUp(mesh, 'client', 'resolve6', 'api.example.com'), [ipv6]);
  assert.equal(await ask(mesh, 'client', ['http://api.example.com/']), [
    `outside at ${outside.ipv4} 8080`,
  ]);
  assert.equal(await ask(mesh, 'client', ['http://api.example.com/'], 6), [
    `outside at ${outside.ipv4} 8080`,
  ]);
});

test('endpoints that only have a name are found by it, and an alias leads to its service', async ({
  mesh,
}) => {
  await addressesOf(mesh, 'named');
  await until('all of them to be reached', async () => {
    const got = await ask(mesh, 'client', [
      'http://named.example.com/',
      'http://any.wild.example.com/',
      'http://alias/',
    ]);
    const [named, wild, alias] = got;
    return (
      (named === `outside at ${outside.second} 8080` &&
        wild === `outside at ${outside.ipv4} 8080` &&
        alias === 'web') ||
      undefined
    );
  });
});

test('a name that does not exist is told with its code', async ({ mesh }) => {
  await addressesOf(mesh, 'nowhere');
  const why = await until('the failure to be recorded', async () => {
    await ask(mesh, 'client', ['http://nowhere.example.com/']);
    const { stdout } = await mesh.ambit('why', 'client', 'nowhere.example.com');
    return stdout.includes('missing.default.svc.cluster.local') ? stdout : undefined;
  });
  assert.match(why, /AMB1422/);
});

test('what is not registered is denied once the mesh says so, and why is told', async ({
  mesh,
}) => {
  const urls = [
    `http://${outside.unregistered}/`,
    `http://${outside.second}/`,
    'http://api.example.com/',
    'http://web/',
  ];
  const [before] = await ask(mesh, 'client', urls.slice(0, 1));
  assert.is(before, `outside at ${outside.unregistered} 80`);
  await configure(mesh, 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }');
  await until('the rest to be denied', async () => {
    const [unregistered] = await ask(mesh, 'client', urls.slice(0, 1));
    return unregistered === 'ECONNRESET' || unregistered === 'ECONNREFUSED' || undefined;
  });
  assert.equal((await ask(mesh, 'client', urls)).slice(1), [
    `outside at ${outside.second} 80`,
    `outside at ${outside.ipv4} 8080`,
    'web',
  ]);
  const stdout = await whyOf(mesh, 'client', outside.unregistered, /denied \(AMB1431\)/);
  assert.match(stdout, /outboundTrafficPolicy is REGISTRY_ONLY/);
  await configure(mesh, 'outboundTrafficPolicy: { mode: SOMETHING }');
  await until('the author to be told', async () => {
    const events = await mesh.kubectl('get', 'events', '-n', 'istio-system', '-o', 'json');
    return events.includes('AMB1661') || undefined;
  });
  const [still] = await ask(mesh, 'client', urls.slice(0, 1));
  assert.is(still === before, false, 'a mistake opens nothing');
  await configure(mesh, 'outboundTrafficPolicy: { mode: ALLOW_ANY }');
  await until('everything to be open again', async () => {
    const [unregistered] = await ask(mesh, 'client', urls.slice(0, 1));
    return unregistered === before || undefined;
  });
});

async function configure(mesh: LaptopMesh, text: string): Promise<void> {
  await apply(
    mesh,
    `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "${text}" }
`,
  );
}

test.run();
