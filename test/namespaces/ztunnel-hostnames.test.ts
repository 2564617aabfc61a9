import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { connectTcp } from '../../src/linux/tcp.ts';
import { ipToBytes } from '../../src/mesh/address.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { parseQuery, recordTypes } from '../../src/wire/dns/message.ts';
import { addresses, dial, families, serve } from '../cni/pod-network.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { answerTo } from './dns-upstream.ts';
import { nextRecord, startTwoPods } from './ztunnel-support.ts';

const test = suite('endpoints that only have a name');

/** Knows `database.example`: the node of the pods. Gives how to ask it. */
async function startNames(stack: AsyncDisposableStack) {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  stack.defer(() => new Promise<void>((resolve) => void socket.close(() => resolve())));
  socket.on('message', (bytes, { address, port }) => {
    const parsed = parseQuery(bytes);
    if (parsed.kind !== 'query') return;
    const { name, type } = parsed.query.question;
    const known = name.join('.') === 'database.example';
    const own = addresses.node[type === recordTypes.A ? 'ipv4' : 'ipv6'];
    const data = known ? [Buffer.from(ipToBytes(ipAddress(own)))] : [];
    socket.send(answerTo(bytes, type, data, known ? 0x8180 : 0x8183), port, address);
  });
  const server = { address: '127.0.0.1', port: socket.address().port };
  return { nameServers: () => Promise.resolve([server]), ipv6: true };
}

const virtual = { ipv4: '10.96.0.40', ipv6: 'fd96::40' } as const;

/** As a ServiceEntry with resolution DNS is published. */
function database(hostname: string) {
  const service = aService('database', {
    hostname,
    addresses: Object.values(virtual).map((text) => ({ network: '', address: ipAddress(text) })),
    ports: [{ servicePort: 5432, targetPort: 9000, appProtocol: 'unknown' }],
  });
  const endpoint = aWorkload('database', {
    uid: 'Kubernetes/networking.istio.io/ServiceEntry/default/database',
    hostname,
    tunnelProtocol: 'none',
    services: new Map([[keyOfService(service), service.ports]]),
  });
  return { services: [service], workloads: [endpoint] };
}

for (const family of families) {
  test(`are resolved when a connection over ${family} needs them`, async ({ stack, signal }) => {
    const hostLookup = await startNames(stack);
    const { network, proxies, publish, registries } = await startTwoPods(stack, { hostLookup });
    await serve(stack, 'outside', { host: '::', port: 9000, namespace: network.node });
    publish(database('database.example'));
    const { arrival, socket } = await dial(stack, {
      host: virtual[family],
      port: 5432,
      namespace: network.alpha,
    });
    assert.is(arrival.name, 'outside');
    assert.is(arrival.source, addresses.alpha[family], 'the family that was dialled');
    socket.end();
    const record = await nextRecord(proxies.alpha, () => true, signal);
    assert.is(record.destination.workload, 'database');
    assert.match(
      await registries.alpha.text(),
      /istio_on_demand_dns_total\{source_workload="alpha"[^}]*hostname="database.example"\} 1/,
    );
  });
}

test('fail with a code when the name gives nothing', async ({ stack, signal }) => {
  const hostLookup = await startNames(stack);
  const { network, proxies, publish } = await startTwoPods(stack, { hostLookup });
  publish(database('nobody.example'));
  const socket = await connectTcp({ host: virtual.ipv4, port: 5432, namespace: network.alpha });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  await closed;
  const record = await nextRecord(proxies.alpha, () => true, signal);
  assert.is(record.verdict.code, 'AMB1422');
  assert.is(record.destination.service, 'default/nobody.example');
});

test.run();
