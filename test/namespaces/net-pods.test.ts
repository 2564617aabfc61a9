import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { ipJson } from '../../src/linux/ip.ts';
import { getSysctl } from '../../src/linux/sysctl.ts';
import { namespacesOf } from '../../src/standalone/network/namespace-names.ts';
import { suite } from '../support/suite.ts';
import { environmentOf, TestNetwork } from './net-support.ts';
import { ask, refusal, serveIn } from './net-traffic.ts';

const test = suite('pod network', {
  setup: async ({ stack }) => ({ net: await TestNetwork.create(stack, 'net-pods') }),
});

test('pods reach one another with their own addresses, on one node and across, in both families', async ({
  stack,
  net,
}) => {
  const pods = ['node1', 'node1', 'node2'].map((node) => net.pod(stack, node));
  for (const pod of pods) await serveIn(stack, pod.namespace, 8080);
  for (const from of pods) {
    for (const to of pods.filter((pod) => pod !== from)) {
      assert.is((await ask(from.namespace, to.ipv4, 8080)).client, from.ipv4);
      assert.is((await ask(from.namespace, to.ipv6, 8080)).client, from.ipv6);
    }
  }
});

test('a node reaches pods everywhere, and pods reach every node', async ({ stack, net }) => {
  const node1 = net.network.node('node1');
  const pod = net.pod(stack, 'node2');
  await serveIn(stack, pod.namespace, 8080);
  assert.is((await ask(node1.namespace, pod.ipv4, 8080)).client, node1.addresses.ipv4);
  assert.is((await ask(node1.namespace, pod.ipv6, 8080)).client, node1.addresses.ipv6);
  await serveIn(stack, node1.namespace, 6443);
  assert.is((await ask(pod.namespace, node1.addresses.ipv4, 6443)).client, pod.ipv4);
  assert.is((await ask(pod.namespace, node1.addresses.ipv6, 6443)).client, pod.ipv6);
});

test('cutting a node off ends traffic across, and letting it back resumes it in both families', async ({
  stack,
  net,
}) => {
  const from = net.pod(stack, 'node1');
  const to = net.pod(stack, 'node2');
  await serveIn(stack, to.namespace, 8080);
  await net.network.setLink('node2', 'down');
  for (const host of [to.ipv4, to.ipv6]) {
    assert.ok(await refusal(from.namespace, host, 8080, 300));
  }
  await net.network.setLink('node2', 'up');
  assert.is((await ask(from.namespace, to.ipv4, 8080)).client, from.ipv4);
  assert.is((await ask(from.namespace, to.ipv6, 8080)).client, from.ipv6);
});

test('the answer to ADD names interfaces, addresses, routes and gateways as the kernel has them', async ({
  stack,
  net,
}) => {
  const pod = net.pod(stack, 'node1');
  const [bridge, host, own] = pod.result.interfaces ?? [];
  assert.is(bridge?.name, 'cni0');
  assert.equal(
    { name: own?.name, sandbox: own?.sandbox },
    { name: 'eth0', sandbox: pod.namespacePath },
  );
  const node = net.network.node('node1');
  const ports = (await ipJson(['link', 'show', 'master', 'cni0'], node.namespace)) as {
    ifname: string;
  }[];
  assert.ok(ports.some((port) => port.ifname === host?.name));
  assert.equal(
    pod.result.ips?.map(({ gateway }) => gateway),
    [node.gateways.ipv4, node.gateways.ipv6],
  );
  for (const family of ['-4', '-6']) {
    const routes = (await ipJson([family, 'route', 'show', 'default'], pod.namespace)) as {
      gateway: string;
    }[];
    assert.is(routes.length, 1);
  }
});

test('source addresses that arrive on loopback are not filtered in pods', ({ stack, net }) => {
  const pod = net.pod(stack, 'node1');
  for (const name of ['all', 'lo', 'eth0']) {
    assert.is(getSysctl(`net/ipv4/conf/${name}/rp_filter`, pod.namespace), '0');
  }
});

test('CHECK notices a missing address and passes otherwise', async ({ stack, net }) => {
  const pod = net.pod(stack, 'node1');
  const environment = environmentOf('CHECK', pod.id, pod.namespacePath);
  assert.is(net.cni('node1', environment, { prevResult: pod.result }).status, 0);
  const { ip } = await import('../../src/linux/ip.ts');
  await ip([`addr del ${pod.ipv4}/32 dev eth0`], pod.namespace);
  const { status, output } = net.cni('node1', environment, { prevResult: pod.result });
  assert.is(status, 1);
  assert.match(output?.msg ?? '', /AMB1152 .*eth0 has /);
});

test('DEL gives link and addresses back, and may be repeated, also without the namespace', async ({
  stack,
  net,
}) => {
  const pod = net.pod(stack, 'node2');
  const node = net.network.node('node2');
  const held = (): string[] =>
    readdirSync(node.cniPlugin().ipam.dataDir).filter(
      (name) => name === pod.ipv4 || name === pod.ipv6,
    );
  assert.is(held().length, 2);
  const environment = environmentOf('DEL', pod.id, pod.namespacePath);
  assert.is(net.cni('node2', environment).status, 0);
  assert.equal(held(), []);
  const links = JSON.stringify(await ipJson(['link'], node.namespace));
  assert.not.ok(links.includes(pod.result.interfaces?.[1]?.name ?? 'none'));
  assert.is(net.cni('node2', environment).status, 0);
  assert.is(net.cni('node2', { ...environment, CNI_NETNS: '' }).status, 0);
});

test('a repeated ADD fails and leaves the first one as it was', async ({ stack, net }) => {
  const pod = net.pod(stack, 'node1');
  await serveIn(stack, pod.namespace, 8080);
  const again = net.cni('node1', environmentOf('ADD', pod.id, pod.namespacePath));
  assert.is(again.status, 1);
  assert.is(again.output?.code, 100);
  const other = net.pod(stack, 'node1');
  assert.is((await ask(other.namespace, pod.ipv4, 8080)).client, other.ipv4);
});

test("an address that was given back is not at once another pod's", ({ stack, net }) => {
  const pod = net.pod(stack, 'node1');
  net.cni('node1', environmentOf('DEL', pod.id, pod.namespacePath));
  const next = net.pod(stack, 'node1');
  assert.is.not(next.ipv4, pod.ipv4);
});

test('bad variables and bad configuration are answered with the codes of the specification', ({
  net,
}) => {
  const good = environmentOf('ADD', 'x', '/run/netns/none');
  const codeFor = (environment: Record<string, string>, more: object = {}): number | undefined =>
    net.cni('node1', environment, more).output?.code;
  assert.is(codeFor({ ...good, CNI_COMMAND: 'JUMP' }), 4);
  assert.is(codeFor({ ...good, CNI_CONTAINERID: '../x' }), 4);
  assert.is(codeFor({ ...good, CNI_IFNAME: 'far-too-long-for-one' }), 4);
  assert.is(codeFor({ ...good, CNI_NETNS: '' }), 4);
  assert.is(codeFor(good, { cniVersion: '0.1.0' }), 1);
  assert.is(codeFor(good, { ipam: {} }), 7);
  assert.is(codeFor(good), 100);
  assert.equal(net.cni('node1', { CNI_COMMAND: 'VERSION' }).output, {
    cniVersion: '1.0.0',
    supportedVersions: ['1.0.0'],
  });
});

test('removal ends the processes in pods and leaves no namespace', async ({ stack }) => {
  const net = await TestNetwork.create(stack, 'net-gone');
  const pod = net.pod(stack, 'node1');
  const { spawn } = await import('node:child_process');
  const child = pod.namespace.run(() => spawn('sleep', ['600'], { stdio: 'ignore' }));
  const ended = new Promise<string | null>((resolve) =>
    child.once('exit', (_, signal) => resolve(signal)),
  );
  const removed = await net.network.remove();
  assert.equal(removed.processes, [child.pid]);
  assert.is(await ended, 'SIGKILL');
  assert.equal(namespacesOf('net-gone'), []);
  assert.is(removed.namespaces.length, 4);
});

test.run();
