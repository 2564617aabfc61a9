// A whole mesh whose pods reach what is outside through a waypoint: allowed and denied by policies there,
// with TLS begun there, by names that requests choose; and what pods already used before still works.

import { once } from 'node:events';
import { request as askHttp, type IncomingMessage } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { TestAuthority } from '../support/certificates.ts';
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
  request,
  serve,
  waitForPods,
} from './outside-scene.ts';

const servers = new TestAuthority('outside');
const clients = new TestAuthority('clients');
const ports = { plain: 8080, both: 8443, old: 9443, mutual: 10_443 } as const;

const test = suite<{ readonly mesh: LaptopMesh; readonly machine: NetworkNamespace }>(
  'what leaves a mesh through a waypoint',
  {
    deadlineMs: 90_000,
    async setup({ stack }) {
      const mesh = await upMesh(stack, 'svc-egress');
      const machine = await joinOutside(stack, mesh);
      await serve(stack, machine, ports.plain, 'outside');
      await serve(stack, machine, 80, 'outside');
      await startServers(stack, machine);
      await apply(mesh, objects);
      await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
      await waitForPods(mesh);
      await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/egress', '--timeout=40s');
      return { mesh, machine };
    },
  },
);

/** One for HTTP/2 and HTTP/1.1, one for HTTP/1.1 alone, one that asks clients who they are. */
async function startServers(stack: AsyncDisposableStack, machine: NetworkNamespace): Promise<void> {
  const { certPem: cert, keyPem: key } = servers.server([
    'secure.example.com',
    'old.example.com',
    'mutual.example.com',
  ]);
  const listen = async (server: Server, port: number): Promise<void> => {
    stack.defer(() => void server.close());
    server.listen({ fd: listenTcp({ host: '::', port, namespace: machine }).fd });
    await once(server, 'listening');
  };
  const both = createSecureServer({ cert, key, allowHTTP1: true }, (asked, response) =>
    response.end(`HTTP/${asked.httpVersion} ${asked.authority || asked.headers.host}`),
  );
  await listen(both, ports.both);
  const old = createHttps({ cert, key }, (asked, response) =>
    response.end(`HTTP/${asked.httpVersion} ${asked.headers.host}`),
  );
  await listen(old, ports.old);
  const who = { requestCert: true, rejectUnauthorized: true, ca: clients.rootPem };
  const mutual = createHttps({ cert, key, ...who }, ({ socket }, response) => {
    const shown = (socket as TLSSocket).getPeerX509Certificate();
    response.end(`hello ${shown?.subjectAltName}`);
  });
  await listen(mutual, ports.mutual);
}

const entry = (name: string, host: string, targetPort: number, more: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, labels: { istio.io/use-waypoint: egress } }
spec:
  hosts: ["${host}"]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${targetPort} }]
  ${more}
---
`;

const fixed = `resolution: STATIC\n  endpoints: [{ address: ${outside.ipv4} }]`;
const named = 'resolution: DNS\n  endpoints: [{ address: many.default.svc.cluster.local }]';

const rule = (name: string, host: string, tls: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: { host: ${host}, trafficPolicy: { tls: ${tls} } }
---
`;

const service = (name: string, spec: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: web }, ${spec} }
---
`;

const indent = (text: string): string => text.trim().replaceAll('\n', '\n    ');

const objects = `${pods.waiting('client')}${pods.answering('web', 'web')}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: egress }
spec:
  gatewayClassName: istio-waypoint
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
---
apiVersion: v1
kind: Service
metadata: { name: many }
spec: { clusterIP: None, ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: many-1, labels: { kubernetes.io/service-name: many } }
addressType: IPv4
endpoints:
  - { addresses: [${outside.ipv4}], hostname: one, conditions: { ready: true } }
  - { addresses: [${outside.second}], hostname: two, conditions: { ready: true } }
ports: [{ name: http, port: 80, protocol: TCP }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: roots }
data:
  ca.crt: |
    ${indent(servers.rootPem)}
---
${entry('site', 'site.example.com', ports.plain, fixed)}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: site }
spec:
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: site }]
  action: ALLOW
  rules: [{ to: [{ operation: { methods: [GET] } }] }]
---
${entry('secure', 'secure.example.com', ports.both, named)}
${rule('secure', 'secure.example.com', '{ mode: SIMPLE, credentialName: "configmap://roots" }')}
${entry('old', 'old.example.com', ports.old, fixed)}
${rule('old', 'old.example.com', '{ mode: SIMPLE, credentialName: "configmap://roots" }')}
${entry('mutual', 'mutual.example.com', ports.mutual, fixed)}
${rule('mutual', 'mutual.example.com', '{ mode: MUTUAL, credentialName: mutual }')}
${entry('wild', '*.many.default.svc.cluster.local', ports.plain, 'resolution: DYNAMIC_DNS')}
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: spread }
spec:
  hosts: [spread.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${ports.plain} }]
  resolution: STATIC
  endpoints: [{ address: ${outside.ipv4} }, { address: ${outside.second} }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: machine }
spec: { address: ${outside.second}, labels: { app: machine } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: selected }
spec:
  hosts: [selected.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${ports.plain} }]
  resolution: STATIC
  workloadSelector: { labels: { app: machine } }
---
${service('several', 'ports: [{ name: a, port: 80, targetPort: 8080 }, { name: b, port: 81, targetPort: 8080 }]')}
${service('headless', 'clusterIP: None, ports: [{ name: a, port: 8080 }]')}
${service('on-nodes', 'type: NodePort, ports: [{ name: a, port: 80, targetPort: 8080 }]')}
${service('balanced', 'type: LoadBalancer, ports: [{ name: a, port: 80, targetPort: 8080 }]')}
apiVersion: v1
kind: Service
metadata: { name: alias }
spec: { type: ExternalName, externalName: several.default.svc.cluster.local }
`;

/** Asks until the answers are as expected: configuration takes its time to every proxy. */
async function answers(
  mesh: LaptopMesh,
  asked: Parameters<typeof request>[2],
  expected: readonly string[],
): Promise<void> {
  let last: readonly string[] = [];
  await until('the answers', async () => {
    last = await request(mesh, 'client', asked);
    return last.every((one, index) => one === expected[index]) || undefined;
  }).catch((error: unknown) => {
    assert.equal(last, expected);
    throw error;
  });
}

test('a ServiceEntry leads through its waypoint, whose policies hold: GET passes, POST does not', async ({
  mesh,
}) => {
  const url = 'http://site.example.com/';
  await answers(
    mesh,
    [{ url }, { url, method: 'POST' }],
    [`200 outside at ${outside.ipv4} ${ports.plain}`, '403 RBAC: access denied'],
  );
  assert.match(
    JSON.stringify(await lookUp(mesh, 'client', 'resolve4', 'site.example.com')),
    /240\.240\./,
  );
  await whyOf(mesh, 'client', 'site.example.com', /egress/);
  const condition = 'jsonpath={.status.conditions[?(@.type=="istio.io/WaypointBound")].status}';
  assert.is(await mesh.kubectl('get', 'serviceentry', 'site', '-o', condition), 'True');
});

test('requests in the clear become TLS at the waypoint, in the version that the server chooses', async ({
  mesh,
  machine,
}) => {
  const asked = [{ url: 'http://secure.example.com/' }, { url: 'http://old.example.com/' }];
  await answers(mesh, asked, ['200 HTTP/2.0 secure.example.com', '200 HTTP/1.1 old.example.com']);
  const metrics = await waypointMetrics(mesh, machine);
  assert.match(
    metrics,
    /istio_requests_total\{[^}]*destination_service="secure\.example\.com"[^}]*\} [1-9]/,
  );
});

/** As a scraper outside of the mesh reads them. */
async function waypointMetrics(mesh: LaptopMesh, machine: NetworkNamespace): Promise<string> {
  const selector = 'gateway.networking.k8s.io/gateway-name=egress';
  const where = 'jsonpath={.items[0].status.podIP}';
  const host = await mesh.kubectl('get', 'pod', '-l', selector, '-o', where);
  const socket = await connectTcp({ host, port: 15_020, namespace: machine });
  const asking = askHttp({ createConnection: () => socket, path: '/metrics', host });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return await text(answer);
}

test('a credential that is missing is told to its author, and used once it is there', async ({
  mesh,
}) => {
  const url = 'http://mutual.example.com/';
  await until('the failure', async () => {
    const [got = ''] = await request(mesh, 'client', [{ url }]);
    return got.startsWith('503 ') || undefined;
  });
  const state = (field: string): Promise<string> => {
    const path = `jsonpath={.status.conditions[?(@.type=="ambit.io/ResolvedCredentials")].${field}}`;
    return mesh.kubectl('get', 'destinationrule', 'mutual', '-o', path);
  };
  assert.match(await state('message'), /AMB1645 .*Secret default\/mutual does not exist/);
  const { certPem, keyPem } = clients.server(['mesh.example.com']);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  await apply(
    mesh,
    `
apiVersion: v1
kind: Secret
metadata: { name: mutual }
type: kubernetes.io/tls
data:
  tls.crt: ${base64(certPem)}
  tls.key: ${base64(keyPem)}
  ca.crt: ${base64(servers.rootPem)}
`,
  );
  await answers(mesh, [{ url }], ['200 hello DNS:mesh.example.com']);
  await until('the author to be told', async () => (await state('status')) === 'True' || undefined);
});

test('a host below a wildcard is reached by the name in the request, unless it leads into the mesh', async ({
  mesh,
}) => {
  const below = 'many.default.svc.cluster.local';
  await answers(
    mesh,
    [{ url: `http://one.${below}/` }, { url: `http://two.${below}/` }],
    [`200 outside at ${outside.ipv4} ${ports.plain}`, '503 no healthy upstream'],
  );
  await request(mesh, 'client', [{ url: `http://two.${below}/` }]);
  const stdout = await whyOf(mesh, 'client', `*.${below}`, /AMB1736/);
  assert.match(stdout, new RegExp(`${outside.second}: it is that of default/machine`));
});

test('what is not registered is reached, and the endpoints of an address share its connections', async ({
  mesh,
}) => {
  const urls = [`http://${outside.unregistered}/`];
  assert.equal(await ask(mesh, 'client', urls), [`outside at ${outside.unregistered} 80`]);
  const seen = await until('both to be seen', async () => {
    const got = await ask(
      mesh,
      'client',
      Array.from({ length: 8 }, () => 'http://spread.example.com/'),
    );
    const places = new Set(got);
    return places.size === 2 ? places : undefined;
  });
  assert.equal(
    [...seen].toSorted(),
    [outside.ipv4, outside.second].map((one) => `outside at ${one} ${ports.plain}`),
  );
  assert.equal(await ask(mesh, 'client', ['http://selected.example.com/']), [
    `outside at ${outside.second} ${ports.plain}`,
  ]);
});

test('services of every kind still work once their pods are in the mesh', async ({ mesh }) => {
  const urls = [
    'http://several/',
    'http://several:81/',
    'http://headless:8080/',
    'http://on-nodes/',
    'http://balanced/',
    'http://alias/',
  ];
  await until('all of them to answer', async () => {
    const got = await ask(mesh, 'client', urls);
    return got.every((one) => one === 'web') || undefined;
  });
});

test.run();
