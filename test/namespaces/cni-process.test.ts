// The /proc of a node is laid out here by hand, with links to the namespaces of a real kernel: the
// control groups of the machine under test are not ours to make.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { findPodNamespace } from '../../src/cni/agent/pod-namespace.ts';
import { parseIp } from '../../src/mesh/address.ts';
import { addresses, makePodNetwork } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';

const test = suite('namespace of a process');
const uid = '2c48913c-b29f-11e7-9350-020968147796';

test('finds a pod by its oldest process that owns one of its addresses', async ({ stack }) => {
  const network = await makePodNetwork(stack);
  const folder = mkdtempSync(path.join(tmpdir(), 'cni-process-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const process = (pid: number, startTicks: number, net: string, group: string): void => {
    const own = path.join(folder, 'proc', String(pid));
    mkdirSync(path.join(own, 'ns'), { recursive: true });
    symlinkSync(net, path.join(own, 'ns', 'net'));
    writeFileSync(path.join(own, 'cgroup'), `0::${group}\n`);
    const fields = Array.from({ length: 30 }, (_, index) => (index === 19 ? startTicks : index));
    writeFileSync(path.join(own, 'stat'), `${pid} (a) name) ${fields.join(' ')}\n`);
  };
  const ours = `/kubepods/burstable/pod${uid}/${'9a'.repeat(32)}`;
  const { alpha, beta, node } = network.paths;
  mkdirSync(path.join(folder, 'netns'));
  process(10, 5, node, ours);
  process(20, 6, beta, ours);
  process(30, 9, alpha, ours);
  process(40, 1, alpha, '/system.slice/sshd.service');
  const where = {
    folder: path.join(folder, 'netns'),
    nodeId: network.node.id,
    processes: path.join(folder, 'proc'),
  };
  const find = (address: string, id = uid): string => {
    using found = findPodNamespace([parseIp(address)!], where, id).namespace;
    return found.id;
  };
  assert.is(find(addresses.alpha.ipv4), network.alpha.id);
  assert.is(find(addresses.beta.ipv6), network.beta.id);
  assert.throws(() => find(addresses.node.ipv4), /AMB1305|owns/);
  assert.throws(() => find(addresses.alpha.ipv4, 'another'), /owns/);
});

test.run();
