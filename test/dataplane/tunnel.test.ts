import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { socketStream } from '../../src/dataplane/duplex-stream.ts';
import { splice } from '../../src/dataplane/splice.ts';
import type { TunnelRequest } from '../../src/dataplane/tunnel/tunnel.ts';
import { parseIp } from '../../src/mesh/address.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { TestAuthority } from '../support/certificates.ts';
import { suite } from '../support/suite.ts';
import {
  dial,
  identity,
  readAll,
  startPool,
  startTunnelServer,
  targetAt,
} from '../support/tunnels.ts';

const test = suite('tunnel');
const server = identity('server');

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AmbitError) return error.code;
    throw error;
  }
  return 'no error';
}

const echo = (request: TunnelRequest): void => {
  const stream = request.accept({ baggage: 'service.name=echo' });
  void splice(stream, stream);
};

test('carries a stream with identities proved on both sides', async ({ stack }) => {
  const authority = new TestAuthority();
  const requests: TunnelRequest[] = [];
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => {
      requests.push(request);
      echo(request);
    },
  });
  const pool = startPool(stack, authority);
  const headers = { baggage: 'k8s.namespace.name=default' };
  const result = await pool.open(targetAt(endpoint, [server], { headers }));
  assert.is(result.kind, 'open');
  if (result.kind !== 'open') return;
  assert.is(result.peerIdentity, server);
  assert.is(result.headers.get('baggage'), 'service.name=echo');
  assert.is(requests[0]?.peerIdentity, identity('client'));
  assert.is(requests[0]?.authority, '10.0.0.1:80');
  assert.is(requests[0]?.headers.get('baggage'), 'k8s.namespace.name=default');
  assert.is(requests[0]?.local.port, endpoint.port);
  await result.stream.write(Buffer.from('hello'));
  await result.stream.end();
  assert.is((await readAll(result.stream)).toString(), 'hello');
  await result.stream.closed;
});

test('passes a half-close and goes on in the other direction', async ({ stack }) => {
  const authority = new TestAuthority();
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => {
      const stream = request.accept();
      void (async () => {
        const received = await readAll(stream);
        await stream.write(Buffer.from(`after the end: ${received.length}`));
        await stream.end();
      })();
    },
  });
  const result = await startPool(stack, authority).open(targetAt(endpoint, [server]));
  if (result.kind !== 'open') throw new Error('refused');
  await result.stream.write(randomBytes(70_000));
  await result.stream.end();
  assert.is((await readAll(result.stream)).toString(), 'after the end: 70000');
});

test('carries 50 MB in both directions at once without a changed byte', async ({ stack }) => {
  const authority = new TestAuthority();
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: echo,
  });
  const result = await startPool(stack, authority).open(targetAt(endpoint, [server]));
  if (result.kind !== 'open') throw new Error('refused');
  const { stream } = result;
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const block = randomBytes(1 << 20);
  const writing = (async () => {
    for (let count = 0; count < 50; count++) {
      sent.update(block);
      await stream.write(block);
    }
    await stream.end();
  })();
  let total = 0;
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) {
    total += chunk.length;
    received.update(chunk);
  }
  await writing;
  assert.is(total, 50 << 20);
  assert.is(received.digest('hex'), sent.digest('hex'));
});

test('reports a refusal with its status and headers', async ({ stack }) => {
  const authority = new TestAuthority();
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => request.refuse(401, { 'ambit-decision': 'ab AMB1401' }),
  });
  const result = await startPool(stack, authority).open(targetAt(endpoint, [server]));
  assert.is(result.kind, 'refused');
  if (result.kind !== 'refused') return;
  assert.is(result.status, 401);
  assert.is(result.headers.get('ambit-decision'), 'ab AMB1401');
});

test('does not talk to a peer that proves another identity', async ({ stack }) => {
  const authority = new TestAuthority();
  let requests = 0;
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: identity('impostor'),
    onRequest: () => requests++,
  });
  const opening = startPool(stack, authority).open(targetAt(endpoint, [server]));
  assert.is(await codeOf(opening), 'AMB1504');
  assert.is(requests, 0);
});

test('refuses a client of another trust domain', async ({ stack }) => {
  const authority = new TestAuthority();
  const refused: string[] = [];
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: echo,
    onRefusedPeer: (error) => refused.push(error.code),
  });
  const sourceIdentity = identity('client', 'elsewhere.example');
  const opening = startPool(stack, authority).open(
    targetAt(endpoint, [server], { sourceIdentity }),
  );
  assert.is(await codeOf(opening), 'AMB1506');
  assert.equal(refused, ['AMB1504']);
});

test('refuses a peer whose certificate comes from another root', async ({ stack }) => {
  const { endpoint } = await startTunnelServer(stack, {
    authority: new TestAuthority('one'),
    identity: server,
    onRequest: echo,
  });
  const opening = startPool(stack, new TestAuthority('two')).open(targetAt(endpoint, [server]));
  assert.is(await codeOf(opening), 'AMB1503');
});

test('names a refused connection', async ({ stack }) => {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  const peer = { address: parseIp('127.0.0.1')!, port };
  const opening = startPool(stack, new TestAuthority()).open(targetAt(peer, [server]));
  assert.is(await codeOf(opening), 'AMB1502');
});

test('shares one connection per source and peer, and none across scopes', async ({ stack }) => {
  const authority = new TestAuthority();
  const { endpoint, sockets } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: echo,
  });
  const pool = startPool(stack, authority);
  const results = await Promise.all(
    Array.from({ length: 20 }, () => pool.open(targetAt(endpoint, [server]))),
  );
  assert.is(sockets.length, 1);
  assert.ok(results.every((result) => result.kind === 'open'));
  await pool.open(targetAt(endpoint, [server], { poolScope: 'pod-2' }));
  await pool.open(targetAt(endpoint, [server], { sourceIdentity: identity('other') }));
  assert.is(sockets.length, 3);
  assert.is(pool.size, 3);
});

test('opens a further connection when a hundred streams are on one', async ({ stack }) => {
  const authority = new TestAuthority();
  const { endpoint, sockets } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: echo,
  });
  const pool = startPool(stack, authority);
  const opening = Array.from({ length: 101 }, () => pool.open(targetAt(endpoint, [server])));
  await Promise.all(opening);
  assert.is(sockets.length, 2);
});

test('goes elsewhere when the peer drains, and lets open streams finish', async ({ stack }) => {
  const authority = new TestAuthority();
  const started = await startTunnelServer(stack, { authority, identity: server, onRequest: echo });
  const pool = startPool(stack, authority);
  const first = await pool.open(targetAt(started.endpoint, [server]));
  if (first.kind !== 'open') throw new Error('refused');
  const drained = started.server.drain();
  await first.stream.write(Buffer.from('still here'));
  assert.is(Buffer.from((await first.stream.read())!).toString(), 'still here');
  await first.stream.end();
  await readAll(first.stream);
  await drained;
  assert.is(await codeOf(pool.open(targetAt(started.endpoint, [server]))), 'AMB1503');
});

test('shows a lost connection as a reset and not as an end', async ({ stack }) => {
  const authority = new TestAuthority();
  const started = await startTunnelServer(stack, { authority, identity: server, onRequest: echo });
  const pool = startPool(stack, authority);
  const result = await pool.open(targetAt(started.endpoint, [server]));
  if (result.kind !== 'open') throw new Error('refused');
  await result.stream.write(Buffer.from('x'));
  await result.stream.read();
  started.sockets[0]!.resetAndDestroy();
  let outcome = 'end';
  await result.stream.read().catch(() => {
    outcome = 'reset';
  });
  assert.is(outcome, 'reset');
  await result.stream.closed;
});

test('stays up while pings are answered, past every time limit of its making', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  const pinged: number[] = [];
  // A second passes in ten milliseconds.
  const clock: Clock = {
    ...systemClock,
    wait: (ms, signal) => {
      pinged.push(ms);
      return systemClock.wait(ms / 100, signal);
    },
  };
  const started = await startTunnelServer(stack, { authority, identity: server, onRequest: echo });
  const pool = startPool(stack, authority, clock);
  const result = await pool.open(targetAt(started.endpoint, [server]));
  if (result.kind !== 'open') throw new Error('refused');
  while (pinged.filter((ms) => ms === 20_000).length < 4) await new Promise(setImmediate);
  await result.stream.write(Buffer.from('still here'));
  assert.is(Buffer.from((await result.stream.read())!).toString(), 'still here');
});

test('gives up a connection whose peer does not answer pings', async ({ stack }) => {
  const authority = new TestAuthority();
  const started = await startTunnelServer(stack, { authority, identity: server, onRequest: echo });
  // A relay that falls silent, as a node does whose power is gone.
  const relayed: Socket[] = [];
  const relay = createServer((socket) => {
    const onward = connect(started.endpoint.port, '127.0.0.1');
    relayed.push(socket, onward);
    socket.on('data', (chunk) => onward.write(chunk));
    onward.on('data', (chunk) => socket.write(chunk));
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  stack.defer(() => {
    for (const socket of relayed) socket.destroy();
    relay.close();
  });
  const { port } = relay.address() as AddressInfo;
  const clock: Clock = {
    ...systemClock,
    wait: (ms, signal) => systemClock.wait(ms / 100, signal),
  };
  const pool = startPool(stack, authority, clock);
  const result = await pool.open(targetAt({ ...started.endpoint, port }, [server]));
  if (result.kind !== 'open') throw new Error('refused');
  for (const socket of relayed) socket.removeAllListeners('data').resume();
  assert.is(await codeOf(result.stream.read()), 'AMB1506');
  await result.stream.closed;
});

test('passes a reset of the application on', async ({ stack }) => {
  const authority = new TestAuthority();
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    onRequest: (request) => {
      const stream = request.accept();
      void stream.read().then(() => stream.destroy(new Error('application reset')));
    },
  });
  const result = await startPool(stack, authority).open(targetAt(endpoint, [server]));
  if (result.kind !== 'open') throw new Error('refused');
  await result.stream.write(Buffer.from('x'));
  let outcome = 'end';
  await result.stream.read().catch(() => {
    outcome = 'reset';
  });
  assert.is(outcome, 'reset');
});

test('splices sockets and counts bytes per direction', async ({ stack }) => {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    const stream = socketStream(socket);
    void (async () => {
      const question = await readAll(stream);
      await stream.write(Buffer.concat([question, question]));
      await stream.end();
    })();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  stack.defer(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const peer = { address: parseIp('127.0.0.1')!, port };
  const outcomes: unknown[] = [];
  const middle = createServer({ allowHalfOpen: true }, (socket) => {
    void dial(peer).then(async (upstream) => {
      outcomes.push(await splice(socketStream(socket), socketStream(upstream)));
    });
  });
  middle.listen(0, '127.0.0.1');
  await once(middle, 'listening');
  stack.defer(() => void middle.close());
  const front = (middle.address() as AddressInfo).port;
  const client = socketStream(await dial({ ...peer, port: front }));
  await client.write(Buffer.from('12345'));
  await client.end();
  assert.is((await readAll(client)).toString(), '1234512345');
  await client.closed;
  while (outcomes.length === 0) await new Promise(setImmediate);
  assert.equal(outcomes, [{ aToB: 5, bToA: 10 }]);
});

test.run();
