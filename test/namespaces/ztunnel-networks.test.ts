import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { connectTcp } from '../../src/linux/tcp.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { NodeProxy } from '../../src/ztunnel/node-proxy.ts';
import { dial, families, serve } from '../cni/pod-network.ts';
import { aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { places, startTwoNetworks, type TwoNetworks, virtual } from './two-networks.ts';
import { nextRecord } from './ztunnel-support.ts';

const test = suite('traffic across networks');

/** The client's record of a connection that should fail. */
async function failure(networks: TwoNetworks, signal: AbortSignal) {
  const { namespaces, proxies } = networks;
  const before = outbound(proxies.client).length;
  await connectTcp({ host: virtual.ipv4, port: 80, namespace: namespaces.client }).then(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.on('error', () => undefined);
        socket.once('close', () => resolve());
      }),
    () => undefined,
  );
  while (outbound(proxies.client).length === before) await systemClock.wait(10, signal);
  return outbound(proxies.client)[0]!;
}

function outbound({ decisions }: NodeProxy) {
  return decisions.find({ limit: 100 }).filter(({ direction }) => direction === 'outbound');
}

for (const family of families) {
  test(`goes over ${family} through the gateway, which can not read it, to a proved endpoint`, async ({
    stack,
    signal,
  }) => {
    const networks = await startTwoNetworks(stack);
    const { namespaces, proxies, requests, registries } = networks;
    await serve(stack, 'server', { host: '::', port: 8080, namespace: namespaces.server });
    const { arrival, socket } = await dial(stack, {
      host: virtual[family],
      port: 80,
      namespace: namespaces.client,
    });
    assert.is(arrival.name, 'server');
    socket.end('over there?');
    assert.is(String((await once(socket, 'data'))[0]), 'over there?');
    const out = await nextRecord(proxies.client, () => true, signal);
    assert.is(out.transport, 'gateway');
    assert.is(out.verdict.outcome, 'forwarded');
    assert.is(out.hop?.authority, 'echo.default.svc.cluster.local:80');
    assert.is(out.destination.identity, 'spiffe://cluster.local/ns/default/sa/server');
    assert.is(out.destination.workload, 'server', 'as the endpoint tells of itself');
    const into = await nextRecord(proxies.server, () => true, signal);
    assert.is(into.traceId, out.traceId);
    assert.is(into.source.identity, 'spiffe://cluster.local/ns/default/sa/client');
    assert.is(
      into.source.workload,
      undefined,
      'the address is the gateway, which is not the source',
    );
    assert.is(into.destination.service, 'default/echo.default.svc.cluster.local');
    assert.is(requests[0]?.authority, 'echo.default.svc.cluster.local:80');
    assert.is(requests[0]?.peerIdentity, 'spiffe://cluster.local/ns/default/sa/client');
    assert.not(requests[0]?.headers.has('x-forwarded-network'));
    const labels = await registries.client.text();
    assert.match(labels, /connections_opened_total\{[^}]*destination_workload="server"/);
    const sources = await registries.server.text();
    assert.match(sources, /connections_opened_total\{[^}]*source_workload="client"/);
    assert.not.match(sources, /source_workload="gateway"/);
  });
}

test('shares the tunnel to the gateway and none within it', async ({ stack, signal }) => {
  const networks = await startTwoNetworks(stack);
  const { namespaces, proxies, requests } = networks;
  await serve(stack, 'server', { host: '::', port: 8080, namespace: namespaces.server });
  const target = { host: virtual.ipv4, port: 80, namespace: namespaces.client };
  const open = await Promise.all(Array.from({ length: 5 }, () => dial(stack, target)));
  assert.is(new Set(requests.map(({ peer }) => peer.port)).size, 1, 'one outer connection');
  const inner = new Set(open.map(({ arrival }) => arrival.source));
  assert.is(inner.size, 1);
  for (const { socket } of open) socket.end();
  const served = () => proxies.server.decisions.find({ limit: 10 });
  while (served().length < 5) await systemClock.wait(10, signal);
  assert.is(
    new Set(served().map(({ source }) => source.address)).size,
    5,
    'five inner connections',
  );
});

test('carries 16 MB each way and half-closes across networks without a changed byte', async ({
  stack,
}) => {
  const { namespaces } = await startTwoNetworks(stack);
  await serve(stack, 'server', { host: '::', port: 8080, namespace: namespaces.server });
  const target = { host: virtual.ipv4, port: 80, namespace: namespaces.client };
  const socket = await connectTcp(target);
  stack.defer(() => void socket.destroy());
  const block = randomBytes(1 << 20);
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  let greeted = false;
  socket.on('data', (chunk: Buffer) => {
    received.update(greeted ? chunk : chunk.subarray(chunk.indexOf('\n') + 1));
    greeted = true;
  });
  for (let count = 0; count < 16; count++) {
    sent.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'end');
  assert.is(received.digest('hex'), sent.digest('hex'));
});

test('does not talk to an endpoint there that the service does not name', async ({
  stack,
  signal,
}) => {
  const networks = await startTwoNetworks(stack);
  const { service, publishToClient, proxies } = networks;
  const impostor = 'spiffe://cluster.local/ns/default/sa/somebody-else';
  publishToClient({ services: [{ ...service, subjectAltNames: [impostor] }] });
  const record = await failure(networks, signal);
  assert.is(record.verdict.code, 'AMB1504');
  assert.match(record.verdict.reason, /within the tunnel to gateway 10\.81\.0\.9:15008/);
  assert.is(proxies.server.decisions.find({ limit: 10 }).length, 0);
});

test('tells what the endpoint refused and what the gateway refused apart from success', async ({
  stack,
  signal,
}) => {
  const networks = await startTwoNetworks(stack);
  const nobody = await failure(networks, signal);
  assert.is(nobody.verdict.code, 'AMB1409', 'no application there');
  const { service, publishToClient, remote } = networks;
  const other = { ...service, name: 'other', hostname: 'other.default.svc.cluster.local' };
  const services = new Map([[keyOfService(other), other.ports]]);
  publishToClient({ removed: ['default/echo.default.svc.cluster.local'] });
  publishToClient({ services: [other], workloads: [{ ...remote, services }] });
  const refused = await failure(networks, signal);
  assert.is(refused.verdict.code, 'AMB1507');
  assert.match(refused.verdict.reason, /other\.default\.svc\.cluster\.local:80 answered 503/);
});

const closed: readonly (readonly [string, Partial<Workload>, string, RegExp])[] = [
  [
    'has no gateway',
    { networkGateway: undefined, addresses: [ipAddress(places.server.ipv4)] } as never,
    'AMB1413',
    /which has no gateway/,
  ],
  [
    'has a gateway that nobody knows',
    {
      networkGateway: {
        destination: { kind: 'address', network: 'two', address: ipAddress('192.0.2.1') },
        hbonePort: 15_008,
      },
    },
    'AMB1423',
    /192\.0\.2\.1, but it is not known/,
  ],
];

for (const [what, change, code, reason] of closed) {
  test(`says so when the other network ${what}`, async ({ stack, signal }) => {
    const networks = await startTwoNetworks(stack);
    networks.publishToClient({ workloads: [{ ...networks.remote, ...change }] });
    const record = await failure(networks, signal);
    assert.is(record.verdict.code, code);
    assert.match(record.verdict.reason, reason);
  });
}

test('tries another gateway when one does not answer', async ({ stack, signal }) => {
  const networks = await startTwoNetworks(stack);
  const { publishToClient, namespaces, proxies } = networks;
  await serve(stack, 'server', { host: '::', port: 8080, namespace: namespaces.server });
  // Nothing ends tunnels at the client's own address.
  const dead = aWorkload('dead-gateway', {
    network: 'two',
    addresses: [ipAddress(places.client.ipv4)],
    capacity: 1_000_000,
    services: new Map([['default/gateway.default.svc.cluster.local', []]]),
  });
  publishToClient({ workloads: [dead] });
  const target = { host: virtual.ipv4, port: 80, namespace: namespaces.client };
  const { socket } = await dial(stack, target);
  socket.end();
  const ended = ({ direction }: DecisionRecord) => direction === 'outbound';
  const record = await nextRecord(proxies.client, ended, signal);
  assert.is(record.verdict.outcome, 'forwarded');
  assert.match(record.verdict.reason, /before that, dead-gateway failed with AMB150/);
});

test('labels nothing by what the endpoint says where baggage is switched off', async ({
  stack,
  signal,
}) => {
  const { namespaces, proxies, requests } = await startTwoNetworks(stack, { baggage: false });
  await serve(stack, 'server', { host: '::', port: 8080, namespace: namespaces.server });
  const target = { host: virtual.ipv4, port: 80, namespace: namespaces.client };
  const { socket } = await dial(stack, target);
  socket.end();
  const record = await nextRecord(proxies.client, () => true, signal);
  assert.is(record.destination.workload, 'gateway', 'the next hop, as nothing else is known');
  assert.match(requests[0]?.headers.get('baggage') ?? '', /k8s\.pod\.name=client/);
});

test.run();
