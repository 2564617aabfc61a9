// Whole local networks: watched, side by side, and after a crash.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { PacketCapture } from '../../src/linux/capture.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { LocalNetwork } from '../../src/standalone/network/local-network.ts';
import { namespacesOf } from '../../src/standalone/network/namespace-names.ts';
import {
  namespaceMounts,
  removeLocalNetwork,
} from '../../src/standalone/network/remove-network.ts';
import { suite } from '../support/suite.ts';
import { TestNetwork } from './net-support.ts';
import { ask, serveIn } from './net-traffic.ts';

const test = suite('local networks');

test('what goes between nodes passes the watched link, and what stays on a node does not', async ({
  stack,
}) => {
  const net = await TestNetwork.create(stack, 'net-watch');
  const [from, near, far] = ['node1', 'node1', 'node2'].map((node) => net.pod(stack, node));
  assert.ok(from && near && far);
  await serveIn(stack, near.namespace, 8080, 'near-answer');
  await serveIn(stack, far.namespace, 8080, 'far-answer');
  const { interfaceName, namespace } = net.network.link('node1');
  const capture = stack.use(PacketCapture.open(interfaceName, namespace));
  capture.watchFor(['near-answer', 'far-answer']);
  for (const host of [near.ipv4, near.ipv6, far.ipv4, far.ipv6]) {
    await ask(from.namespace, host, 8080);
  }
  assert.is(capture.totals.readable.get('far-answer'), 2);
  assert.is(capture.totals.readable.get('near-answer'), 0);
});

test('two meshes with the same addresses do not meet, and one goes without the other', async ({
  stack,
}) => {
  const meshes = ['net-a', 'net-a-b'];
  const nets = [];
  for (const mesh of meshes) nets.push(await TestNetwork.create(stack, mesh));
  const [first, second] = nets;
  assert.ok(first && second);
  const pods = [first, second].map((net) => [net.pod(stack, 'node1'), net.pod(stack, 'node2')]);
  for (const [index, [, server]] of pods.entries()) {
    if (server !== undefined) await serveIn(stack, server.namespace, 8080, meshes[index]);
  }
  assert.is(pods[0]?.[1]?.ipv4, pods[1]?.[1]?.ipv4);
  for (const [index, [client, server]] of pods.entries()) {
    assert.ok(client && server);
    assert.is((await ask(client.namespace, server.ipv4, 8080)).who, meshes[index]);
  }
  const removed = await first.network.remove();
  assert.is(removed.namespaces.length, 5);
  assert.equal(namespacesOf('net-a'), []);
  assert.is(namespacesOf('net-a-b').length, 3);
  const [client, server] = pods[1] ?? [];
  assert.ok(client && server);
  assert.is((await ask(client.namespace, server.ipv6, 8080)).who, 'net-a-b');
});

test('what a killed process leaves behind is found and removed', async ({ stack }) => {
  const mesh = 'net-crash';
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-crash-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const nodesFolder = path.join(folder, 'nodes');
  const place = { mesh, nodesFolder };
  stack.defer(async () => void (await removeLocalNetwork({ ...place, clock: systemClock })));
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    fileURLToPath(new URL('./net-crash.ts', import.meta.url)),
    mesh,
    nodesFolder,
  ]);
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const sleeper = Number(String(output));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.is(namespaceMounts(place).length, 4);
  const removed = await removeLocalNetwork({ ...place, clock: systemClock });
  assert.equal(removed.processes, [sleeper]);
  assert.equal(namespaceMounts(place), []);
  // And the name can be used again.
  stack.use(await LocalNetwork.create({ ...place, nodes: ['node1'] }));
});

test('a name that cannot be one is refused before anything is made', async () => {
  const nodesFolder = '/nowhere';
  const names: [string, string[]][] = [
    ['Mesh', ['node1']],
    ['mesh', ['node-1']],
    ['mesh', ['fabric']],
    ['mesh', ['node1', 'node1']],
    ['../mesh', ['node1']],
  ];
  for (const [mesh, nodes] of names) {
    const error: unknown = await LocalNetwork.create({ mesh, nodes, nodesFolder }).catch(
      (caught: unknown) => caught,
    );
    assert.match(String(error), /AMB1150/);
  }
});

test.run();
