import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { getSysctl } from '../../src/linux/sysctl.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { addresses, dial, serve } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import { SteadyLoad } from './steady-load.ts';
import {
  feedPods,
  get,
  prepareNode,
  type Running,
  startProcess,
  until,
} from './ztunnel-process-support.ts';

const test = suite('replacement of the node proxy', { deadlineMs: 60_000 });
const host = addresses.beta.ipv4;

async function ready({ ports }: Running): Promise<boolean> {
  return (await get(ports[2], '/healthz/ready')).status === 200;
}

async function recorded({ ports }: Running): Promise<DecisionRecord[]> {
  const { body } = await get(ports[0], '/decisions?limit=10000');
  return (JSON.parse(body) as { records: DecisionRecord[] }).records;
}

test('loses no connection, and open ones end with the old process', async ({ stack, signal }) => {
  const node = await prepareNode(stack);
  const { network, controller, socketPath } = node;
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const old = await startProcess(stack, controller, socketPath);
  await feedPods(stack, node, signal);
  await until(signal, () => ready(old));
  assert.is(getSysctl('net/ipv4/tcp_migrate_req', network.alpha), '1');

  const long = await dial(stack, { host, port: 8080, namespace: network.alpha });
  const load = new SteadyLoad({ host, port: 8080, namespace: network.alpha });
  stack.defer(() => load.stop());
  await until(signal, async () => load.succeeded > 50);
  const successor = await startProcess(stack, controller, socketPath);
  await feedPods(stack, node, signal);
  await until(signal, () => ready(successor));
  old.kill('SIGTERM');
  const before = load.succeeded;
  await until(signal, async () => (await recorded(successor)).length > 0);
  await until(signal, async () => load.succeeded > before + 200);
  long.socket.write('still here');
  assert.is(String((await once(long.socket, 'data'))[0]), 'still here');
  // The old one is as good as gone: whatever comes now is the successor's.
  const mine = (await recorded(successor)).length;
  const inAll = load.succeeded;
  await until(signal, async () => load.succeeded > inAll + 50);
  assert.ok((await recorded(successor)).length >= mine + 50);
  await load.stop();
  assert.equal(load.failures, []);
  long.socket.end();
  assert.is(await old.exited, 0);
});

test('fails closed when it is killed, and recovers from the snapshot', async ({
  stack,
  signal,
}) => {
  const node = await prepareNode(stack);
  const { network, controller, socketPath } = node;
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const first = await startProcess(stack, controller, socketPath);
  await feedPods(stack, node, signal);
  await until(signal, () => ready(first));
  const target = { host, port: 8080, namespace: network.alpha };
  const open = await dial(stack, target);
  // The kernel closes what the process had, and says so with FIN or RST.
  const cut = new Promise((resolve) => {
    open.socket.resume().on('end', resolve).on('error', resolve);
  });
  first.kill('SIGKILL');
  assert.is(await first.exited, null);
  await cut;
  for (const namespace of [network.alpha, network.node]) {
    const outcome = await connectTcp({ ...target, namespace }).then(
      () => 'connected',
      (error: { errno: string }) => error.errno,
    );
    assert.is(outcome, 'ECONNREFUSED');
  }
  const second = await startProcess(stack, controller, socketPath);
  await feedPods(stack, node, signal);
  await until(signal, () => ready(second));
  const again = await dial(stack, target);
  assert.is(again.arrival.source, addresses.alpha.ipv4);
});

test.run();
