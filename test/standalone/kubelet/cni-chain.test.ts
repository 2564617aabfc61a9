// The CNI chain as a container runtime runs it, with plugins that write down how they were called.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { addressesOf, CniChain } from '../../../src/standalone/kubelet/cni/chain.ts';
import { suite } from '../../support/suite.ts';

const test = suite('CNI chain');

const sandbox = {
  id: 'sandbox1',
  netns: '/run/netns/x',
  podNamespace: 'shop',
  podName: 'web-1',
  podUid: 'u1',
};

interface Call {
  readonly type: string;
  readonly env: Record<string, string>;
  readonly config: Record<string, unknown>;
}

/** A folder with plugins made of shell scripts that log their calls. */
function chainOf(stack: AsyncDisposableStack, scripts: Record<string, string>, list?: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-cni-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const log = path.join(folder, 'calls');
  writeFileSync(log, '');
  for (const [type, script] of Object.entries(scripts)) {
    const record =
      `config=$(cat); printf '%s\\t%s\\t%s\\t%s\\n' '${type}' "$CNI_COMMAND" ` +
      `"$CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS" "$config" >> '${log}'`;
    writeFileSync(path.join(folder, type), `#!/bin/sh\n${record}\n${script}\n`, { mode: 0o755 });
  }
  const plugins = Object.keys(scripts).map((type) => ({
    type,
    setting: `of ${type}`,
    capabilities: { portMappings: true },
  }));
  const text = list ?? JSON.stringify({ cniVersion: '1.0.0', name: 'net', plugins });
  writeFileSync(path.join(folder, '10-net.conflist'), text);
  writeFileSync(path.join(folder, '20-other.conflist'), 'never read');
  const cache = path.join(folder, 'cache');
  const chain = new CniChain({ configurations: folder, plugins: ['/nowhere', folder], cache });
  const calls = (): Call[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [type = '', command = '', rest = '', config = ''] = line.split('\t');
        const [id = '', netns = '', ifname = '', args = ''] = rest.split(' ');
        return { type, env: { command, id, netns, ifname, args }, config: JSON.parse(config) };
      });
  return { chain, calls };
}

const result = JSON.stringify({
  cniVersion: '1.0.0',
  interfaces: [{ name: 'br0' }, { name: 'eth0', sandbox: '/run/netns/x' }],
  ips: [
    { address: '10.0.0.1/24', interface: 0 },
    { address: '10.0.0.2/24', interface: 1 },
    { address: 'fd00::2/64', interface: 1 },
  ],
});
const answer = `[ $CNI_COMMAND = ADD ] && echo '${result}' || true`;
const failure = `[ $CNI_COMMAND = ADD ] || exit 0
echo '{"cniVersion":"1.0.0","code":101,"msg":"no way","details":"the bridge burns"}'; exit 1`;

test('adds in order, handing each result to the next, and deletes in reverse', async ({
  stack,
}) => {
  const { chain, calls } = chainOf(stack, { first: answer, second: answer });
  const added = await chain.add(sandbox);
  assert.equal(addressesOf(added), ['10.0.0.2', 'fd00::2']);
  await chain.delete(sandbox);
  assert.equal(
    calls().map(({ type, env }) => `${env['command']} ${type}`),
    ['ADD first', 'ADD second', 'DEL second', 'DEL first'],
  );
  const [first, second, last] = calls();
  assert.is(first?.config['prevResult'], undefined);
  assert.equal(second?.config['prevResult'], JSON.parse(result));
  assert.equal(last?.config['prevResult'], JSON.parse(result));
  assert.is(first?.config['cniVersion'], '1.0.0');
  assert.is(first?.config['name'], 'net');
  assert.is(first?.config['setting'], 'of first');
  assert.is(first?.config['capabilities'], undefined);
});

test('tells plugins about the pod as Kubernetes runtimes do', async ({ stack }) => {
  const { chain, calls } = chainOf(stack, { only: answer });
  await chain.add(sandbox);
  assert.equal(calls()[0]?.env, {
    command: 'ADD',
    id: 'sandbox1',
    netns: '/run/netns/x',
    ifname: 'eth0',
    args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_INFRA_CONTAINER_ID=sandbox1;K8S_POD_UID=u1',
  });
});

test('a failed ADD deletes what was made and tells the plugin own words', async ({ stack }) => {
  const { chain, calls } = chainOf(stack, { first: answer, second: failure });
  const error = await chain.add(sandbox).catch((caught: unknown) => caught);
  assert.match(String(error), /AMB1111 .*second ADD: no way: the bridge burns/);
  assert.equal(
    calls().map(({ type, env }) => `${env['command']} ${type}`),
    ['ADD first', 'ADD second', 'DEL second', 'DEL first'],
  );
});

test('deletes with every plugin even when one of them fails, and can be repeated', async ({
  stack,
}) => {
  const { chain, calls } = chainOf(stack, {
    first: answer,
    second: `${answer}\n[ $CNI_COMMAND = ADD ]`,
  });
  await chain.add(sandbox);
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await chain.delete(sandbox).catch((caught: unknown) => caught);
    assert.match(String(error), /AMB1111 .*second DEL: exit code 1/);
  }
  assert.is(calls().filter(({ env }) => env['command'] === 'DEL').length, 4);
});

test('deleting what was never added asks no plugin', async ({ stack }) => {
  const { chain, calls } = chainOf(stack, { first: answer });
  await chain.delete(sandbox);
  assert.is(calls().length, 0);
});

test('names the file and field of a configuration that cannot be used', async ({ stack }) => {
  const add = async (list: string): Promise<string> => {
    const { chain } = chainOf(stack, {}, list);
    return String(await chain.add(sandbox).catch((caught: unknown) => caught));
  };
  assert.match(await add('{'), /AMB1110 .*10-net\.conflist: it is not JSON/);
  assert.match(await add('{"name":"n","plugins":[]}'), /AMB1110 .*plugins: it names no plugin/);
  assert.match(await add('{"name":"n","plugins":[{"type":"../x"}]}'), /plugins\[0\]\.type/);
  assert.match(await add('{"name":"n","plugins":[{"type":"gone"}]}'), /AMB1111 .*it is in none of/);
});

test('refuses a chain that gives the sandbox no address', async ({ stack }) => {
  const { chain } = chainOf(stack, { first: `echo '{"cniVersion":"1.0.0"}'` });
  const error = await chain.add(sandbox).catch((caught: unknown) => caught);
  assert.match(String(error), /AMB1111 .*no address/);
});

test.run();
