// A waypoint from its beginning to its end, while a mesh has traffic: what it costs to update it, to scale it, to lose
// it and to take it away.

import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { listenTcp } from '../../src/linux/tcp.ts';
import { withinChance } from '../cases/chance.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf, whyOf } from './enrolled-pods.ts';
import { Http1Load, Http2Load, PodAgent } from './request-load.ts';

const http1Port = 8080;
const http2Port = 8081;

function gateway(name: string): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  };
}

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: {
    selector: { app: 'server' },
    ports: [
      { name: 'http', port: http1Port },
      { name: 'http2', port: http2Port },
    ],
  },
};

interface Context {
  readonly mesh: LaptopMesh;
  readonly client: NetworkNamespace;
  /** Of the service. */
  readonly host: string;
}

const test = suite<Context>('the life of a waypoint', {
  deadlineMs: 120_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'wplife');
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await createPods(mesh, [
      { name: 'client', node: 'node1' },
      { name: 'server', node: 'node1' },
    ]);
    await apply(mesh, { apiVersion: 'v1', kind: 'List', items: [service, gateway('waypoint')] });
    await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
    for (const pod of ['client', 'server']) await enrolled(mesh, pod);
    await serveBoth(stack, await namespaceOf(mesh, stack, 'server'));
    const client = await namespaceOf(mesh, stack, 'client');
    const [host] = await addressesOf(mesh, 'service', 'web');
    await mesh.kubectl('label', 'service', 'web', 'istio.io/use-waypoint=waypoint');
    const context = { mesh, client, host };
    await answers(context, isServed, 'an answer by way of the waypoint');
    return context;
  },
});

/** An application on both ports: `/events` sends one event after the other, all else is answered. */
async function serveBoth(stack: AsyncDisposableStack, namespace: NetworkNamespace): Promise<void> {
  const answer = (
    request: http.IncomingMessage | http2.Http2ServerRequest,
    response: http.ServerResponse | http2.Http2ServerResponse,
  ): void => {
    if (request.url !== '/events') {
      // Waypoints give each request an id.
      const via = request.headers['x-request-id'] === undefined ? 'nobody' : 'waypoint';
      response.setHeader('x-via', via);
      response.end('an answer');
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    const ticking = setInterval(() => (response as http.ServerResponse).write('data: x\n\n'), 50);
    response.on('close', () => clearInterval(ticking));
  };
  for (const [port, server] of [
    [http1Port, http.createServer(answer)],
    [http2Port, http2.createServer(answer)],
  ] as const) {
    const { fd } = listenTcp({ host: '::', port, namespace });
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen({ fd });
    await once(server, 'listening');
    stack.defer(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
  }
}

interface Asked {
  readonly status: number;
  /** `waypoint` or `nobody`. */
  readonly via?: string;
}

/** One request on a connection of its own; status 0 when the connection ended instead. */
async function ask({ client, host }: Pick<Context, 'client' | 'host'>, path = '/'): Promise<Asked> {
  const agent = new PodAgent(client, { keepAlive: false });
  const request = http.request({ agent, host, port: http1Port, path, timeout: 5_000 });
  request.end();
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await text(response);
    const via = response.headers['x-via']?.toString();
    return { status: response.statusCode ?? 0, ...(via !== undefined && { via }) };
  } catch {
    return { status: 0 };
  }
}

/** Follows the events; answers how many have come. */
async function follow({ client, host }: Context, stack: AsyncDisposableStack) {
  const agent = new PodAgent(client, { keepAlive: false });
  const request = http.request({ agent, host, port: http1Port, path: '/events' });
  stack.defer(() => void request.destroy());
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const seen = { count: 0, ended: false, close: () => request.destroy() };
  response.on('data', () => seen.count++);
  response.on('error', () => undefined);
  response.on('close', () => {
    seen.ended = true;
  });
  return seen;
}

async function underLoad(
  { client: namespace, host }: Context,
  stack: AsyncDisposableStack,
  act: () => Promise<void>,
): Promise<{ readonly wentAway: number }> {
  const first = new Http1Load({ host, port: http1Port, namespace }).start();
  stack.defer(() => first.stop());
  const second = new Http2Load({ host, port: http2Port, namespace }).start();
  stack.defer(() => second.stop());
  const onwards = async (): Promise<void> => {
    const [one, two] = [first.succeeded, second.succeeded];
    await until('traffic', async () => {
      return (first.succeeded > one + 50 && second.succeeded > two + 50) || undefined;
    });
  };
  await onwards();
  await act();
  await onwards();
  await first.stop();
  await second.stop();
  assert.equal([first.failures, second.failures], [[], []]);
  return second;
}

async function pods(mesh: LaptopMesh): Promise<readonly string[]> {
  const label = 'gateway.networking.k8s.io/gateway-name=waypoint';
  const names = ['get', 'pods', '-l', label, '-o', 'jsonpath={.items[*].metadata.name}'];
  return (await mesh.kubectl(...names)).split(' ').filter((name) => name !== '');
}

test('an update costs no request, and long answers go on', async (context) => {
  const { mesh, stack } = context;
  const [old] = await pods(mesh);
  const events = await follow(context, stack);
  const load = await underLoad(context, stack, async () => {
    await mesh.kubectl('rollout', 'restart', 'deployment/waypoint');
    await mesh.kubectl('rollout', 'status', 'deployment/waypoint', '--timeout=60s');
    await until('the old pod to be told to end', async () => {
      const mark = 'jsonpath={.metadata.deletionTimestamp}';
      return (await mesh.kubectl('get', 'pod', old ?? '', '-o', mark)) !== '' || undefined;
    });
    const { count } = events;
    await until('more events', async () => events.count > count + 5 || undefined);
  });
  assert.ok(load.wentAway > 0, 'HTTP/2 clients are told');
  assert.is(events.ended, false);
  events.close();
  await until('the old pod to be gone', async () => {
    const names = await pods(mesh);
    return (names.length === 1 && names[0] !== old) || undefined;
  });
});

test('more and fewer replicas cost no request', async (context) => {
  const { mesh, stack } = context;
  await underLoad(context, stack, async () => {
    for (const replicas of [3, 1]) {
      await mesh.kubectl('scale', 'deployment/waypoint', `--replicas=${replicas}`);
      await until(`${replicas} pods`, async () => {
        const ready = ['get', 'deployment/waypoint', '-o', 'jsonpath={.status.readyReplicas}'];
        const isReady = (await mesh.kubectl(...ready)) === String(replicas);
        return (isReady && (await pods(mesh)).length === replicas) || undefined;
      });
    }
  });
});

test('another form of its access log costs no request', async (context) => {
  const { mesh, stack } = context;
  await underLoad(context, stack, async () => {
    await apply(mesh, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: {
        mesh: 'accessLogFile: /dev/stdout\naccessLogFormat: "%REQ(:METHOD)% %UPSTREAM_CLUSTER%"',
      },
    });
    await until('lines of that form', async () => {
      const logs = await Promise.all((await pods(mesh)).map((pod) => mesh.kubectl('logs', pod)));
      const line = `GET outbound|${http1Port}||web.default.svc.cluster.local`;
      return logs.some((log) => log.split('\n').includes(line)) || undefined;
    });
    await mesh.kubectl('rollout', 'status', 'deployment/waypoint', '--timeout=60s');
  });
});

/** A condition of the service, as `STATUS REASON`; empty when it is not there. */
async function condition(mesh: LaptopMesh, type: string): Promise<string> {
  const path = `jsonpath={range .status.conditions[?(@.type=="${type}")]}{.status} {.reason}{end}`;
  return await mesh.kubectl('get', 'service', 'web', '-o', path);
}

function becomes(mesh: LaptopMesh, type: string, wanted: string): Promise<true> {
  return until(`${type} to be "${wanted}"`, async () => {
    return (await condition(mesh, type)) === wanted || undefined;
  });
}

function answers(context: Context, wanted: (asked: Asked) => boolean, what: string) {
  return until(what, async () => wanted(await ask(context)) || undefined);
}

const isRefused = ({ status }: Asked): boolean => status === 0;
const isDirect = ({ via }: Asked): boolean => via === 'nobody';
const isServed = ({ via }: Asked): boolean => via === 'waypoint';

test('without a pod it refuses and says so, or is gone around where that was chosen', async (context) => {
  const { mesh } = context;
  await mesh.kubectl('scale', 'deployment/waypoint', '--replicas=0');
  await becomes(mesh, 'ambit.io/WaypointReady', 'False NoReadyPod');
  await answers(context, isRefused, 'a refusal');
  // Connections of the load may end with the waypoint's drain, later than these.
  const again = () => ask(context);
  await whyOf(mesh, 'client', 'web', /AMB1407/, again);

  const open = 'ambit.io/waypoint-failure-mode=open';
  await mesh.kubectl('annotate', 'service', 'web', open);
  await answers(context, isDirect, 'a direct answer');
  await whyOf(mesh, 'client', 'web', /around waypoint default\/waypoint/, again);
  await apply(mesh, {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'no-deletes' },
    spec: {
      targetRefs: [{ kind: 'Service', group: '', name: 'web' }],
      action: 'DENY',
      rules: [{ to: [{ operation: { methods: ['DELETE'] } }] }],
    },
  });
  await answers(context, isRefused, 'a refusal for the sake of the policy');
  await mesh.kubectl('delete', 'authorizationpolicy', 'no-deletes');
  await answers(context, isDirect, 'a direct answer again');

  await mesh.kubectl('scale', 'deployment/waypoint', '--replicas=1');
  await becomes(mesh, 'ambit.io/WaypointReady', '');
  await answers(context, isServed, 'an answer by way of the waypoint');
  await mesh.kubectl('annotate', 'service', 'web', 'ambit.io/waypoint-failure-mode-');
});

test('a canary takes its share of new connections', async (context) => {
  const { mesh, stack } = context;
  await apply(mesh, gateway('canary'));
  stack.defer(() => void mesh.kubectl('delete', 'gateway', 'canary'));
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/canary', '--timeout=60s');
  await apply(mesh, {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'tells-the-canary' },
    spec: {
      targetRefs: [{ kind: 'Gateway', group: 'gateway.networking.k8s.io', name: 'canary' }],
      action: 'DENY',
      rules: [{ to: [{ operation: { paths: ['/which'] } }] }],
    },
  });
  await mesh.kubectl('label', 'service', 'web', 'istio.io/use-waypoint-canary=canary');
  await mesh.kubectl('annotate', 'service', 'web', 'istio.io/use-waypoint-canary-weight=25');
  const atCanary = async (): Promise<boolean> => {
    const { status } = await ask(context, '/which');
    assert.ok(status === 403 || status === 200, `status ${status}`);
    return status === 403;
  };
  await until('the canary to be asked', async () => (await atCanary()) || undefined);
  const count = 200;
  let found = 0;
  for (let asked = 0; asked < count; asked++) if (await atCanary()) found++;
  withinChance(found, count, 0.25);
  await mesh.kubectl(
    'annotate',
    '--overwrite',
    'service',
    'web',
    'istio.io/use-waypoint-canary-weight=most',
  );
  await becomes(mesh, 'ambit.io/CanaryBound', 'False CanaryInvalidWeight');
  await mesh.kubectl('label', 'service', 'web', 'istio.io/use-waypoint-canary-');
  await becomes(mesh, 'ambit.io/CanaryBound', '');
});

test('its removal refuses what still asks for it, and no more', async (context) => {
  const { mesh } = context;
  await mesh.kubectl('delete', 'gateway', 'waypoint');
  await becomes(mesh, 'istio.io/WaypointBound', 'False WaypointNotFound');
  await answers(context, isRefused, 'a refusal');
  await mesh.kubectl('label', 'service', 'web', 'istio.io/use-waypoint-');
  await answers(context, isDirect, 'a direct answer');
  await becomes(mesh, 'istio.io/WaypointBound', '');
});

test.run();
