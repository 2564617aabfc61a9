import { once } from 'node:events';
import * as assert from 'uvu/assert';
import {
  applyRedirection,
  removeRedirection,
  verifyRedirection,
} from '../../src/cni/redirect/apply.ts';
import { addPolicyRouting } from '../../src/cni/redirect/policy-routing.ts';
import { ProbeExemption } from '../../src/cni/redirect/probe-exemption.ts';
import type { RedirectSettings } from '../../src/cni/redirect/rules.ts';
import { ip, ipJson } from '../../src/linux/ip.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { nft, nftJson } from '../../src/linux/nft.ts';
import { setSysctl } from '../../src/linux/sysctl.ts';
import { openUdp } from '../../src/linux/udp.ts';
import { parseIp } from '../../src/mesh/address.ts';
import {
  addresses,
  dial,
  families,
  loopback,
  makePodNetwork,
  nextLine,
  type PodNetwork,
  probeAddresses,
  serve,
  usualSettings,
} from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';

const test = suite('redirection of a pod');

const mark = 1337;

/** Pod alpha is redirected, with an application at 8080 and a stand-in for the proxy; pod beta is
 * not, with an application at 8080 and one at 15008. */
async function redirected(
  stack: AsyncDisposableStack,
  changes: Partial<RedirectSettings> = {},
): Promise<PodNetwork> {
  const network = await makePodNetwork(stack);
  await applyRedirection(network.alpha, { ...usualSettings, ...changes });
  await serve(stack, 'application', { host: '::', port: 8080, namespace: network.alpha });
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  for (const [name, port] of [
    ['outbound', 15001],
    ['inbound', 15006],
    ['tunnel', 15008],
  ] as const) {
    await serve(stack, name, { host: '::', port, namespace: network.alpha, mark });
  }
  return network;
}

for (const family of families) {
  test(`sends outbound ${family} connections to the proxy, which learns where to`, async ({
    stack,
  }) => {
    const { alpha } = await redirected(stack);
    const { arrival } = await dial(stack, {
      host: addresses.beta[family],
      port: 8080,
      namespace: alpha,
    });
    assert.is(arrival.name, 'outbound');
    assert.equal(arrival.originalDestination, { address: addresses.beta[family], port: 8080 });
  });

  test(`sends inbound ${family} plaintext to the proxy, which learns where to and who from`, async ({
    stack,
  }) => {
    const { beta } = await redirected(stack);
    for (const port of [8080, 15001, 15006]) {
      const host = addresses.alpha[family];
      const { arrival } = await dial(stack, { host, port, namespace: beta });
      assert.is(arrival.name, 'inbound');
      assert.is(arrival.source, addresses.beta[family]);
      assert.equal(arrival.originalDestination, { address: host, port });
    }
  });

  test(`leaves the ${family} tunnel port alone`, async ({ stack }) => {
    const { beta } = await redirected(stack);
    const host = addresses.alpha[family];
    const { arrival } = await dial(stack, { host, port: 15008, namespace: beta });
    assert.is(arrival.name, 'tunnel');
  });

  test(`lets the proxy's own ${family} connections out`, async ({ stack }) => {
    const { alpha } = await redirected(stack);
    const host = addresses.beta[family];
    const { arrival } = await dial(stack, { host, port: 8080, namespace: alpha, mark });
    assert.is(arrival.name, 'beta');
    assert.is(arrival.source, addresses.alpha[family]);
  });

  test(`brings ${family} answers for a foreign address back to the proxy`, async ({ stack }) => {
    const { alpha } = await redirected(stack);
    const { socket, arrival } = await dial(stack, {
      host: addresses.alpha[family],
      port: 8080,
      namespace: alpha,
      mark,
      localAddress: addresses.beta[family],
    });
    assert.is(arrival.name, 'application');
    assert.is(arrival.source, addresses.beta[family]);
    socket.write('still there');
    assert.is(await nextLine(socket), 'still there');
  });

  test(`does not touch ${family} loopback or the pod's calls to itself`, async ({ stack }) => {
    const { alpha } = await redirected(stack);
    for (const host of [loopback[family], addresses.alpha[family]]) {
      const { arrival } = await dial(stack, { host, port: 8080, namespace: alpha });
      assert.is(arrival.name, 'application', host);
    }
  });

  test(`lets ${family} probes of the kubelet through, and nobody else`, async ({ stack }) => {
    const { node, alpha } = await redirected(stack);
    const probe = { host: addresses.alpha[family], port: 8080, namespace: node };
    const before = await dial(stack, probe);
    assert.is(before.arrival.name, 'inbound');

    const exemption = new ProbeExemption(node, { ipv6: true, kubeletUid: 0, probeAddresses });
    const address = parseIp(addresses.alpha[family])!;
    await exemption.install(new Map([[address, 'uid-of-alpha']]));
    assert.equal(await exemption.verify(), []);
    const { arrival, socket } = await dial(stack, probe);
    assert.is(arrival.name, 'application');
    assert.is(arrival.source, probeAddresses[family]);
    socket.write('healthy');
    assert.is(await nextLine(socket), 'healthy');
    // The pod's own way out is as before.
    const out = await dial(stack, { host: addresses.beta[family], port: 8080, namespace: alpha });
    assert.is(out.arrival.name, 'outbound');

    await exemption.remove('uid-of-alpha');
    assert.is((await dial(stack, probe)).arrival.name, 'inbound');
    await exemption.set('uid-of-alpha', [address]);
    assert.is((await dial(stack, probe)).arrival.name, 'application');

    const other = new ProbeExemption(node, { ipv6: true, kubeletUid: 4711, probeAddresses });
    await other.install(new Map([[address, 'uid-of-alpha']]));
    assert.is((await dial(stack, probe)).arrival.name, 'inbound');
  });

  test(`removal gives ${family} traffic its own way back`, async ({ stack }) => {
    const { alpha, beta } = await redirected(stack);
    await removeRedirection(alpha);
    const out = await dial(stack, { host: addresses.beta[family], port: 8080, namespace: alpha });
    assert.is(out.arrival.name, 'beta');
    const into = await dial(stack, { host: addresses.alpha[family], port: 8080, namespace: beta });
    assert.is(into.arrival.name, 'application');
  });

  test(`lets ${family} plaintext in where inbound is bypassed`, async ({ stack }) => {
    const { alpha, beta } = await redirected(stack, { bypassInbound: true });
    const host = addresses.alpha[family];
    const into = await dial(stack, { host, port: 8080, namespace: beta });
    assert.is(into.arrival.name, 'application');
    const out = await dial(stack, { host: addresses.beta[family], port: 8080, namespace: alpha });
    assert.is(out.arrival.name, 'outbound');
  });

  test(`takes what a virtual interface brings over ${family} for outbound`, async ({ stack }) => {
    const { beta } = await redirected(stack, { virtualInterfaces: ['eth0'] });
    const host = addresses.alpha[family];
    const { arrival } = await dial(stack, { host, port: 8080, namespace: beta });
    assert.is(arrival.name, 'outbound');
  });

  test(`sends ${family} DNS to the proxy where that is wanted`, async ({ stack, signal }) => {
    const { alpha } = await redirected(stack, { captureDns: true });
    await serve(stack, 'dns', { host: '::1', port: 15053, namespace: alpha, mark });
    await serve(stack, 'dns', { host: '127.0.0.1', port: 15053, namespace: alpha, mark });
    const server = await openUdp({ host: '::', port: 15053, namespace: alpha, mark });
    stack.defer(() => {
      server.close();
    });
    server.on('message', (question, peer) => server.send(question, peer.port, peer.address));
    const local = family === 'ipv4' ? '0.0.0.0' : '::';
    const client = await openUdp({ host: local, port: 0, namespace: alpha });
    stack.defer(() => {
      client.close();
    });
    const answer = once(client, 'message', { signal });
    client.send('question', 53, addresses.beta[family]);
    assert.is(String((await answer)[0]), 'question');

    const host = addresses.beta[family];
    const { arrival } = await dial(stack, { host, port: 53, namespace: alpha });
    assert.is(arrival.name, 'dns');
  });
}

test('lets probes through beside a service proxy that translates on the same node', async ({
  stack,
}) => {
  const { node } = await redirected(stack);
  await nft(
    `table inet ambit-services {
       chain output {
         type nat hook output priority -100
         tcp dport 80 dnat ip to ${addresses.alpha.ipv4}:8080
       }
       chain postrouting { type nat hook postrouting priority 100; masquerade; }
     }
    `,
    node,
  );
  const exemption = new ProbeExemption(node, { ipv6: true, kubeletUid: 0, probeAddresses });
  await exemption.install(new Map([[parseIp(addresses.alpha.ipv4)!, 'uid-of-alpha']]));
  await ip(['route replace 192.0.2.1 dev cni0'], node);
  const probe = await dial(stack, { host: addresses.alpha.ipv4, port: 8080, namespace: node });
  assert.is(probe.arrival.name, 'application');
  assert.is(probe.arrival.source, probeAddresses.ipv4);
  // What goes to a service is no probe, whoever sends it.
  const call = await dial(stack, { host: '192.0.2.1', port: 80, namespace: node });
  assert.is(call.arrival.name, 'inbound');
  const direct = await dial(stack, { host: addresses.beta.ipv4, port: 8080, namespace: node });
  assert.is(direct.arrival.source, addresses.node.ipv4);
});

test('installs exactly what was wanted, whatever was there before', async ({ stack }) => {
  const { alpha } = await makePodNetwork(stack);
  const variants: Partial<RedirectSettings>[] = [
    {},
    { captureDns: true },
    { bypassInbound: true, virtualInterfaces: ['vm0', 'tap1'] },
    { ipv6: false, captureDns: true, virtualInterfaces: ['vm0'] },
    {},
  ];
  for (const change of variants) {
    const wanted = { ...usualSettings, ...change };
    await applyRedirection(alpha, wanted);
    await applyRedirection(alpha, wanted);
    assert.equal(await verifyRedirection(alpha, wanted), [], JSON.stringify(change));
    assert.is(await rulesWithMark(alpha, '-4'), 1);
  }
  assert.not.equal(await verifyRedirection(alpha, { ...usualSettings, captureDns: true }), []);
});

test('notices rules that somebody changed', async ({ stack }) => {
  const { alpha } = await makePodNetwork(stack);
  const tampering = [
    'flush chain inet istio-ambient-nat istio-output',
    'delete table inet istio-ambient-mangle',
    'add table inet istio-ambient-raw',
    'insert rule inet istio-ambient-nat istio-output accept',
    'add chain inet istio-ambient-nat extra; flush chain inet istio-ambient-nat output',
  ];
  for (const script of tampering) {
    await applyRedirection(alpha, usualSettings);
    assert.equal(await verifyRedirection(alpha, usualSettings), []);
    await nft(script, alpha);
    assert.not.equal(await verifyRedirection(alpha, usualSettings), [], script);
  }
});

test('repairs the routing of one family when the other has its own', async ({ stack }) => {
  const { alpha } = await makePodNetwork(stack);
  await addPolicyRouting('ipv4', alpha);
  await applyRedirection(alpha, usualSettings);
  assert.is(await rulesWithMark(alpha, '-4'), 1);
  assert.is(await rulesWithMark(alpha, '-6'), 1);
  await ip(['-4 rule del priority 32764'], alpha);
  await applyRedirection(alpha, usualSettings);
  assert.is(await rulesWithMark(alpha, '-4'), 1);
});

test('leaves nothing behind, and removing twice is no error', async ({ stack }) => {
  const { alpha } = await makePodNetwork(stack);
  await nft('add table inet of-somebody-else', alpha);
  await applyRedirection(alpha, { ...usualSettings, captureDns: true });
  await removeRedirection(alpha);
  await removeRedirection(alpha);
  const listing = (await nftJson(['list', 'tables'], alpha)) as { nftables: object[] };
  const tables = listing.nftables.filter((entry) => 'table' in entry);
  assert.is(tables.length, 1);
  for (const option of ['-4', '-6']) {
    assert.is(await rulesWithMark(alpha, option), 0);
    assert.equal(
      await ipJson(
        [option, 'route', 'show', 'table', 'all', 'type', 'local', 'table', '100'],
        alpha,
      ),
      [],
    );
  }
});

test('redirects IPv4 alone in a pod without IPv6', async ({ stack }) => {
  const { alpha, beta } = await makePodNetwork(stack);
  setSysctl('net/ipv6/conf/all/disable_ipv6', 1, alpha);
  setSysctl('net/ipv6/conf/lo/disable_ipv6', 1, alpha);
  await applyRedirection(alpha, usualSettings);
  assert.equal(await verifyRedirection(alpha, usualSettings), []);
  await serve(stack, 'inbound', { host: '0.0.0.0', port: 15006, namespace: alpha, mark });
  const { arrival } = await dial(stack, { host: addresses.alpha.ipv4, port: 80, namespace: beta });
  assert.is(arrival.name, 'inbound');
});

async function rulesWithMark(namespace: NetworkNamespace, option: string): Promise<number> {
  const rules = (await ipJson([option, 'rule', 'show'], namespace)) as { fwmark?: string }[];
  return rules.filter((rule) => rule.fwmark === '0x111').length;
}

test('ends connections from before, so that none goes on beside the mesh', async ({ stack }) => {
  const { alpha, beta } = await makePodNetwork(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: beta });
  const { socket } = await dial(stack, { host: addresses.beta.ipv4, port: 8080, namespace: alpha });
  await applyRedirection(alpha, usualSettings);
  const failed = once(socket, 'error');
  socket.write('hello');
  assert.is(((await failed)[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
});

test.run();
