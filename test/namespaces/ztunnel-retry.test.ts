import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { removeRedirection } from '../../src/cni/redirect/apply.ts';
import { listenTcp } from '../../src/linux/tcp.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { addresses, dial, serve } from '../cni/pod-network.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { nextRecord, serviceAddresses, startTwoPods } from './ztunnel-support.ts';

const test = suite('node proxy and endpoints that fail');

test('tries another endpoint of the service before a byte is forwarded, and tells of both', async ({
  stack,
  signal,
}) => {
  const { network, proxies, publish, service } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  // Nothing serves tunnels at the node's own address, and of two endpoints it is taken first.
  const dead = aWorkload('dead', {
    addresses: [ipAddress(addresses.node.ipv4)],
    capacity: 1_000_000,
    services: new Map([[keyOfService(service), service.ports]]),
  });
  publish({ workloads: [dead] });
  const { arrival, socket } = await dial(stack, {
    host: serviceAddresses.ipv4,
    port: 80,
    namespace: network.alpha,
  });
  assert.is(arrival.name, 'beta');
  socket.end();
  const record = await nextRecord(proxies.alpha, () => true, signal);
  assert.is(record.verdict.outcome, 'forwarded');
  assert.is(record.destination.workload, 'beta');
  assert.match(record.verdict.reason, /before that, dead failed with AMB1502/);
});

test('tries another endpoint when the proxy of the first can not reach its application', async ({
  stack,
  signal,
}) => {
  const { network, proxies, publish, service, workloads } = await startTwoPods(stack);
  const other = aService('other', {
    addresses: [{ network: '', address: ipAddress('10.96.0.21') }],
  });
  await serve(stack, 'alpha', { host: '::', port: 8080, namespace: network.alpha });
  const behind = new Map([[keyOfService(other), other.ports]]);
  publish({
    services: [other],
    workloads: [
      { ...workloads.alpha, services: behind },
      {
        ...workloads.beta,
        services: new Map([...behind, [keyOfService(service), []]]),
        capacity: 1e6,
      },
    ],
  });
  const { arrival } = await dial(stack, {
    host: '10.96.0.21',
    port: 80,
    namespace: network.alpha,
  });
  assert.is(arrival.name, 'alpha');
  const refused = await nextRecord(proxies.beta, () => true, signal);
  assert.is(refused.verdict.code, 'AMB1409');
});

test('plans again when the pod has left the mesh while it was being reached', async ({
  stack,
  signal,
}) => {
  const { network, proxies, publish, workloads } = await startTwoPods(stack);
  // The pod's tunnel port takes connections and says nothing, until news come.
  await proxies.beta[Symbol.asyncDispose]();
  await removeRedirection(network.beta);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const { fd } = listenTcp({ host: '::', port: 15_008, namespace: network.beta });
  const silent = createServer((socket) => {
    publish({ workloads: [{ ...workloads.beta, tunnelProtocol: 'none' }] });
    socket.destroy();
  }).listen({ fd });
  stack.defer(() => void silent.close());
  const host = addresses.beta.ipv4;
  const { arrival, socket } = await dial(stack, { host, port: 8080, namespace: network.alpha });
  assert.is(arrival.name, 'beta');
  socket.end();
  const record = await nextRecord(proxies.alpha, () => true, signal);
  assert.is(record.transport, 'plain');
  assert.match(record.verdict.reason, /not in the mesh; before that, beta failed with AMB1503/);
});

test.run();
