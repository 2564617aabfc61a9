import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { addresses, families, loopback } from '../cni/pod-network.ts';
import { aPolicy } from '../support/mesh-values.ts';
import { type ReadProxyHeader, receiveProxyHeader } from '../support/proxy-protocol.ts';
import { suite } from '../support/suite.ts';
import { nextRecord, serviceAddresses, startTwoPods } from './ztunnel-support.ts';

const test = suite('applications that take the PROXY protocol');

const applicationTunnel: Workload['applicationTunnel'] = { protocol: 'proxy', port: 15_088 };

/** Answers everything that follows the header; gives the headers. */
async function receive(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  host: string,
  port = 15_088,
): Promise<ReadProxyHeader[]> {
  const headers: ReadProxyHeader[] = [];
  const talk = async (socket: Socket): Promise<void> => {
    stack.defer(() => void socket.destroy());
    const { header, rest } = await receiveProxyHeader(socket);
    headers.push(header);
    socket.write(rest);
    socket.pipe(socket);
  };
  const { fd } = listenTcp({ host, port, namespace });
  const server = createServer({ allowHalfOpen: true }, (socket) => void talk(socket));
  server.listen({ fd });
  await once(server, 'listening');
  stack.defer(() => void server.close());
  return headers;
}

/** What comes back to a client that says something at once and finishes. */
async function answerTo(host: string, port: number, namespace: NetworkNamespace): Promise<string> {
  const socket = await connectTcp({ host, port, namespace });
  socket.end('question');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

for (const family of families) {
  test(`tells an application on loopback who is there and what was asked for, over ${family}`, async ({
    stack,
    signal,
  }) => {
    const { network, proxies, publish, workloads } = await startTwoPods(stack);
    publish({ workloads: [{ ...workloads.beta, applicationTunnel }] });
    const headers = await receive(stack, network.beta, loopback[family]);
    const host = addresses.beta[family];
    assert.is(await answerTo(host, 80, network.alpha), 'question');
    const [header] = headers;
    assert.equal(header?.destination, { address: host, port: 80 });
    assert.is(header?.source.address, addresses.alpha[family]);
    assert.equal(
      [...(header?.fields ?? [])],
      [[0xd0, 'spiffe://cluster.local/ns/default/sa/alpha']],
    );
    const record = await nextRecord(proxies.beta, () => true, signal);
    assert.is(record.verdict.outcome, 'forwarded');
    assert.is(record.bytesSent, 8, 'the header is none of the client');
    assert.is(record.bytesReceived, 8);
  });

  test(`takes the place of a waypoint in a sandwich over ${family}: the service as it was dialled`, async ({
    stack,
  }) => {
    const { network, publish, workloads, service } = await startTwoPods(stack);
    publish({
      workloads: [{ ...workloads.beta, applicationTunnel }],
      services: [{ ...service, waypoint: aWaypointAt(addresses.beta.ipv4) }],
    });
    const headers = await receive(stack, network.beta, loopback.ipv4);
    const host = serviceAddresses[family];
    assert.is(await answerTo(host, 80, network.alpha), 'question');
    const [header] = headers;
    assert.equal(header?.destination, { address: host, port: 80 });
  });
}

function aWaypointAt(address: Workload['addresses'][number] | string) {
  const destination = {
    kind: 'address',
    network: '',
    address: address as Workload['addresses'][number],
  } as const;
  return { destination, hbonePort: 15_008 };
}

test('judges before a word is said to the application', async ({ stack, signal }) => {
  const { network, proxies, publish, workloads } = await startTwoPods(stack);
  const headers = await receive(stack, network.beta, loopback.ipv4);
  publish({
    workloads: [{ ...workloads.beta, applicationTunnel }],
    policies: [aPolicy('not-there', 'deny', [{ destinationPorts: [15_088] }])],
  });
  await answerTo(addresses.beta.ipv4, 80, network.alpha).catch(() => '');
  const record = await nextRecord(proxies.beta, () => true, signal);
  assert.is(record.verdict.code, 'AMB1401');
  assert.is(headers.length, 0);
});

test('says when such an application does not run', async ({ stack, signal }) => {
  const { network, proxies, publish, workloads } = await startTwoPods(stack);
  publish({ workloads: [{ ...workloads.beta, applicationTunnel }] });
  await answerTo(addresses.beta.ipv4, 80, network.alpha).catch(() => '');
  const record = await nextRecord(proxies.beta, () => true, signal);
  assert.is(record.verdict.code, 'AMB1409');
  assert.match(record.verdict.reason, /127\.0\.0\.1:15088/);
});

test('reaches the pod by its own address where loopback is switched off', async ({ stack }) => {
  const { network, publish, workloads } = await startTwoPods(stack, { loopbackTunnel: false });
  publish({ workloads: [{ ...workloads.beta, applicationTunnel }] });
  const headers = await receive(stack, network.beta, addresses.beta.ipv4);
  assert.is(await answerTo(addresses.beta.ipv4, 80, network.alpha), 'question');
  assert.is(headers[0]?.source.address, addresses.alpha.ipv4);
});

test.run();
