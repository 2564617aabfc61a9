// What the agent proves period after period, and puts back: on a real kernel, with a stand-in for ztunnel.

import * as assert from 'uvu/assert';
import { verifyRedirection } from '../../src/cni/redirect/apply.ts';
import { quarantineTable } from '../../src/cni/redirect/quarantine.ts';
import { ip, ipJson } from '../../src/linux/ip.ts';
import { NetworkNamespace, removeNamespaceMount } from '../../src/linux/network-namespace.ts';
import { nft, nftJson } from '../../src/linux/nft.ts';
import type { FakeZtunnel } from '../cni/fake-ztunnel.ts';
import { until } from '../cni/fake-ztunnel.ts';
import { addresses, usualSettings } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import { AgentScene, mode } from './agent-scene.ts';

const test = suite('healing', { deadlineMs: 40_000 });

/** An agent that proves without a pause, and a pod that it has enrolled. */
async function enrolledPod(
  stack: AsyncDisposableStack,
): Promise<{ scene: AgentScene; ztunnel: FakeZtunnel; uid: string }> {
  const scene = await AgentScene.make(stack);
  await scene.agent({ AMBIENT_PROOF_PERIOD_MS: '100' });
  const ztunnel = await scene.ztunnel();
  const uid = scene.pod('cart', addresses.alpha, { labels: { [mode]: 'ambient' } });
  await scene.becomes('cart', 'enabled');
  return { scene, ztunnel, uid };
}

/** Another namespace at a place, with an interface that owns the addresses of the first pod. */
async function replaceNamespace(
  stack: AsyncDisposableStack,
  file: string,
): Promise<NetworkNamespace> {
  removeNamespaceMount(file);
  const namespace = stack.use(NetworkNamespace.create(file));
  const { ipv4, ipv6 } = addresses.alpha;
  await ip(
    [
      'link add eth0 type bridge',
      `address add ${ipv4}/24 dev eth0`,
      `address add ${ipv6}/64 dev eth0 nodad`,
      'link set dev eth0 up',
    ],
    namespace,
  );
  return namespace;
}

async function tableNames(namespace: NetworkNamespace): Promise<readonly string[]> {
  const { nftables } = (await nftJson(['list', 'tables'], namespace)) as {
    nftables: readonly { readonly table?: { readonly name: string } }[];
  };
  return nftables.flatMap(({ table }) => table?.name ?? []);
}

test('a pod whose namespace was replaced joins anew in the one that is its own', async ({
  stack,
}) => {
  const { scene, ztunnel, uid } = await enrolledPod(stack);
  const { alpha, paths } = scene.network;
  assert.is(ztunnel.namespaces.get(uid), alpha.id);
  const other = await replaceNamespace(stack, paths.alpha);
  await until(() => ztunnel.namespaces.get(uid) === other.id, 'ztunnel to hear of it');
  await until(
    async () => (await verifyRedirection(other, usualSettings)).length === 0,
    'the rules in the other namespace',
  );
  await scene.becomes('cart', 'enabled');
  const told = scene.messages('cart').join('\n');
  assert.match(told, /AMB1314 .*may have been replaced by another/);
  assert.match(await scene.registry.text(), /redirection_problems_total\{kind="namespace"\} \d/);
});

test('a pod whose namespace cannot be found is denied until it is', async ({ stack }) => {
  const { scene } = await enrolledPod(stack);
  const { alpha, paths } = scene.network;
  removeNamespaceMount(paths.alpha);
  await until(
    async () => (await tableNames(alpha)).includes(quarantineTable),
    'the pod to be denied',
  );
  await scene.becomes('cart', 'pending');
  const told = (): string => scene.messages('cart').join('\n');
  await until(() => /AMB1315 .*no network namespace can be told/.test(told()), 'the event');
  await until(() => /AMB1305 no namespace in/.test(told()), 'the reason');

  const other = await replaceNamespace(stack, paths.alpha);
  await scene.becomes('cart', 'enabled');
  assert.equal(await verifyRedirection(other, usualSettings), []);
  const annotations = (): object =>
    scene.api.store.get('pods', 'shop', 'cart')?.metadata.annotations ?? {};
  await until(() => !('ambit.io/quarantine' in annotations()), 'the annotation to go');
  assert.not.ok((await tableNames(other)).includes(quarantineTable));
});

test('the rule for probes and its addresses are put back', async ({ stack }) => {
  const { scene } = await enrolledPod(stack);
  const { node } = scene.network;
  const exempted = async (): Promise<boolean> => {
    const listing = await nftJson(['list', 'ruleset'], node).catch(() => undefined);
    const text = JSON.stringify(listing ?? '');
    const { ipv4, ipv6 } = addresses.alpha;
    return text.includes('snat') && text.includes(ipv4) && text.includes(ipv6);
  };
  await until(exempted, 'the rule');
  await nft('delete table inet istio-ambient-nat', node);
  await until(exempted, 'the rule again');
  await nft('flush set inet istio-ambient-nat istio-inpod-probes-v6', node);
  await until(exempted, 'the address again');
  // Counted when it is back.
  await until(
    async () => /problems_total\{kind="probes"\} [2-9]/.test(await scene.registry.text()),
    'the count',
  );
});

/** What others have in a namespace, as text that can be compared. */
async function foreign(namespace: NetworkNamespace): Promise<string> {
  const { nftables } = (await nftJson(['list', 'ruleset'], namespace)) as {
    nftables: readonly Record<string, { table?: string; name?: string }>[];
  };
  const ours = /^(istio-ambient-(nat|mangle|raw)|ambit-\w+)$/;
  const tables = nftables.filter((entry) =>
    Object.entries(entry).every(
      ([kind, { name = '', table = name }]) =>
        kind !== 'metainfo' && !(ours.test(table) && JSON.stringify(entry).includes('"inet"')),
    ),
  );
  const routing = await Promise.all(
    ['-4', '-6'].flatMap((family) => [
      ipJson([family, 'rule', 'show'], namespace),
      ipJson([family, 'route', 'show', 'table', 'all'], namespace),
    ]),
  );
  const others = routing.map((list) =>
    (list as readonly Record<string, unknown>[]).filter(
      // The kernel adds the link-local address when it has made sure that nobody else has it.
      ({ fwmark, type, table, dst }) =>
        fwmark !== '0x111' &&
        !(type === 'local' && table === '100') &&
        !String(dst).startsWith('fe80:'),
    ),
  );
  return JSON.stringify([tables, others], null, 1);
}

/** As iptables-nft and others leave them: own tables, some by the names of our chains, and routing that
 * shares our table and priority. */
const othersRules = `
table ip nat {
  chain OUTPUT {
    type nat hook output priority -100
    ip daddr 10.99.0.1 tcp dport 80 redirect to :8080
  }
  chain istio-output {
    tcp dport 81 accept
  }
}
table ip mangle {
  chain PREROUTING {
    type filter hook prerouting priority -150
    meta mark 0x77 accept
  }
}
table ip istio-ambient-nat {
  chain prerouting {
    tcp dport 82 accept
  }
}
table inet firewall {
  chain input {
    type filter hook input priority 0
    tcp dport 83 drop
  }
}
`;
const othersRouting = [
  '-4 rule add priority 100 fwmark 0x222 lookup 200',
  '-4 rule add priority 32764 fwmark 0x333/0xfff lookup 100',
  '-6 rule add priority 32764 fwmark 0x333/0xfff lookup 100',
  '-4 route add 10.99.0.0/24 dev eth0 table 200',
  '-4 route add 10.98.0.0/24 dev eth0 table 100',
  '-6 route add fd98::/64 dev eth0 table 100',
];

test('rules and routes of others stay as they are, whatever happens to the pod', async ({
  stack,
}) => {
  const scene = await AgentScene.make(stack);
  await scene.agent({ AMBIENT_PROOF_PERIOD_MS: '100', AMBIENT_DNS_CAPTURE: 'true' });
  await scene.ztunnel();
  const { alpha } = scene.network;
  await nft(othersRules, alpha);
  await ip(othersRouting, alpha);
  const before = await foreign(alpha);
  assert.match(before, '10.98.0.0/24');
  const captured = { ...usualSettings, captureDns: true };
  const redirected = async (): Promise<boolean> =>
    (await verifyRedirection(alpha, captured)).length === 0;

  scene.pod('cart', addresses.alpha, { labels: { [mode]: 'ambient' } });
  await scene.becomes('cart', 'enabled');
  assert.ok(await redirected());
  assert.is(await foreign(alpha), before);

  await nft('delete table inet istio-ambient-nat; delete table inet istio-ambient-raw', alpha);
  await ip(['-4 rule del priority 32764 fwmark 0x111/0xfff lookup 100'], alpha);
  await until(redirected, 'the repair');
  await until(
    async () => JSON.stringify(await ipJson(['-4', 'rule', 'show'], alpha)).includes('0x111'),
    'the routing rule',
  );
  assert.is(await foreign(alpha), before);

  scene.label('pods', 'cart', 'none');
  await scene.becomes('cart', undefined);
  await until(
    async () => !JSON.stringify(await ipJson(['-4', 'rule', 'show'], alpha)).includes('0x111'),
    'the routing to go',
  );
  assert.is(await foreign(alpha), before);
});

test.run();
