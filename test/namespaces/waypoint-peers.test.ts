// Through a real mesh: TLS that is routed by its names, as VirtualServices and TLSRoutes say, and
// requests that are refused with a code that `ambit why` explains.

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { connect, createServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { identity } from '../support/tunnels.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';

const tlsPort = 9443;
const httpPort = 9080;
const ports = [
  { name: 'https', port: tlsPort },
  { name: 'http', port: httpPort },
];
const serviceOf = (name: string, labels: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, labels },
  spec: { selector: { app: name === 'front' ? 'one' : name }, ports },
});
const inFront = [
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'waypoint', labels: { 'istio.io/waypoint-for': 'service' } },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  },
  serviceOf('front', { 'istio.io/use-waypoint': 'waypoint' }),
  serviceOf('two'),
  serviceOf('three'),
];
const virtualService = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'front' },
  spec: {
    hosts: ['front'],
    tls: [
      {
        match: [{ port: tlsPort, sniHosts: ['front'] }],
        route: [{ destination: { host: 'two', port: { number: tlsPort } } }],
      },
    ],
  },
};
const tlsRoute = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'TLSRoute',
  metadata: { name: 'front' },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'front', port: tlsPort }],
    hostnames: ['*.three.example'],
    rules: [{ backendRefs: [{ name: 'three', port: tlsPort }] }],
  },
};

interface Context {
  readonly mesh: LaptopMesh;
  /** Who answers TLS for a name. */
  readonly askTls: (name: string) => Promise<string>;
  /** What comes back for some bytes. */
  readonly send: (bytes: string) => Promise<string>;
}

const test = suite<Context>('TLS and bad requests through a mesh', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'peers');
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    const servers = ['one', 'two', 'three'];
    const all = ['client', ...servers];
    await createPods(
      mesh,
      all.map((name) => ({ name, node: 'node1' })),
    );
    await apply(mesh, { apiVersion: 'v1', kind: 'List', items: inFront });
    await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
    for (const pod of all) await enrolled(mesh, pod);
    for (const name of servers) await serveTls(stack, await namespaceOf(mesh, stack, name), name);
    const namespace = await namespaceOf(mesh, stack, 'client');
    const [host] = await addressesOf(mesh, 'service', 'front');
    const open = (port: number) => connectTcp({ host, port, namespace, timeoutMs: 5_000 });
    const askTls = async (servername: string): Promise<string> => {
      const socket = connect({
        socket: await open(tlsPort),
        servername,
        rejectUnauthorized: false,
      });
      return await text(socket);
    };
    const send = async (bytes: string): Promise<string> => {
      const socket = await open(httpPort);
      socket.write(bytes);
      return await text(socket);
    };
    return { mesh, askTls, send };
  },
});

/** A TLS server that answers every client with its own name. */
async function serveTls(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  name: string,
): Promise<void> {
  const { privateKeyPem, certChainPem } = await new TestAuthority().issue(identity(name));
  const server = createServer({ key: privateKeyPem, cert: certChainPem }, (socket) => {
    socket.on('error', () => undefined);
    socket.end(name);
  });
  const { fd } = listenTcp({ host: '::', port: tlsPort, namespace });
  server.listen({ fd });
  await once(server, 'listening');
  stack.defer(() => void server.close());
}

test('the name in the TLS hello chooses the service, and routes say that they are in force', async ({
  mesh,
  askTls,
}) => {
  assert.is(await askTls('front'), 'one');
  await apply(mesh, { apiVersion: 'v1', kind: 'List', items: [virtualService, tlsRoute] });
  await until('the routes to be in force', async () => {
    const answers = await Promise.all(['front', 'a.three.example'].map(askTls));
    return (answers[0] === 'two' && answers[1] === 'three') || undefined;
  });
  assert.is(await askTls('other.example'), 'one');
  const statuses = await mesh.kubectl('get', 'virtualservice,tlsroute', '-o', 'json');
  assert.not.match(statuses, 'without effect');
});

test('a request that can be read in two ways is refused, and ambit why says why', async ({
  mesh,
  send,
}) => {
  const answer = await send(
    'POST / HTTP/1.1\r\nHost: front\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
  const [, id = ''] = /ambit-decision: (\S+) AMB1747/.exec(answer) ?? [];
  await until('the record to be found', async () => {
    const { stdout } = await mesh.ambit('why', id);
    return /AMB1747/.test(stdout) || undefined;
  });
});

test.run();
