import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { addresses, dial, serve } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import {
  feedPods,
  get,
  main,
  prepareNode,
  startProcess,
  until,
} from './ztunnel-process-support.ts';

const test = suite('node proxy as a process', { deadlineMs: 60_000 });

test('serves pods from start to an orderly end, also while the controller is away', async ({
  stack,
  signal,
}) => {
  const node = await prepareNode(stack);
  const { network, controller, socketPath } = node;
  const running = await startProcess(stack, controller, socketPath);
  const [admin, stats, readiness] = running.ports;
  const early = await get(readiness, '/healthz/ready');
  assert.is(early.status, 500);
  assert.match(early.body, /^not ready, pending: .*workload proxy manager/);

  await feedPods(stack, node, signal);
  await until(signal, async () => (await get(readiness, '/healthz/ready')).status === 200);

  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const target = { host: addresses.beta.ipv4, port: 8080, namespace: network.alpha };
  const first = await dial(stack, target);
  assert.is(first.arrival.source, addresses.alpha.ipv4);
  first.socket.end();
  await until(signal, async () => {
    const { body } = await get(admin, '/decisions?source=alpha');
    return (JSON.parse(body) as { records: DecisionRecord[] }).records.length === 2;
  });
  const { body } = await get(admin, '/decisions?source=alpha&destination=beta');
  const { records } = JSON.parse(body) as { records: DecisionRecord[] };
  assert.equal(new Set(records.map(({ traceId }) => traceId)).size, 1);
  assert.is(records[0]?.configVersion, 'feedface00000000');
  assert.is(records[0]?.by, 'ztunnel/node1');
  const byId = await get(admin, `/decisions?id=${records[0]!.id}`);
  assert.is((JSON.parse(byId.body) as { records: unknown[] }).records.length, 1);
  assert.is((await get(admin, '/decisions?limit=0')).status, 400);

  const dump = JSON.parse((await get(admin, '/config_dump')).body) as Record<string, object[]>;
  assert.is(dump['workloads']?.length, 2);
  assert.equal(
    (dump['certificates'] as { identity: string; state: string }[]).map(({ state }) => state),
    ['Available', 'Available'],
  );
  const metrics = (await get(stats, '/stats/prometheus')).body;
  assert.match(metrics, /istio_tcp_received_bytes_total\{reporter="source"/);
  assert.match(metrics, /workload_manager_active_proxy_count 2/);

  await controller.stop();
  const second = await dial(stack, target);
  assert.is(second.arrival.source, addresses.alpha.ipv4);
  running.kill('SIGTERM');
  await until(signal, async () => {
    const late = await get(readiness, '/healthz/ready').catch(() => ({ status: 500, body: '' }));
    return late.status === 500;
  });
  second.socket.write('still here');
  assert.is(String((await once(second.socket, 'data'))[0]), 'still here');
  second.socket.end();
  assert.is(await running.exited, 0);
});

test('says which settings are wrong and ends', async () => {
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ADMIN_PORT: 'x' },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  assert.is(code, 1);
  assert.match(output, /AMB1004/);
  assert.match(output, /NODE_NAME is not set/);
  assert.match(output, /ADMIN_PORT=x/);
});

test.run();
