// Real containers on containerd: our plugin in the chain of the reference plugins, installed by the agent.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import type { Program } from './machine.ts';
import { NodeScene, type RunningPod, until } from './node-scene.ts';
import { findPrograms } from './programs.ts';

const redirection = 'ambient.istio.io/redirection';
const serve = ['httpd', '-f', '-p', '8080', '-h', '/www'];
const sleep = ['sleep', '1000000'];

interface Shared {
  readonly scene: NodeScene;
  readonly ztunnel: Program;
  /** Started while the node had no agent. */
  readonly early: RunningPod;
  readonly server: RunningPod;
}

const programs = findPrograms();
const tests = suite<Shared>('containers', {
  deadlineMs: 120_000,
  setup: async ({ stack, signal }) => {
    if (typeof programs === 'string') throw new Error(programs);
    const scene = await NodeScene.make(stack, programs);
    scene.writeNetwork();
    await until('the network', async () => await scene.runtime.networkReady(), signal);
    scene.label('shop', 'ambient');
    const early = await scene.run({ name: 'early', namespace: 'shop', command: serve });
    scene.controller(stack);
    await until('the root certificate', () => scene.hasRootCertificate(), signal);
    await scene.agent();
    await until('the plugin', () => scene.chain().includes('ambit-cni'), signal);
    const ztunnel = await scene.ztunnel();
    const wish = { name: 'server', namespace: 'shop', command: serve };
    const server = await scene.runPatiently(wish, signal);
    return { scene, ztunnel, early, server };
  },
});

// Where containers cannot run, one test says so and the others are left out.
const left = suite('containers are left out');
const test: typeof tests =
  typeof programs === 'string' ? Object.assign(() => undefined, { run: () => left.run() }) : tests;
if (typeof programs === 'string') {
  console.error(`left out: ${programs}`);
  left(programs, () => assert.match(programs, /for want of|only root/));
}

/** A connection of the access log that fits. */
function connection(ztunnel: Program, fits: Record<string, string>): boolean {
  return ztunnel
    .output()
    .split('\n')
    .filter((line) => line.includes('"access"'))
    .map((line) => JSON.parse(line) as Record<string, string>)
    .some((entry) => Object.entries(fits).every(([key, value]) => entry[key] === value));
}

const isEnrolled = (scene: NodeScene, name: string): boolean =>
  scene.annotation('shop', name, redirection) === 'enabled';

/** How many of the tables of the node's pods are ours. */
async function tables(scene: NodeScene): Promise<number> {
  const list = 'for one in /run/netns/*; do nsenter --net=$one nft list tables; done';
  const text = await scene.machine.run('sh', '-c', list);
  return text.split('\n').filter((line) => line.includes('istio-ambient')).length;
}

test("a pod's first connection is in the mesh already", async ({
  scene,
  ztunnel,
  server,
  signal,
}) => {
  const fetch = `wget -qO- http://${server.address}:8080/; exec sleep 1000000`;
  const command = ['sh', '-c', fetch];
  const client = await scene.run({ name: 'client', namespace: 'shop', command });
  assert.ok(isEnrolled(scene, 'client'));
  await until('the answer', () => scene.log(client) === 'hello from a container', signal);
  const proven = {
    'src.workload': 'client',
    'src.identity': 'spiffe://cluster.local/ns/shop/sa/default',
    'dst.identity': 'spiffe://cluster.local/ns/shop/sa/default',
    direction: 'inbound',
    transport: 'tunnel',
    outcome: 'forwarded',
  };
  await until('the record', () => connection(ztunnel, proven), signal);
});

test('a pod that started before the agent joined without a restart', async ({
  scene,
  early,
  ztunnel,
  signal,
}) => {
  await until('the early pod to join', () => isEnrolled(scene, 'early'), signal);
  const visitor = await scene.run({ name: 'visitor', namespace: 'shop', command: sleep });
  const fetch = ['wget', '-qO-', `http://${early.address}:8080/`];
  assert.is((await scene.execute(visitor, ...fetch)).output, 'hello from a container\n');
  const proven = { 'dst.workload': 'early', direction: 'inbound', transport: 'tunnel' };
  await until('the record', () => connection(ztunnel, proven), signal);
});

test('a pod outside the mesh starts by the same chain and is left alone', async ({ scene }) => {
  const before = await tables(scene);
  await scene.run({ name: 'outsider', namespace: 'plain', command: sleep });
  assert.is(await tables(scene), before);
  assert.is(scene.annotation('plain', 'outsider', redirection), undefined);
});

test('a pod that ends gives everything back', async ({ scene, ztunnel, signal }) => {
  const wish = { name: 'brief', namespace: 'shop', command: sleep };
  const pod = await scene.run(wish);
  const address = path.join(scene.folder, 'addresses/cluster', pod.address);
  assert.ok(existsSync(address));
  await scene.stop(pod, 'shop', 'brief');
  assert.not(existsSync(address));
  const left = (): boolean =>
    ztunnel
      .output()
      .split('\n')
      .some((line) => line.includes(pod.uid) && line.includes('left'));
  await until('ztunnel to let it go', left, signal);
});

test('asking again for a pod that is in the mesh changes nothing', async ({ scene, server }) => {
  const before = await tables(scene);
  const { code, answer } = await scene.callPlugin('ADD', server, {
    name: 'server',
    namespace: 'shop',
  });
  assert.is(code, 0, answer);
  assert.is(await tables(scene), before);
  assert.ok(isEnrolled(scene, 'server'));
  const gone = await scene.callPlugin('DEL', server, { name: 'server', namespace: 'shop' });
  assert.is(gone.code, 0, gone.answer);
});

test('a configuration that somebody rewrites is put back, and a pod that started meanwhile joins', async ({
  scene,
  signal,
}) => {
  scene.writeNetwork();
  await scene.run({ name: 'between', namespace: 'shop', command: sleep });
  await until('the plugin to come back', () => scene.chain().includes('ambit-cni'), signal);
  assert.is(scene.chain().at(-1), 'ambit-cni');
  await until('the pod to join', () => isEnrolled(scene, 'between'), signal);
});

test('without an agent a pod waits, never starts unprotected, and starts once it is back', async ({
  scene,
  signal,
}) => {
  await scene.currentAgent().end('SIGTERM');
  assert.is(scene.chain().at(-1), 'ambit-cni');
  const wish = { name: 'patient', namespace: 'shop', command: sleep };
  const message = await scene.run(wish).then(
    () => 'it started',
    (error: unknown) => String(error),
  );
  assert.match(message, /AMB1302 the node agent at .* cannot be reached .*istio-cni-node/);
  await scene.agent();
  await scene.runPatiently(wish, signal);
  assert.ok(isEnrolled(scene, 'patient'));
});

test('uninstalled, it leaves nothing, and running pods go on by themselves', async ({
  scene,
  server,
  signal,
}) => {
  const visitor = await scene.run({ name: 'last', namespace: 'shop', command: sleep });
  const agent = scene.currentAgent();
  scene.api.store.delete('apps/daemonsets', 'istio-system', 'istio-cni-node', {});
  await agent.end('SIGTERM');
  assert.is(readFileSync(scene.networkFile, 'utf8'), scene.networkText);
  assert.equal(readdirSync(path.dirname(scene.networkFile)), [path.basename(scene.networkFile)]);
  const plugins = readdirSync(scene.runtime.folders.plugins);
  assert.equal(
    plugins.filter((name) => name.includes('ambit')),
    [],
  );
  assert.is(await tables(scene), 0);
  assert.not((await scene.machine.run('nft', 'list', 'tables')).includes('istio'));
  assert.not(isEnrolled(scene, 'server'));
  const fetch = ['wget', '-qO-', `http://${server.address}:8080/`];
  assert.is((await scene.execute(visitor, ...fetch)).output, 'hello from a container\n');
  await until('the network', async () => await scene.runtime.networkReady(), signal);
  await scene.run({ name: 'after', namespace: 'shop', command: sleep });
  assert.is(await tables(scene), 0);
});

test.run();
