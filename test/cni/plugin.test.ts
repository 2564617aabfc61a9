import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { type Code, catalogue } from '../../src/mesh/catalogue.ts';
import { decodePluginEvent, type PluginEvent } from '../../src/wire/cni.ts';
import { suite } from '../support/suite.ts';

const test = suite('CNI plugin');
const program = path.resolve(import.meta.dirname, '../../src/cni/plugin/main.ts');

const previous = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '/run/netns/x' }],
  ips: [
    { address: '10.244.1.5/24', gateway: '10.244.1.1', interface: 0 },
    { address: 'fd00:10:244:1::5/64', gateway: 'fd00:10:244:1::1', interface: 0 },
  ],
  routes: [{ dst: '0.0.0.0/0' }],
};

interface Outcome {
  readonly exitCode: number;
  readonly stdout: Record<string, unknown> | undefined;
  readonly text: string;
}

/** Runs the plugin as a container runtime does. */
async function call(
  command: string | undefined,
  config: object | string,
  changes: Record<string, string> = {},
): Promise<Outcome> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    ...(command === undefined ? {} : { CNI_COMMAND: command }),
    CNI_CONTAINERID: 'sandbox-1',
    CNI_NETNS: '/run/netns/x',
    CNI_IFNAME: 'eth0',
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=u-1',
    ...changes,
  };
  const child = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(typeof config === 'string' ? config : JSON.stringify(config));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [exitCode] = (await once(child, 'close')) as [number];
  const stdout = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
  return { exitCode, stdout, text };
}

/** An agent that answers each event with what `answer` gives. */
async function agent(
  stack: AsyncDisposableStack,
  answer: (event: PluginEvent) => { status: number; body: string } | undefined,
): Promise<{ folder: string; events: PluginEvent[]; server: Server }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'cni-plugin-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const events: PluginEvent[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const event = decodePluginEvent(body);
      assert.is(`${request.method} ${request.url}`, 'POST /cmdadd');
      if (event.kind === 'problem') {
        response.writeHead(400).end(event.problem);
        return;
      }
      events.push(event.value);
      const reply = answer(event.value);
      if (reply !== undefined) response.writeHead(reply.status).end(reply.body);
    });
  });
  server.listen(path.join(folder, 'pluginevent.sock'));
  await once(server, 'listening');
  stack.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { folder, events, server };
}

const config = (folder: string, more: object = {}): object => ({
  cniVersion: '1.0.0',
  name: 'ambit',
  type: 'ambit-cni',
  cni_agent_run_dir: folder,
  exclude_namespaces: ['kube-system', 'istio-system'],
  prevResult: previous,
  ...more,
});

/** Checks a failure's form, and that its remedy is the catalogue's. */
function assertFailure(outcome: Outcome, code: Code, cniCode: number, words: RegExp): void {
  assert.is(outcome.exitCode, 1);
  assert.is(outcome.stdout?.['code'], cniCode);
  const message = String(outcome.stdout?.['msg']);
  assert.ok(message.startsWith(`${code} `), message);
  assert.match(message, words);
  assert.is(outcome.stdout?.['details'], catalogue[code].remedy);
}

test('asks the agent and passes the result of the chain on unchanged', async ({ stack }) => {
  const { folder, events } = await agent(stack, () => ({ status: 200, body: '{}' }));
  const outcome = await call('ADD', config(folder));
  assert.is(outcome.exitCode, 0);
  assert.equal(outcome.stdout, previous);
  assert.equal(events, [
    {
      netns: '/run/netns/x',
      podName: 'cart',
      podNamespace: 'shop',
      addresses: [
        { interfaceIndex: 0, address: '10.244.1.5', prefixLength: 24, gateway: '10.244.1.1' },
        {
          interfaceIndex: 0,
          address: 'fd00:10:244:1::5',
          prefixLength: 64,
          gateway: 'fd00:10:244:1::1',
        },
      ],
    },
  ]);
});

test('fails the start of the pod when no agent listens', async () => {
  const folder = '/nonexistent-run-directory';
  const outcome = await call('ADD', config(folder, { cniVersion: '0.4.0' }));
  assertFailure(outcome, 'AMB1302', 11, /\/nonexistent-run-directory.*ENOENT/);
  assert.is(outcome.stdout?.['cniVersion'], '0.4.0');
});

test('fails the start of the pod when the agent does not answer in time', async ({ stack }) => {
  const { folder } = await agent(stack, () => undefined);
  const outcome = await call('ADD', config(folder));
  assertFailure(outcome, 'AMB1302', 11, /did not answer within 5 s/);
});

test("fails the start of the pod with the agent's own words", async ({ stack }) => {
  const body = 'AMB1306 no ztunnel is connected';
  const { folder } = await agent(stack, () => ({ status: 500, body }));
  const outcome = await call('ADD', config(folder));
  assertFailure(outcome, 'AMB1303', 11, /shop\/cart to start|pod shop\/cart start.*AMB1306 no zt/);
});

test('leaves excluded namespaces and what is no pod alone without asking', async () => {
  const excluded = await call('ADD', config('/nonexistent'), {
    CNI_ARGS: 'K8S_POD_NAMESPACE=istio-system;K8S_POD_NAME=istiod-1',
  });
  assert.is(excluded.exitCode, 0);
  assert.equal(excluded.stdout, previous);
  const container = await call('ADD', config('/nonexistent'), { CNI_ARGS: '' });
  assert.is(container.exitCode, 0);
});

test('asks nobody about the node agent itself, nor where the mesh is switched off', async () => {
  const own = { CNI_ARGS: 'K8S_POD_NAMESPACE=mesh;K8S_POD_NAME=istio-cni-node-x7p2q' };
  const agents = config('/nonexistent', { pod_namespace: 'mesh' });
  assert.is((await call('ADD', agents, own)).exitCode, 0);
  const elsewhere = config('/nonexistent', { pod_namespace: 'other' });
  assertFailure(await call('ADD', elsewhere, own), 'AMB1302', 11, /ENOENT/);
  const off = config('/nonexistent', { ambient_enabled: false });
  assert.equal((await call('ADD', off)).stdout, previous);
});

test('answers an empty result when it is alone in the chain', async () => {
  const outcome = await call(
    'ADD',
    { cniVersion: '1.0.0', name: 'x', type: 'y' },
    { CNI_ARGS: '' },
  );
  assert.equal(outcome.stdout, { cniVersion: '1.0.0', dns: {} });
});

test('says nothing and succeeds for DEL, CHECK, STATUS and GC', async () => {
  for (const command of ['DEL', 'CHECK', 'STATUS', 'GC']) {
    const outcome = await call(command, config('/nonexistent'), { CNI_NETNS: '' });
    assert.is(outcome.exitCode, 0, command);
    assert.is(outcome.text, '', command);
  }
});

test('names the versions of the specification it speaks', async () => {
  const outcome = await call('VERSION', { cniVersion: '1.0.0' });
  assert.is(outcome.stdout?.['cniVersion'], '1.0.0');
  const versions = outcome.stdout?.['supportedVersions'];
  assert.ok(Array.isArray(versions) && versions.includes('0.3.1'));
});

test('names the variable or field that is wrong', async () => {
  const cases: readonly [Promise<Outcome>, number, RegExp][] = [
    [call(undefined, config('/x')), 4, /CNI_COMMAND is not set/],
    [call('FLY', config('/x')), 4, /CNI_COMMAND=FLY/],
    [call('ADD', config('/x'), { CNI_NETNS: '' }), 4, /CNI_NETNS/],
    [call('ADD', config('/x'), { CNI_CONTAINERID: '' }), 4, /CNI_CONTAINERID/],
    [call('ADD', config('/x'), { CNI_ARGS: 'nonsense' }), 4, /CNI_ARGS/],
    [call('ADD', '{'), 6, /standard input/],
    [call('ADD', '[]'), 6, /standard input/],
    [call('ADD', config('relative')), 7, /cni_agent_run_dir/],
    [call('ADD', config('/x', { exclude_namespaces: 'kube-system' })), 7, /exclude_namespaces/],
    [call('ADD', config('/x', { prevResult: 7 })), 7, /prevResult/],
    [call('ADD', config('/x', { cniVersion: 1 })), 7, /cniVersion/],
    [call('ADD', config('/x', { ambient_enabled: 'no' })), 7, /ambient_enabled/],
    [call('ADD', config('/x', { pod_namespace: 1 })), 7, /pod_namespace/],
  ];
  for (const [running, code, words] of cases) assertFailure(await running, 'AMB1301', code, words);
});

test.run();
