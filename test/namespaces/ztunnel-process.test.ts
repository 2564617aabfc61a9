import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { applyRedirection } from '../../src/cni/redirect/apply.ts';
import { SeqpacketServer, type SeqpacketSocket } from '../../src/linux/seqpacket.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { encodeAddress, type MeshAddress, nameOfAddress } from '../../src/wire/address.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { decodeZdsAck, encodeZdsRequest } from '../../src/wire/zds.ts';
import { addresses, dial, makePodNetwork, probeAddresses, serve } from '../cni/pod-network.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type StandIn, startController } from '../support/controller.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('node proxy as a process', { deadlineMs: 60_000 });
const main = path.resolve(import.meta.dirname, '../../src/ztunnel/main.ts');

const workload = (name: 'alpha' | 'beta') =>
  aWorkload(name, { addresses: Object.values(addresses[name]).map(ipAddress) });

const published: readonly MeshAddress[] = [
  { kind: 'workload', workload: workload('alpha') },
  { kind: 'workload', workload: workload('beta') },
  { kind: 'service', service: aService('echo') },
];

/** Publishes the same to every stream. */
function publishAll(controller: StandIn): void {
  controller.onRequest = (stream, request) => {
    if (request.responseNonce !== '') return;
    const resources = request.typeUrl === typeUrls.address ? published : [];
    stream.write({
      systemVersion: 'feedface00000000',
      typeUrl: request.typeUrl,
      nonce: request.typeUrl,
      resources: resources.map((address) => ({
        name: nameOfAddress(address),
        version: '1',
        aliases: [],
        bytes: encodeAddress(address),
      })),
      removed: [],
    });
  };
}

interface Running {
  readonly ports: readonly [admin: number, stats: number, readiness: number];
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

async function startProcess(
  stack: AsyncDisposableStack,
  controller: StandIn,
  socketPath: string,
): Promise<Running> {
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      XDS_ADDRESS: controller.access.address,
      CA_ADDRESS: `https://${controller.access.address}`,
      XDS_ROOT_CA: controller.access.rootCertPath,
      AUTH_TOKEN: controller.access.tokenPath,
      NODE_NAME: 'node1',
      POD_NAME: 'ztunnel-x',
      INPOD_UDS: socketPath,
      ADMIN_PORT: '0',
      STATS_PORT: '0',
      READINESS_PORT: '0',
    },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  stack.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = createInterface({ input: child.stdout });
  const ports = await new Promise<number[]>((resolve) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as { message: string; ports: number[] };
      if (entry.message === 'started') resolve(entry.ports);
    });
  });
  return {
    ports: ports as unknown as Running['ports'],
    exited,
    kill: (signal) => void child.kill(signal),
  };
}

async function get(port: number, route: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${route}`);
  return { status: response.status, body: await response.text() };
}

async function until(signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends one request to the proxy and answers its complaint. */
async function ask(
  socket: SeqpacketSocket,
  request: Parameters<typeof encodeZdsRequest>[0],
  namespacePath?: string,
): Promise<string> {
  const descriptor = namespacePath === undefined ? undefined : openSync(namespacePath, 'r');
  await socket.send(encodeZdsRequest(request), descriptor === undefined ? [] : [descriptor]);
  if (descriptor !== undefined) closeSync(descriptor);
  const answer = await socket.receive();
  const ack = decodeZdsAck(answer!.bytes);
  return ack.kind === 'ok' ? ack.value.error : ack.problem;
}

test('serves pods from start to an orderly end, also while the controller is away', async ({
  stack,
  signal,
}) => {
  const network = await makePodNetwork(stack);
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-ztunnel-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = path.join(folder, 'ztunnel.sock');
  const agent = stack.use(SeqpacketServer.listen(socketPath));
  const controller = await startController(stack, new TestAuthority());
  publishAll(controller);
  const running = await startProcess(stack, controller, socketPath);
  const [admin, stats, readiness] = running.ports;
  const early = await get(readiness, '/healthz/ready');
  assert.is(early.status, 500);
  assert.match(early.body, /^not ready, pending: .*workload proxy manager/);

  const socket = (await agent.accept(signal))!;
  stack.defer(() => socket.close());
  await socket.receive();
  for (const name of ['alpha', 'beta'] as const) {
    const pod = {
      kind: 'add',
      uid: name,
      name,
      namespace: 'default',
      serviceAccount: name,
    } as const;
    assert.is(await ask(socket, pod, network.paths[name]), '');
    await applyRedirection(network[name], {
      ipv6: true,
      captureDns: false,
      bypassInbound: false,
      virtualInterfaces: [],
      probeAddresses,
    });
  }
  assert.is(await ask(socket, { kind: 'snapshot-sent' }), '');
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
