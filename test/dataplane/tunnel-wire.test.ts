// What goes over the wire of a tunnel, as Istio's proxies have it (protocol sections 3.1, 3.2 and 3.4).

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { contextOptions } from '../../src/dataplane/certificates/tls-options.ts';
import type { TunnelRequest } from '../../src/dataplane/tunnel/tunnel.ts';
import { TestAuthority } from '../support/certificates.ts';
import { ipAddress } from '../support/mesh-values.ts';
import {
  connectFrame,
  frame,
  frameTypes,
  RawHttp2,
  type Received,
  readFrames,
} from '../support/raw-http2.ts';
import { suite } from '../support/suite.ts';
import { identity, readAll, startPool, startTunnelServer, targetAt } from '../support/tunnels.ts';

const test = suite('a tunnel on the wire');
const server = identity('server');
const kibibyte = 1_024;

/** The values of a SETTINGS frame by identifier (RFC 9113, section 6.5.2). */
function settingsIn({ payload }: Received): Readonly<Record<number, number>> {
  const values: Record<number, number> = {};
  for (let at = 0; at < payload.length; at += 6) {
    values[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2);
  }
  return values;
}

const isSettings = ({ type, flags }: Received): boolean =>
  type === frameTypes.settings && flags === 0;
const isConnectionWindow = ({ type, stream }: Received): boolean =>
  type === frameTypes.windowUpdate && stream === 0;

async function startRaw(stack: AsyncDisposableStack, onRequest: (request: TunnelRequest) => void) {
  const authority = new TestAuthority();
  const { endpoint } = await startTunnelServer(stack, { authority, identity: server, onRequest });
  const certificate = await authority.issue(identity('client'));
  return stack.use(await RawHttp2.open(endpoint, certificate));
}

test('a server announces its windows and limits', async ({ stack }) => {
  const peer = await startRaw(stack, () => undefined);
  const settings = await peer.next(isSettings);
  const values = settings && settingsIn(settings);
  assert.is(values?.[3], 200, 'concurrent streams');
  assert.is(values?.[4], 4_096 * kibibyte, 'window of a stream');
  assert.is(values?.[5], 1_024 * kibibyte, 'frame');
  assert.is(values?.[6], 64 * kibibyte, 'headers');
  const window = await peer.next(isConnectionWindow);
  assert.is(window?.payload.readUInt32BE(0), 16_384 * kibibyte - 65_535);
});

test('a client offers TLS 1.3 and h2, no server name, its certificate, and announces itself', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  const certificate = await authority.issue(server);
  const options = { ...contextOptions(certificate), requestCert: true, ALPNProtocols: ['h2'] };
  const listener = createServer(options);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  stack.defer(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const pool = startPool(stack, authority);
  const peer = { address: ipAddress('127.0.0.1'), port };
  void pool.open(targetAt(peer, [server])).catch(() => undefined);
  const [socket] = (await once(listener, 'secureConnection')) as [TLSSocket];
  stack.defer(() => void socket.destroy());
  socket.on('error', () => undefined);
  assert.is(socket.getProtocol(), 'TLSv1.3');
  assert.match(socket.getCipher().standardName, /^TLS_AES_(256_GCM_SHA384|128_GCM_SHA256)$/);
  assert.is(socket.alpnProtocol, 'h2');
  assert.not((socket as TLSSocket & { servername?: string | false }).servername);
  assert.is(socket.isSessionReused(), false);
  assert.match(socket.getPeerCertificate().subjectaltname ?? '', /sa\/client/);
  const received: Received[] = [];
  let held: Buffer = Buffer.alloc(0);
  while (!received.some(isConnectionWindow)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    held = Buffer.concat([held, chunk]);
    received.splice(0, received.length, ...readFrames(held.subarray(24)).frames);
  }
  assert.is(held.subarray(0, 24).toString(), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const values = settingsIn(received.find(isSettings)!);
  assert.is(values[2], 0, 'no push');
  assert.is(values[4], 4_096 * kibibyte);
  assert.is(values[5], 1_024 * kibibyte);
  assert.is(values[6], 16 * kibibyte);
  const window = received.find(isConnectionWindow);
  assert.is(window?.payload.readUInt32BE(0), 16_384 * kibibyte - 65_535);
});

const resets: readonly (readonly [string, number, string])[] = [
  ['NO_ERROR', 0, 'end after hello'],
  ['CANCEL', 8, 'end after hello'],
  ['INTERNAL_ERROR', 2, 'reset'],
  ['STREAM_CLOSED', 5, 'reset'],
];

for (const [name, code, expected] of resets) {
  test(`a reset of a stream with ${name} is taken for: ${expected}`, async ({ stack }) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const peer = await startRaw(stack, (request) => {
      readAll(request.accept()).then(
        (bytes) => resolve(`end after ${String(bytes)}`),
        () => resolve('reset'),
      );
    });
    const reason = Buffer.of(0, 0, 0, code);
    peer.write(connectFrame(1, '10.0.0.1:80'));
    await peer.next(({ type, stream }) => type === frameTypes.headers && stream === 1);
    peer.write(frame(frameTypes.data, 0, 1, Buffer.from('hello')));
    peer.write(frame(frameTypes.reset, 0, 1, reason));
    assert.is(await promise, expected);
  });
}

test('the end of one direction is an empty frame with END_STREAM, and the other goes on', async ({
  stack,
}) => {
  const { promise: heard, resolve } = Promise.withResolvers<Buffer>();
  const peer = await startRaw(stack, (request) => {
    const stream = request.accept();
    void stream.end().then(async () => resolve(await readAll(stream)));
  });
  peer.write(connectFrame(1, '10.0.0.1:80'));
  const end = await peer.next(({ type, flags }) => type === frameTypes.data && (flags & 1) === 1);
  assert.is(end?.payload.length, 0);
  peer.write(frame(frameTypes.data, 1, 1, Buffer.from('after your end')));
  assert.is(String(await heard), 'after your end');
  assert.not(peer.received.some(({ type }) => type === frameTypes.reset));
});

test('a refusal is a status and END_STREAM in one frame, without a body', async ({ stack }) => {
  const peer = await startRaw(stack, (request) => request.refuse(401));
  peer.write(connectFrame(1, '10.0.0.1:80'));
  const answer = await peer.next(({ type, stream }) => type === frameTypes.headers && stream === 1);
  assert.is((answer?.flags ?? 0) & 1, 1);
  assert.not(peer.received.some(({ type }) => type === frameTypes.data));
});

test.run();
