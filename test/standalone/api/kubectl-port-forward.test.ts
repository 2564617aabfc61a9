// Ports of pods forwarded by the stock kubectl, which speaks SPDY: on its own connection up to 1.30, then in a
// WebSocket, which is tried here by hand too.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { constants, createDeflate, createInflate } from 'node:zlib';
import * as assert from 'uvu/assert';
import { headerDictionary } from '../../../src/wire/spdy/dictionary.ts';
import { dataFrame, pingFrame, SpdyReader } from '../../../src/wire/spdy/frames.ts';
import { MessageSocket } from '../../../src/wire/websocket/message-socket.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, noPods, outputWith, startHarness, until } from './api-harness.ts';

const large = 'x'.repeat(3 * 1024 * 1024);

const test = suite<{ api: Harness }>('ports forwarded to kubectl', {
  setup: async ({ stack }) => {
    const server = createServer((asked, answer) => {
      answer.end(asked.url === '/large' ? large : `${asked.url} of the pod`);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    stack.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const connectTo = async (_namespace: string, _pod: string, wanted: number) => {
      if (wanted !== 80) throw new Error('connection refused');
      return connect(port, '127.0.0.1');
    };
    const api = await startHarness(stack, { podAccess: { ...noPods, connect: connectTo } });
    const { store } = api.server;
    const spec = { nodeName: 'node1', containers: [{ name: 'main', image: 'x' }] };
    for (const [name, phase] of [
      ['one', 'Running'],
      ['ended', 'Failed'],
    ] as const) {
      const metadata = { name, namespace: 'default' };
      store.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
      store.mergePatch('pods', 'default', name, { status: { phase } }, 'status');
    }
    return { api };
  },
});

/** The local port that kubectl says it listens on. */
async function listening(child: ChildProcess, signal: AbortSignal): Promise<number> {
  const said = await outputWith(child, '->', signal);
  return Number(/127\.0\.0\.1:(\d+) ->/.exec(said)?.[1]);
}

function fetched(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve(text));
      answer.on('error', reject);
    }).on('error', reject);
  });
}

test('kubectl speaks SPDY on a connection of its own too, as it did before 1.31', async ({
  api,
  signal,
}) => {
  const child = api.start('port-forward pod/one :80', { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' });
  const port = await listening(child, signal);
  const answers = await Promise.all(['/a', '/large', '/b'].map((path) => fetched(port, path)));
  assert.equal(answers, ['/a of the pod', large, '/b of the pod']);
});

test('kubectl port-forward reaches the pod, many times at once, and with large answers', async ({
  api,
  signal,
}) => {
  const child = api.start('port-forward pod/one :80');
  const port = await listening(child, signal);
  const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);
  const answers = await Promise.all(paths.map((path) => fetched(port, path)));
  assert.equal(
    answers,
    paths.map((path) => `${path} of the pod`),
  );
  assert.is((await fetched(port, '/large')).length, large.length);
  assert.is(await fetched(port, '/again'), '/again of the pod');
});

test('kubectl tells what a closed port answers, and why it cannot begin', async ({
  api,
  signal,
}) => {
  const child = api.start('port-forward pod/one :81');
  let told = '';
  child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const port = await listening(child, signal);
  const refused = await fetched(port, '/').then(
    () => 'answered',
    () => 'refused',
  );
  assert.is(refused, 'refused');
  await until(() => told.includes('connection refused'), signal);
  assert.match(told, 'error forwarding port 81 to pod default/one: connection refused [AMB1209]');
  const failed = await api.kubectl('port-forward pod/ended :80');
  assert.is(failed.code, 1);
  assert.match(failed.stderr, 'not running');
});

test('the same in the messages of a WebSocket', async ({ api, signal }) => {
  const messages = await tunnel(api);
  const deflate = createDeflate({ dictionary: headerDictionary() });
  const deflated: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => deflated.push(chunk));
  const inflate = createInflate({ dictionary: headerDictionary() });
  const open = async (stream: number, type: string, port: string): Promise<void> => {
    const block = headers({ streamtype: type, port, requestid: '0' });
    deflate.write(block);
    await new Promise<void>((resolve) => {
      deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(resolve));
    });
    const packed = Buffer.concat(deflated.splice(0));
    const head = Buffer.alloc(18);
    head.writeUInt32BE(0x8003_0001, 0);
    head.writeUInt32BE(10 + packed.length, 4);
    head.writeUInt32BE(stream, 8);
    await messages.send(Buffer.concat([head, packed]));
  };
  await open(1, 'error', '80');
  await open(3, 'data', '80');
  await messages.send(pingFrame(7));
  await messages.send(dataFrame(3, Buffer.from('GET /tunnel HTTP/1.0\r\n\r\n'), false));
  await open(5, 'data', '80000');
  const seen: string[] = [];
  const reader = new SpdyReader();
  for await (const message of messages.messages()) {
    signal.throwIfAborted();
    // The types that only a server sends are read from their bytes.
    for (let at = 0; at < message.length; at += 8 + message.readUIntBE(at + 5, 3)) {
      const frame = message.subarray(at, at + 8 + message.readUIntBE(at + 5, 3));
      if (frame.readUInt16BE(0) === 0x8003 && frame.readUInt16BE(2) === 2) {
        const none = await new Promise<Buffer>((resolve) => {
          inflate.write(frame.subarray(12), () => resolve(inflate.read() as Buffer));
        });
        seen.push(`reply ${frame.readUInt32BE(8)} with ${none.readUInt32BE(0)} headers`);
      } else {
        const [one] = reader.push(frame).frames;
        if (one?.kind === 'ping') seen.push(`ping ${one.id}`);
        if (one?.kind === 'reset') seen.push(`reset ${one.stream}`);
        if (one?.kind === 'data')
          seen.push(`${one.stream} ${one.payload.toString()}${one.isLast ? 'end' : ''}`);
      }
    }
    if (seen.includes('1 end') && seen.includes('reset 5')) break;
  }
  for (const line of ['reply 1 with 0 headers', 'reply 3 with 0 headers', 'ping 7', '3 end']) {
    assert.ok(seen.includes(line), `${line} in ${seen.join('\n')}`);
  }
  assert.ok(seen.some((line) => line.startsWith('3 HTTP/1.1 200') && line.includes('/tunnel of')));
  messages.destroy();
});

/** A header block (draft 3, section 2.6.10). */
function headers(fields: Readonly<Record<string, string>>): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const texts = Object.entries(fields).flat();
  return Buffer.concat([
    number(texts.length / 2),
    ...texts.flatMap((text) => [number(text.length), Buffer.from(text)]),
  ]);
}

async function tunnel(api: Harness): Promise<MessageSocket> {
  const asked = request({
    host: '127.0.0.1',
    port: api.server.port,
    ca: api.server.caCertificate,
    agent: false,
    path: '/api/v1/namespaces/default/pods/one/portforward',
    headers: {
      authorization: `Bearer ${api.server.adminToken}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': Buffer.alloc(16, 1).toString('base64'),
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
    },
  });
  asked.end();
  const [answer, socket, head] = (await once(asked, 'upgrade')) as [
    { headers: Record<string, string> },
    ReturnType<typeof connect>,
    Buffer,
  ];
  assert.is(answer.headers['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io');
  return new MessageSocket(socket, { head, mask: () => Buffer.from([9, 8, 7, 6]) });
}

test.run();
