// Ports of pods forwarded by WebSocket, with a double of the kubelets: by the Kubernetes client library,
// and by the command line's own client.

import { once } from 'node:events';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { KubeConfig, PortForward } from '@kubernetes/client-node';
import * as assert from 'uvu/assert';
import { openPodPort } from '../../../src/cli/port-forward.ts';
import { codeOf } from '../../../src/runtime/errors.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, noPods, startHarness, until } from './api-harness.ts';
import { ask } from './https.ts';

interface Scene {
  readonly api: Harness;
  /** Serves a port of every pod. */
  readonly serve: (port: number, onSocket: (socket: Socket) => void) => Promise<Server>;
  readonly open: (port: number, pod?: string) => ReturnType<typeof openPodPort>;
}

const test = suite<Scene>('forwarded ports', {
  setup: async ({ stack }) => {
    const ports = new Map<number, number>();
    const connectTo = async (_namespace: string, _pod: string, port: number): Promise<Socket> => {
      const real = ports.get(port);
      if (real === undefined) throw new Error('connection refused');
      const socket = connect({ port: real, host: '127.0.0.1', allowHalfOpen: true });
      await once(socket, 'connect');
      return socket;
    };
    const api = await startHarness(stack, { podAccess: { ...noPods, connect: connectTo } });
    for (const [name, phase] of [
      ['one', 'Running'],
      ['new', 'Pending'],
    ] as const) {
      const spec = { nodeName: 'node1', containers: [{ name: 'main', image: 'x' }] };
      const metadata = { name, namespace: 'default' };
      api.server.store.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
      api.server.store.mergePatch('pods', 'default', name, { status: { phase } }, 'status');
    }
    const serve: Scene['serve'] = async (port, onSocket) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => undefined);
        onSocket(socket);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      stack.defer(() => void server.close());
      ports.set(port, (server.address() as AddressInfo).port);
      return server;
    };
    const open: Scene['open'] = (port, pod = 'one') => {
      const { server } = api;
      const address = new URL(`https://127.0.0.1:${server.port}`);
      const headers = { authorization: `Bearer ${server.adminToken}` };
      const options = { ca: server.caCertificate, agent: false, headers } as const;
      return openPodPort(address, options, { namespace: 'default', pod, port });
    };
    return { api, serve, open };
  },
});

const echo = (socket: Socket): void => void socket.pipe(socket);

test('the Kubernetes client library forwards to a port, and hears why it cannot', async ({
  api,
  serve,
  signal,
}) => {
  await serve(80, echo);
  const config = new KubeConfig();
  config.loadFromFile(api.kubeconfig);
  const forwards = new PortForward(config);
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const socket = await forwards.portForward('default', 'one', [80], output, errors, input);
  input.write('over and back');
  const [answer] = (await once(output, 'data', { signal })) as [Buffer];
  assert.is(answer.toString(), 'over and back');
  assert.is((socket as { protocol: string }).protocol, 'v4.channel.k8s.io');
  input.end();
  const refusing = new PassThrough();
  await forwards.portForward('default', 'one', [81], new PassThrough(), refusing, input);
  let told = '';
  refusing.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await until(() => told !== '', signal);
  assert.match(told, 'error forwarding port 81 to pod default/one: connection refused [AMB1209]');
});

test('many connections at once are kept apart', async ({ serve, open }) => {
  await serve(80, echo);
  const words = Array.from({ length: 40 }, (_, index) => `connection ${index}`);
  const answers = words.map(async (word) => {
    const connection = await open(80);
    connection.write(word);
    const [answer] = (await once(connection, 'data')) as [Buffer];
    connection.destroy();
    return answer.toString();
  });
  assert.equal(await Promise.all(answers), words);
});

test('a connection ends when the pod ends it, with all that it said', async ({ serve, open }) => {
  await serve(80, (socket) => void socket.end('the last words'));
  const connection = await open(80);
  assert.is(await text(connection), 'the last words');
});

test('the pod gets everything that was written before the client ended', async ({
  serve,
  open,
  signal,
}) => {
  const heard = Promise.withResolvers<Buffer>();
  await serve(80, (socket) => heard.resolve(buffer(socket)));
  const connection = await open(80);
  const said = Buffer.alloc(300_000, 'abc');
  await new Promise<void>((resolve) => connection.write(said, () => resolve()));
  connection.destroy();
  await until(() => connection.closed, signal);
  assert.ok((await heard.promise).equals(said));
});

test('a reader that is slow holds the pod back, and misses nothing', async ({
  serve,
  open,
  signal,
}) => {
  const size = 48 * 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  let stalled = false;
  await serve(80, (socket) => {
    const fill = (): void => {
      stalled = false;
      while (sent < size) {
        sent += chunk.length;
        if (!socket.write(chunk)) {
          stalled = true;
          return;
        }
      }
      socket.end();
    };
    socket.on('drain', fill);
    fill();
  });
  const connection = await open(80);
  // Nobody reads: what is on the way fills up and stays so.
  let before = -1;
  await until(() => {
    const isStill = stalled && sent === before;
    before = sent;
    return isStill;
  }, signal);
  assert.ok(sent < size / 2, `${sent} bytes were taken although nobody read`);
  let got = 0;
  for await (const part of connection) got += (part as Buffer).length;
  assert.is(got, size);
});

test('a closed port fails its connection, with a code', async ({ open }) => {
  const connection = await open(81);
  const [error] = (await once(connection, 'error')) as [Error];
  assert.is(codeOf(error), 'AMB1833');
  assert.match(error.message, 'Pod default/one');
  assert.match(error.message, 'connection refused [AMB1209]');
});

test('what is no running pod, no port or no known caller is refused before it begins', async ({
  api,
  open,
}) => {
  const refusal = async (opening: Promise<unknown>): Promise<string> =>
    await opening.then(
      () => 'opened',
      (error: Error) => error.message,
    );
  assert.match(await refusal(open(80, 'none')), '404: pods "none" not found');
  assert.match(await refusal(open(80, 'new')), 'default/new is not running, it is Pending');
  assert.match(await refusal(open(70_000)), '70000 is not a port from 1 to 65535');
  const path = '/api/v1/namespaces/default/pods/one/portforward';
  const spdy = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
  const old = await ask(api.server, { method: 'POST', path: `${path}?ports=80`, headers: spdy });
  assert.is(old.code, 501);
  assert.match(old.text, 'AMB1207');
  const many = Array.from({ length: 17 }, (_, index) => index + 1).join(',');
  assert.match((await ask(api.server, { path: `${path}?ports=80` })).text, 'AMB1207');
  assert.is(await upgrade(api, `${path}?ports=${many}`, {}), 400);
  assert.is(await upgrade(api, path, {}), 400);
  const stranger = await upgrade(api, `${path}?ports=80`, { authorization: 'Bearer wrong' });
  assert.is(stranger, 401);
  const version = await upgrade(api, `${path}?ports=80`, { 'sec-websocket-version': '8' });
  assert.is(version, 400);
  const elsewhere = await upgrade(api, '/api/v1/namespaces/default/pods/one', {});
  assert.is(elsewhere, 200, 'what does not speak WebSocket answers as ever');
});

/** The status that a WebSocket handshake is answered with. */
function upgrade(
  api: Harness,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const { port, caCertificate: ca, adminToken } = api.server;
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      ca,
      path,
      agent: false,
      headers: {
        authorization: `Bearer ${adminToken}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': Buffer.alloc(16).toString('base64'),
        'sec-websocket-version': '13',
        ...headers,
      },
    });
    asked.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    asked.on('error', reject);
    asked.end();
  });
}

test.run();
