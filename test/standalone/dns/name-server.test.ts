import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { NetworkNamespace } from '../../../src/linux/network-namespace.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import { parseResolvConf } from '../../../src/runtime/resolv-conf.ts';
import { NameServer } from '../../../src/standalone/dns/name-server.ts';
import { Resolver } from '../../../src/standalone/dns/resolver.ts';
import { Upstream } from '../../../src/standalone/dns/upstream.ts';
import type { Services } from '../../../src/standalone/network/services/service-table.ts';
import { viewService } from '../../../src/standalone/network/services/service-view.ts';
import { askTcp, askUdp, question, readAnswer } from '../../support/dns-client.ts';
import { suite } from '../../support/suite.ts';
import { serviceObject } from '../service-objects.ts';

const test = suite('name server');

const views = [
  viewService(serviceObject('web', { clusterIPs: ['10.96.1.1'], ports: [] })),
  viewService(serviceObject('abroad', { type: 'ExternalName', externalName: 'example.org' })),
];
const services: Services = {
  all: () => views,
  byKey: (key) => views.find((view) => view.key === key),
  endpointsOf: () => [],
};

/** An answer to any question: one A record whose name points to the question. */
function foreignAnswer(query: Buffer): Buffer {
  const answer = Buffer.concat([
    query,
    Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1),
  ]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  return answer;
}

/** A name server of the outside world that sends what `forge` makes of each query, over UDP and TCP. */
async function outside(
  stack: AsyncDisposableStack,
  forge: (query: Buffer) => readonly Buffer[] = (query) => [foreignAnswer(query)],
): Promise<number> {
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const answer of forge(chunk.subarray(2))) {
        socket.write(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 255), answer]));
      }
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (query, peer) => {
    for (const answer of forge(query)) udp.send(answer, peer.port, peer.address);
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  stack.defer(() => void tcp.close());
  stack.defer(() => void udp.close());
  return port;
}

async function serve(
  stack: AsyncDisposableStack,
  servers: readonly number[],
  timeoutMs = 2_000,
): Promise<number> {
  // A port that is free for both, found by asking for one.
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const upstream = new Upstream({
    servers: async () => servers.map((one) => ({ address: '127.0.0.1', port: one })),
    timeoutMs,
  });
  const namespace = stack.use(NetworkNamespace.current());
  const resolver = new Resolver({ services, upstream, log: silentLogger });
  stack.use(await NameServer.start({ namespace, addresses: ['127.0.0.1'], port, resolver }));
  return port;
}

test('answers for the cluster over UDP and, several at once, over TCP', async ({ stack }) => {
  const port = await serve(stack, []);
  const query = question('web.default.svc.cluster.local', 'A');
  const expected = ['web.default.svc.cluster.local A 10.96.1.1'];
  assert.equal(readAnswer(await askUdp(port, query)).answers, expected);
  const answers = await askTcp(port, [query, query, query]);
  for (const answer of answers) assert.equal(readAnswer(answer).answers, expected);
});

test('passes foreign names on, over the transport of the client', async ({ stack }) => {
  const port = await serve(stack, [await outside(stack)]);
  const query = question('www.example.com', 'A');
  const expected = ['www.example.com A 192.0.2.1'];
  assert.equal(readAnswer(await askUdp(port, query)).answers, expected);
  assert.equal(readAnswer((await askTcp(port, [query]))[0] ?? query).answers, expected);
});

test('follows an alias out of the cluster', async ({ stack }) => {
  const port = await serve(stack, [await outside(stack)]);
  const name = 'abroad.default.svc.cluster.local';
  assert.equal(readAnswer(await askUdp(port, question(name, 'A'))).answers, [
    `${name} CNAME example.org`,
    'example.org A 192.0.2.1',
  ]);
});

test('does not believe answers to other questions or with another id', async ({ stack }) => {
  const upstream = await outside(stack, (query) => {
    const otherId = foreignAnswer(query);
    otherId.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
    const otherName = foreignAnswer(query);
    otherName.write('evil', 13);
    const real = foreignAnswer(query);
    real.writeUInt8(7, real.length - 1);
    return [otherId, otherName, query, real];
  });
  const port = await serve(stack, [upstream]);
  const { answers } = readAnswer(await askUdp(port, question('good.example.com', 'A')));
  assert.equal(answers, ['good.example.com A 192.0.2.7']);
});

test('asks the next server when one does not answer', async ({ stack }) => {
  const silent = await outside(stack, () => []);
  const port = await serve(stack, [silent, await outside(stack)], 100);
  const { answers } = readAnswer(await askUdp(port, question('www.example.com', 'A')));
  assert.equal(answers, ['www.example.com A 192.0.2.1']);
});

test('says that it failed when no server answers', async ({ stack }) => {
  const port = await serve(stack, [await outside(stack, () => [])], 50);
  assert.is(readAnswer(await askUdp(port, question('www.example.com', 'A'))).code, 2);
});

test('a connection that asks too much at once is ended, and others go on', async ({ stack }) => {
  const port = await serve(stack, [await outside(stack, () => [])]);
  const socket = connect(port, '127.0.0.1');
  const closed = once(socket, 'close');
  socket.on('error', () => undefined);
  const query = question('www.example.com', 'A');
  const framed = Buffer.concat([Buffer.of(0, query.length), query]);
  socket.write(Buffer.concat(Array.from({ length: 40 }, () => framed)));
  await closed;
  assert.is(readAnswer(await askUdp(port, question('web.default.svc.cluster.local', 'A'))).code, 0);
});

test('reads the name servers of a resolv.conf', () => {
  const text =
    '# a comment\nsearch home\nnameserver 192.0.2.53\n nameserver  2001:db8::53 \nnameserver nonsense\noptions ndots:1\n';
  assert.equal(parseResolvConf(text), [
    { address: '192.0.2.53', port: 53 },
    { address: '2001:db8::53', port: 53 },
  ]);
});

test.run();
